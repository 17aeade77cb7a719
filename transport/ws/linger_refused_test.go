package ws_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// judge is a handler that decides about its client when that is back.
type judge struct {
	who   *presence.Tracker
	ends  error
	told  chan<- error
	stall chan struct{} // what Resumed waits for; nil: nothing
}

func (j *judge) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	j.who.Enter(c, c.SocketID(), struct{}{})
	return nil, nil
}

func (j *judge) Resumed(c *ws.Channel, _ ws.Resumption) (any, error) {
	c.Push("early", nil)
	if j.stall != nil {
		<-j.stall
	}
	return map[string]int{"n": 1}, j.ends
}

func (j *judge) Terminate(c *ws.Channel, reason error) {
	c.Push("late", nil)
	j.told <- reason
}

// court is an endpoint with judges.
type court struct {
	*server
	log     *syncBuffer
	told    chan error
	resumed chan ws.Resumed
}

func newCourt(t *testing.T, ends error, stall chan struct{}) *court {
	who, told, resumed := presence.New(presence.Config{}), make(chan error, 10), make(chan ws.Resumed, 10)
	room := ws.Topic("room:*", func() *judge { return &judge{who, ends, told, stall} }, nil)
	room.Linger = time.Minute
	s, log := serveConfigLogging(t, ws.Config{Trackers: []ws.Tracker{who}, Sockets: []ws.Socket{{
		Path: "/socket", Channels: ws.Routes{room}, IdleTimeout: time.Hour,
		Connect: func(r *ws.Request) (ws.Identity, error) { return ws.Identity{ID: r.Params.Get("user")}, nil },
		Observe: observing(resumed),
	}}})
	if _, err := supervisor.Start(s.sys, supervisor.Spec{Children: []supervisor.Child{who.Child()}}); err != nil {
		t.Fatal(err)
	}
	return &court{s, log, told, resumed}
}

// A client that Resumed refuses is answered as one that Join refuses, and hears nothing else; one that
// it has done with is answered, and told that its channel closes. Both channels end in good order.
func TestAClientThatIsBackIsRefused(t *testing.T) {
	for what, test := range map[string]struct {
		ends, reason error
		status       string
		response     string // or its beginning
		follows      string
	}{
		"refused": {ws.Refuse(ws.Reason("banned")), actor.Normal, "error", `{"reason":"banned"}}]`, ""},
		"refused in other words": {
			fmt.Errorf("no: %w", ws.Refuse(ws.Reason("banned"))), actor.Normal, "error", `{"reason":"banned"}}]`, "",
		},
		"done":                {ws.Stop, actor.Normal, "ok", `{"n":1,"resume_token":"`, `["7","7","room:a","phx_close",{}]`},
		"done, in good order": {actor.Shutdown, actor.Shutdown, "ok", `{"n":1,"resume_token":"`, `["7","7","room:a","phx_close",{}]`},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newCourt(t, test.ends, nil)
				watch := s.connectWith(t, "user=watch")
				watch.joins("1", "room:a", `{}`)
				seen := watch.follows()
				c := s.connectWith(t, "user=ann")
				w := c.joins("1", "room:a", `{}`)
				time.Sleep(time.Second)
				c.lose()
				for len(seen) > 0 {
					<-seen
				}
				s.Broadcast("room:a", "news", nil)
				c = s.connectWith(t, "user=ann")
				c.send(fmt.Sprintf(`["7","7","room:a","phx_join",%s]`, with(w)))
				_, data, err := c.read()
				want := `["7","7","room:a","phx_reply",{"status":"` + test.status + `","response":` + test.response
				if err != nil || !strings.HasPrefix(string(data), want) {
					t.Errorf("answered %s, want %s", data, want)
				}
				if test.follows != "" {
					c.expect(test.follows)
				}
				if reason := <-s.told; reason != test.reason {
					t.Errorf("ended with %v, want %v", reason, test.reason)
				}
				time.Sleep(time.Second)
				c.heartbeat() // and nothing has come before that
				if got := <-seen; got.event != "news" {
					t.Errorf("another client got %v", got)
				}
				if got := <-seen; got.event != "presence_diff" || !strings.Contains(got.payload, `"leaves":{"ann"`) {
					t.Errorf("another client got %v, want that she has left", got)
				}
				refusals := map[string]uint64{"error": 1, "ok": 0}[test.status]
				if st := s.Stats(); st.Channels != 1 || st.Lingering != 0 || st.ChannelErrors != 0 || st.JoinRefusals != refusals || st.Resumes != 1-refusals {
					t.Errorf("counted %+v", st)
				}
				if o := <-s.resumed; o.Err != test.ends || o.SocketID != "ann" || o.Missed != 1 || len(s.resumed) > 0 {
					t.Errorf("observers are told of %+v", o)
				}
				if text := s.log.String(); strings.Contains(text, "level=ERROR") {
					t.Errorf("logged %s", text)
				}
				if again := c.joins("8", "room:a", with(w)); *again.Resumed {
					t.Error("the channel that has ended was resumed")
				}
			})
		})
	}
}

// A client that joins anew while Resumed decides, as the official one does that has lost patience,
// gets a new channel whatever comes of it, and is not told that the one before has crashed.
func TestAClientJoinsAnewBeforeItIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stall := make(chan struct{})
		s := newCourt(t, ws.Refuse(ws.Reason("banned")), stall)
		c := s.connectWith(t, "user=ann")
		w := c.joins("1", "room:a", `{}`)
		c.lose()
		c = s.connectWith(t, "user=ann")
		c.send(fmt.Sprintf(`["7","7","room:a","phx_join",%s]`, with(w)))
		synctest.Wait()
		c.send(fmt.Sprintf(`["8","8","room:a","phx_join",%s]`, with(w)))
		synctest.Wait()
		close(stall)
		c.expect(`["7","7","room:a","phx_reply",{"status":"error","response":{"reason":"banned"}}]`)
		_, data, err := c.read()
		if err != nil || !strings.HasPrefix(string(data), `["8","8","room:a","phx_reply",{"status":"ok"`) || !strings.Contains(string(data), `"resumed":false`) {
			t.Errorf("the next join is answered %s: %v", data, err)
		}
		follows := c.follows()
		time.Sleep(time.Second)
		for len(follows) > 0 {
			if got := <-follows; !strings.HasPrefix(got.event, "presence_") {
				t.Errorf("the client got %v", got)
			}
		}
		if reason := <-s.told; reason != actor.Normal && !errors.Is(reason, ws.Rejoined) {
			t.Errorf("ended with %v", reason)
		}
		if text := s.log.String(); strings.Contains(text, "level=ERROR") {
			t.Errorf("logged %s", text)
		}
	})
}
