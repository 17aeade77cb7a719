package ws

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// gated is a connection on which the event "slow" is on its way until it may go on.
type gated struct {
	transport
	entered, goOn chan struct{}
}

func (g *gated) send(f frame.Sealed) {
	if strings.Contains(string(f.Bytes()), `"slow"`) {
		close(g.entered)
		<-g.goOn
	}
	g.transport.send(f)
}

// texts returns all that was sent.
func (g *gated) texts() (all []string) {
	switch t := g.transport.(type) {
	case *memoryLine:
		t.mu.Lock()
		defer t.mu.Unlock()
		return slices.Clone(t.got)
	case *poller:
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, f := range t.box.waiting {
			all = append(all, string(f.Payload()))
		}
	}
	return all
}

// has reports whether an event was sent.
func (g *gated) has(event string) bool {
	return slices.ContainsFunc(g.texts(), func(text string) bool { return strings.Contains(text, `"`+event+`"`) })
}

// parter ends as it is told, and may say farewell.
type parter struct {
	mute
	says string
}

func (p *parter) HandleIn(_ *Channel, event string, _ Payload) (Reply, error) {
	switch event {
	case "crash":
		return NoReply, errors.New("crash")
	case "farewell":
		p.says = event
	}
	return NoReply, Stop
}

func (p *parter) Terminate(c *Channel, reason error) {
	if p.says != "" || reason == Rejoined {
		c.Broadcast("farewell", nil)
	}
}

// A message is on its way to a channel that ends: it comes before word of that, so that the client
// can say at its next join that it has got it. So does what the channel broadcasts in Terminate,
// unless its client has joined anew: that one gets it from the log.
func TestNothingComesBehindTheEndOfAChannel(t *testing.T) {
	for _, transport := range []string{"websocket", "longpoll"} {
		for _, c := range []struct{ cause, in, want string }{
			{"close", `["1","2","room:a","close",{}]`, "slow, phx_close"},
			{"crash", `["1","2","room:a","crash",{}]`, "slow, phx_error"},
			{"farewell", `["1","2","room:a","farewell",{}]`, "slow, farewell, phx_close"},
			{"rejoin", `["2","2","room:a","phx_join",{"since":"unknown"}]`, "slow, phx_close, phx_reply, phx_recovery"},
		} {
			t.Run(transport+"/"+c.cause, func(t *testing.T) { endWithAMessageOnItsWay(t, transport, c.in, c.want) })
		}
	}
}

func endWithAMessageOnItsWay(t *testing.T, transport, in, want string) {
	rooms := Topic("room:*", func() *parter { return new(parter) }, nil)
	rooms.History = &History{}
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	e, err := Start(sys, Config{Sockets: []Socket{{Path: "/socket", Channels: Routes{rooms}, LongPoll: true}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(e.Shutdown(t.Context()), sys.Shutdown(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	seat, _ := e.admit(&e.mounts[0], peer{})
	g := &gated{entered: make(chan struct{}), goOn: make(chan struct{})}
	if g.transport = &(memoryLine{seat: seat}); transport == "longpoll" {
		g.transport = newPoller(seat, &e.mounts[0], uuid.New())
	}
	session := newSession(e, &e.mounts[0], g, Identity{}, wire.V2{})
	if !seat.start(session) {
		t.Fatal("not started")
	}
	receive := func(text string) { session.ctx.Self().Send(sessionMsg{op: opFrame, data: []byte(text)}) }
	receive(`["1","1","room:a","phx_join",{"since":null}]`)
	for !g.has(wire.EventPosition) {
		runtime.Gosched()
	}
	joined, r := len(g.texts()), e.recorderOn("room:a")
	channel := r.channels()[0]
	var broadcast sync.WaitGroup
	broadcast.Go(func() { e.Broadcast("room:a", "slow", nil) })
	<-g.entered
	receive(in)
	for n := 0; n < 1000 && r.leaving(channel.line()) == nil; n++ {
		runtime.Gosched()
	}
	for n := 0; n < 1000 && channel.PID().Alive(); n++ {
		runtime.Gosched()
	}
	if got := g.texts()[joined:]; len(got) > 0 {
		t.Errorf("while the message is on its way the client got %q", got)
	}
	close(g.goOn)
	broadcast.Wait()
	<-channel.PID().Done()
	last := want[strings.LastIndex(want, " ")+1:]
	for !g.has(last) {
		runtime.Gosched()
	}
	var got []string
	for _, text := range g.texts()[joined:] {
		var event string
		for _, e := range []string{"slow", "farewell", wire.EventClose, wire.EventError, wire.EventReply, wire.EventRecovery} {
			if strings.Contains(text, fmt.Sprintf("%q", e)) {
				event = e
			}
		}
		got = append(got, event)
	}
	if list := strings.Join(got, ", "); list != want {
		t.Errorf("got %s; want %s", list, want)
	}
}
