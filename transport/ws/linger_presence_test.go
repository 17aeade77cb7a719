package ws_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// present is a handler whose client is present by its socket ID.
type present struct{ who *presence.Tracker }

func (p present) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	p.who.Enter(c, c.SocketID(), struct{}{})
	return nil, nil
}

func (p present) Resumed(c *ws.Channel, r ws.Resumption) (any, error) {
	return map[string]bool{"complete": r.Complete}, p.who.PushState(c) // which the official client's Presence waits for
}

// Nobody is told that a client was away for three seconds: not those that watch, and not the
// client itself.
func TestPresenceDoesNotFlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		who := presence.New(presence.Config{})
		sys := newSystem()
		if _, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{who.Child()}}); err != nil {
			t.Fatal(err)
		}
		room := ws.Topic("room:*", func() present { return present{who} }, nil)
		room.Linger = 10 * time.Second
		l := newPipeListener()
		s := serveConfig(t, sys, l, plain, ws.Config{Trackers: []ws.Tracker{who}, Sockets: []ws.Socket{{
			Path: "/socket", Channels: ws.Routes{room}, IdleTimeout: time.Hour,
			Connect: func(r *ws.Request) (ws.Identity, error) { return ws.Identity{ID: r.Params.Get("user")}, nil },
		}}})
		s.addr, s.dialer = "memory", l.dial
		watch := s.connectWith(t, "user=watch")
		watch.joins("1", "room:a", `{}`)
		seen := watch.follows()
		c := s.connectWith(t, "user=ann")
		w := c.joins("1", "room:a", `{}`)
		c.follows()
		time.Sleep(time.Second)
		if n := len(seen); n < 2 {
			t.Errorf("those that watch saw %d events, want the state and that the client has come", n)
		}
		for len(seen) > 0 {
			<-seen
		}
		c.lose()
		time.Sleep(3 * time.Second)
		c = s.connectWith(t, "user=ann")
		if w = c.joins("2", "room:a", with(w)); !*w.Resumed {
			t.Error("not resumed")
		}
		again := c.follows()
		time.Sleep(time.Minute)
		if len(seen) > 0 {
			t.Errorf("those that watch saw %v", <-seen)
		}
		if got := <-again; got.event != "presence_state" || len(again) > 0 {
			t.Errorf("the client got %v, and %d more", got, len(again))
		}
		c.lose()
		time.Sleep(11 * time.Second)
		if got := <-seen; got.event != "presence_diff" {
			t.Errorf("when nobody came back those that watch saw %v", got)
		}
	})
}

// A client whose presence_state was lost with its connection is not resent that before the one of
// Resumed: the official client, which keeps diffs back until the first state of a join, would lose
// what changes while the second one is made.
func TestAStateOfPresenceIsNotResentBeforeALaterOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		who := presence.New(presence.Config{Fetch: func(_ context.Context, _ string, entries map[string]presence.Entry) (map[string]any, error) {
			if len(entries) > 1 { // a state, and no diff
				time.Sleep(2 * time.Second)
			}
			return nil, nil
		}})
		sys := newSystem()
		if _, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{who.Child()}}); err != nil {
			t.Fatal(err)
		}
		room := ws.Topic("room:*", func() present { return present{who} }, nil)
		room.Linger = time.Hour
		l := newPipeListener()
		s := serveConfig(t, sys, l, plain, ws.Config{Trackers: []ws.Tracker{who}, Sockets: []ws.Socket{{
			Path: "/socket", Channels: ws.Routes{room}, IdleTimeout: time.Hour,
			Connect: func(r *ws.Request) (ws.Identity, error) { return ws.Identity{ID: r.Params.Get("user")}, nil },
		}}})
		s.addr, s.dialer = "memory", l.dial
		s.connectWith(t, "user=bob").joins("1", "room:a", `{}`)
		synctest.Wait()
		ann := s.connectWith(t, "user=ann")
		w := ann.joins("1", "room:a", `{"got":null}`)
		time.Sleep(3 * time.Second) // her state is on its way
		for n := range 3 {          // what she is sent is lost each time
			ann.lose()
			ann = s.connectWith(t, "user=ann")
			ann.send(fmt.Sprintf(`["2","2","room:a","phx_join",{"resume_token":%q,"got":""}]`, w.Token))
			seen := ann.follows()
			time.Sleep(time.Second) // Resumed has read the state, and waits for Fetch
			s.connectWith(t, fmt.Sprint("user=", n)).joins("1", "room:a", `{}`)
			time.Sleep(10 * time.Second)
			var events []string
			for len(seen) > 0 {
				m := <-seen
				events = append(events, m.event)
				switch m.event {
				case "presence_state":
					if strings.Contains(m.payload, strconv.Quote(strconv.Itoa(n))) {
						t.Errorf("the state was read when the last one was there: %v", m)
					}
				case "phx_reply":
					var reply struct {
						Response struct {
							welcome
							Complete bool
						}
					}
					if err := json.Unmarshal([]byte(m.payload), &reply); err != nil || !reply.Response.Complete {
						t.Errorf("answered %v (%v), want it complete", m, err)
					}
					w = reply.Response.welcome
				}
			}
			// The diff is kept back until there is a state.
			if want := []string{"phx_reply", "presence_diff", "presence_state"}; !slices.Equal(events, want) {
				t.Errorf("the client got %v, want %v", events, want)
			}
		}
	})
}

// follows reads all that comes.
func (c *client) follows() <-chan heard {
	all := make(chan heard, 100)
	go func() {
		for {
			_, data, err := c.conn.Read(context.Background())
			if err != nil {
				return
			}
			var m [5]json.RawMessage
			var event string
			json.Unmarshal(data, &m)
			json.Unmarshal(m[3], &event)
			all <- heard{event: event, payload: string(m[4])}
		}
	}()
	return all
}
