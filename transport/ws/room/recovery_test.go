package room_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/room"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// ledger is a room on a recorded topic. It shows its entries to those only that do not get them
// from the log.
type ledger struct {
	entries []int
	release chan struct{}
}

func (l *ledger) Join(m *room.Member, _ ws.Payload) (any, error) {
	if r, named := m.Recovery(); named && r.Complete {
		return nil, nil
	}
	return l.shown(), nil
}

func (l *ledger) Resumed(m *room.Member, r ws.Resumption) (any, error) {
	if recovery, named := m.Recovery(); named && recovery.Complete && r.Complete {
		return nil, nil
	}
	return l.shown(), nil
}

func (l *ledger) Enter(m *room.Member, in add) (ws.Reply, error) {
	l.entries = append(l.entries, in.N)
	return ws.OK(nil), m.Broadcast("entered", in)
}

// Hold has the room busy until the test goes on.
func (l *ledger) Hold(*room.Member, ws.Payload) (ws.Reply, error) {
	<-l.release
	return ws.NoReply, nil
}

func (l *ledger) shown() any { return map[string]any{"entries": l.entries} }

// A client that is back gets what it has missed once: in the answer to its join, or behind it.
func TestMembersGetWhatTheyHaveMissedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		linger                 time.Duration // of the route
		first, complete, other string        // answers
	}{
		"joined again": {0, `{"entries":[1]}`, `{}`, `{"entries":[1,2,3,4,5,6]}`},
		"resumed":      {time.Minute, `{"entries":[1],"resumed":false}`, `{"resumed":true}`, `{"entries":[1,2,3,4,5,6],"resumed":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := openLedgers(t, c.linger)
				bob, _ := h.client("bob").Join("ledger:1", nil)
				enter := func(numbers ...int) {
					for _, n := range numbers {
						bob.AssertReply(bob.Push("enter", add{n}), "ok")
					}
				}
				params := map[string]any{"since": nil, "got": nil}
				join := func(want string) (*wstest.Client, *wstest.Channel) {
					t.Helper()
					client := h.client("ann")
					ann, answer := client.Join("ledger:1", params)
					if said := said(t, answer); said != want {
						t.Errorf("answered %s, want %s", said, want)
					}
					if c.linger > 0 {
						params["resume_token"] = token(t, answer)
					}
					return client, ann
				}
				gets := func(ann *wstest.Channel, numbers ...int) {
					t.Helper()
					for _, n := range numbers {
						ann.AssertPush("entered", add{n})
					}
					ann.RefutePush("entered")
				}
				lose := func(client *wstest.Client) {
					log, err := h.Recorded(t.Context(), "ledger:1", ws.Position{}, 0)
					if err != nil {
						t.Fatal(err)
					}
					params["since"] = log.To
					client.Close()
				}

				enter(1)
				client, ann := join(c.first)
				enter(2)
				gets(ann, 2)
				lose(client)
				enter(3, 4)
				client, ann = join(c.complete)
				enter(5)
				gets(ann, 3, 4, 5)
				lose(client)
				enter(6)
				params["since"] = "@other:1"
				_, ann = join(c.other)
				enter(7)
				gets(ann, 7)
			})
		})
	}
}

// What the room does between the moment when a client is back and the room's turn is in the state
// that the client is shown, and does not come behind that once more.
func TestAStateHasWhatTheRoomDoesBeforeItsTurn(t *testing.T) {
	for name, linger := range map[string]time.Duration{"joined again": 0, "resumed": time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := openLedgers(t, linger)
				bob, _ := h.client("bob").Join("ledger:1", nil)
				cid, _ := h.client("cid").Join("ledger:1", nil)
				client := h.client("ann")
				_, answer := client.Join("ledger:1", nil)
				params := map[string]any{"since": "@other:1"}
				if linger > 0 {
					params["resume_token"] = token(t, answer)
				}
				client.Close()
				back := h.client("ann")
				var ann *wstest.Channel
				done := make(chan struct{})
				bob.Push("hold", nil)
				cid.Push("enter", add{1})
				synctest.Wait()
				go func() {
					defer close(done)
					ann, answer = back.Join("ledger:1", params)
				}()
				synctest.Wait() // she is back, and the room is at neither
				close(h.release)
				<-done
				if got := said(t, answer); !strings.HasPrefix(got, `{"entries":[1]`) {
					t.Errorf("answered %s", got)
				}
				ann.RefutePush("entered")
				cid.Push("enter", add{2})
				ann.AssertPush("entered", add{2})
			})
		})
	}
}

// ledgers are rooms on recorded topics.
type ledgers struct {
	*house
	release chan struct{} // that Hold waits for
}

// openLedgers has ledgers on recorded topics whose channels linger for so long.
func openLedgers(t *testing.T, linger time.Duration) ledgers {
	release := make(chan struct{})
	rooms := room.New(room.Config{}, func(string) *ledger { return &ledger{release: release} }, room.Events[*ledger]{
		"enter": room.On((*ledger).Enter), "hold": room.OnPayload((*ledger).Hold),
	})
	return ledgers{&house{t: t, Endpoint: wstest.Start(t, func(sys *actor.System) (*ws.Endpoint, error) {
		if _, err := rooms.Start(sys); err != nil {
			return nil, err
		}
		route := rooms.Topic("ledger:*")
		route.History, route.Linger = new(ws.History), linger
		return ws.Start(sys, ws.Config{Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{route}}}})
	})}, release}
}
