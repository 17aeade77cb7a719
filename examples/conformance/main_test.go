package main

import (
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// start starts the rooms, without the web server.
func start(sys *actor.System) (*ws.Endpoint, error) {
	endpoint, children := rooms()
	_, err := supervisor.Start(sys, supervisor.Spec{Children: children})
	return endpoint, err
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The tests in examples/e2e try every event with the official client, over a network;
// these say what the channels do, one event after the other.
func conformance(t *testing.T, f func(t *testing.T, endpoint *ws.Endpoint)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(t, wstest.Start(t, start)) })
}

func connectAs(t *testing.T, endpoint *ws.Endpoint, user string) *wstest.Client {
	t.Helper()
	client, err := wstest.Connect(t, endpoint, "/socket", &ws.Request{Params: url.Values{"user_id": {user}}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestConnectRefusesTheBadToken(t *testing.T) {
	conformance(t, func(t *testing.T, endpoint *ws.Endpoint) {
		for _, r := range []*ws.Request{{Params: url.Values{"token": {"bad"}}}, {AuthToken: "bad"}} {
			if _, err := wstest.Connect(t, endpoint, "/socket", r); err == nil {
				t.Error("connected")
			}
		}
	})
}

func TestJoinAnswers(t *testing.T) {
	conformance(t, func(t *testing.T, endpoint *ws.Endpoint) {
		client := connectAs(t, endpoint, "ann")
		client.JoinRefused("room:private", nil, ws.Reason("unauthorized"))
		client.JoinRefused("room:crashjoin", nil, ws.Reason("join crashed"))
		client.JoinRefused("other:a", nil, ws.Reason("unmatched topic"))
		_, reply := client.Join("room:a", map[string]int{"x": 1})
		if got := string(reply.Bytes()); got != `{"joined":"room:a","params":{"x":1}}` {
			t.Error(got)
		}
	})
}

func TestEventsAreAnswered(t *testing.T) {
	conformance(t, func(t *testing.T, endpoint *ws.Endpoint) {
		room, _ := connectAs(t, endpoint, "ann").Join("room:a", nil)
		p := map[string]int{"x": 1}
		for _, c := range []struct {
			event  string
			in     any
			status string
			want   any
		}{
			{"echo", p, "ok", p},
			{"echo", ws.Binary([]byte{0, 255}), "ok", ws.Binary([]byte{0, 255})},
			{"fail", p, "error", ws.Reason("failed")},
			{"later", p, "ok", p},
			{"slow", map[string]int{"ms": 100}, "ok", nil},
			{"slow", nil, "error", ws.Invalid("ms", "is missing")},
			{"assigns", nil, "ok", nil},
			{"assign", p, "ok", nil},
			{"assign", map[string]string{"y": "2"}, "ok", nil},
			{"assigns", nil, "ok", map[string]any{"x": 1, "y": "2"}},
			{"whoami", nil, "ok", map[string]any{"user_id": "ann", "auth_token": nil}},
			{"nonsense", nil, "error", ws.Reason("unknown event")},
		} {
			room.AssertReply(room.Push(c.event, c.in), c.status, c.want)
		}
		room.RefuteReply(room.Push("noreply", p), "")
		room.AssertReply(room.Push("push_me", p), "ok", nil)
		room.AssertPush("pushed", p)
		later := room.Push("later", p)
		room.Within(49*time.Millisecond).RefuteReply(later, "")
		room.AssertReply(later, "ok", p)
	})
}

func TestBroadcastsReachTheRoom(t *testing.T) {
	conformance(t, func(t *testing.T, endpoint *ws.Endpoint) {
		ann, _ := connectAs(t, endpoint, "ann").Join("room:a", nil)
		bob, _ := connectAs(t, endpoint, "bob").Join("room:a", nil)
		muted, _ := connectAs(t, endpoint, "muted").Join("room:a", nil)
		for _, p := range []any{map[string]int{"x": 1}, ws.Binary([]byte{0, 255})} {
			ann.AssertReply(ann.Push("shout", p), "ok", nil)
			ann.AssertReply(ann.Push("shout_others", p), "ok", nil)
			bob.AssertPush("shout", p)
			bob.AssertPush("shout_others", p)
			ann.AssertPush("shout", p)
			ann.RefutePush("shout_others")
		}
		ann.AssertReply(ann.Push("intercepted", map[string]int{"x": 3}), "ok", nil)
		ann.AssertPush("intercepted", map[string]any{"x": 3, "seen_by": "ann"})
		bob.AssertPush("intercepted", map[string]any{"x": 3, "seen_by": "bob"})
		muted.RefutePush("intercepted")
	})
}

func TestChannelsEnd(t *testing.T) {
	conformance(t, func(t *testing.T, endpoint *ws.Endpoint) {
		client := connectAs(t, endpoint, "ann")
		room, _ := client.Join("room:a", nil)
		room.Push("crash", nil)
		room.AssertCrash()
		room, _ = client.Join("room:a", nil)
		room.AssertReply(room.Push("stop", nil), "ok", nil)
		room.AssertClose()

		bob, _ := connectAs(t, endpoint, "bob").Join("room:a", nil)
		bob.AssertReply(bob.Push("disconnect_user", map[string]string{"user_id": "ann"}), "ok", nil)
		if code, _ := client.AssertDisconnect(); code != 1001 {
			t.Error(code)
		}
	})
}

func TestPresenceIsTold(t *testing.T) {
	conformance(t, func(t *testing.T, endpoint *ws.Endpoint) {
		ann, _ := connectAs(t, endpoint, "ann").Join("presence:a", nil)
		ann.AssertPush("presence_state")
		bob, _ := connectAs(t, endpoint, "bob").Join("presence:a", nil)
		bob.AssertPush("presence_state", wstest.Partial{"ann": wstest.Any})
		ann.AssertPush("presence_diff", wstest.Partial{"joins": wstest.Partial{"bob": wstest.Any}})
		ann.AssertReply(ann.Push("set_status", map[string]string{"status": "away"}), "ok", nil)
		bob.AssertPush("presence_diff", func(p ws.Payload) bool {
			var diff struct {
				Joins map[string]struct {
					Metas []struct {
						Status string
						Prev   string `json:"phx_ref_prev"`
					}
				}
			}
			return p.Decode(&diff) == nil && len(diff.Joins["ann"].Metas) == 1 &&
				diff.Joins["ann"].Metas[0].Status == "away" && diff.Joins["ann"].Metas[0].Prev != ""
		})
	})
}
