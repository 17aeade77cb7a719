package ws_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// watcher monitors and links to the actors that it is sent.
type watcher struct{ ended chan<- error }

type link struct{ to actor.PID }

func (watcher) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

func (watcher) HandleIn(*ws.Channel, string, ws.Payload) (ws.Reply, error) { return ws.OK(nil), nil }

func (watcher) HandleInfo(c *ws.Channel, msg any) error {
	switch msg := msg.(type) {
	case actor.PID:
		c.Context().Monitor(msg)
	case link:
		return c.Context().Link(msg.to)
	case actor.Down:
		return c.Push("down", ws.Reason(msg.Reason.Error()))
	}
	return nil
}

func (w watcher) Terminate(_ *ws.Channel, reason error) { w.ended <- reason }

// watching runs f with a channel of a watcher, and an actor to be watched.
func watching(t *testing.T, f func(t *testing.T, room *wstest.Channel, other actor.PID, ended <-chan error)) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		sys := actortest.NewSystem(t, actortest.Silent())
		endpoint := wstest.NewEndpoint(t, ws.Socket{
			Path:     "/socket",
			Channels: ws.Routes{ws.Topic("*", func() watcher { return watcher{ended} }, nil)},
		})
		probe := actortest.NewProbe[int](t, sys)
		room, _ := wstest.NewClient(t, endpoint, "/socket", ws.Identity{}).Join("room", nil)
		f(t, room, probe.PID(), ended)
	})
}

// MON-1: a monitor's message comes to HandleInfo, as in Phoenix.
func TestAChannelHearsOfTheEndOfWhatItMonitors(t *testing.T) {
	watching(t, func(t *testing.T, room *wstest.Channel, other actor.PID, _ <-chan error) {
		room.Ref().Send(other)
		room.AssertReply(room.Push("sync", nil), "ok")
		actortest.Crash(t, other, nil)
		room.AssertPush("down", ws.Reason(actortest.ErrInjected.Error()))
		room.AssertReply(room.Push("sync", nil), "ok")
	})
}

// LNK-1: a link ends the channel along with what it is linked to. END-2, END-3, END-5
func TestAChannelEndsWithWhatItIsLinkedTo(t *testing.T) {
	for name, reason := range map[string]error{
		"crash":    errSecret,
		"shutdown": actor.Shutdown, // the client wanted no such thing, and joins again
	} {
		t.Run(name, func(t *testing.T) {
			watching(t, func(t *testing.T, room *wstest.Channel, other actor.PID, ended <-chan error) {
				room.Ref().Send(link{other})
				room.AssertReply(room.Push("sync", nil), "ok")
				actortest.Crash(t, other, reason)
				if got := room.AssertCrash(); !errors.Is(got, reason) {
					t.Errorf("crashed with %v", got)
				}
				if got := <-ended; !errors.Is(got, reason) {
					t.Errorf("terminated with %v", got)
				}
			})
		})
	}
	t.Run("normal end", func(t *testing.T) {
		watching(t, func(t *testing.T, room *wstest.Channel, other actor.PID, _ <-chan error) {
			room.Ref().Send(link{other})
			room.AssertReply(room.Push("sync", nil), "ok")
			actortest.Crash(t, other, actor.Normal)
			room.AssertReply(room.Push("sync", nil), "ok")
		})
	})
}
