package room_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/room"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// stay has a client join a room whose members outlive their connections. It returns what the
// client joins with when it comes back; it claims to have got nothing of what was pushed.
func (h *house) stay(id, topic string) (*wstest.Client, *wstest.Channel, any) {
	h.t.Helper()
	client := h.client(id)
	ch, answer := client.Join(topic, map[string]any{"got": nil})
	ch.AssertPush("welcome")
	return client, ch, map[string]any{"resume_token": token(h.t, answer), "got": nil}
}

// token returns the token of an answer.
func token(t *testing.T, answer ws.Payload) string {
	t.Helper()
	var fields struct {
		Token string `json:"resume_token"`
	}
	if err := json.Unmarshal(answer.Bytes(), &fields); err != nil || fields.Token == "" {
		t.Fatalf("answered %s: %v", answer.Bytes(), err)
	}
	return fields.Token
}

// said returns what else an answer says.
func said(t *testing.T, answer ws.Payload) string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(answer.Bytes(), &fields); err != nil {
		t.Fatal(err)
	}
	delete(fields, "resume_token")
	text, _ := json.Marshal(fields)
	return string(text)
}

func TestAMemberOutlivesItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		bob, _ := h.client("bob").Join("stay:1", nil)
		client, ann, token := h.stay("ann", "stay:1")
		bob.AssertPush("joined")
		ann.AssertReply(ann.Push("tally", nil), "ok", map[string]int{"ann": 1})
		h.log.expect(t, "start stay:1", "join bob again=false of 1", "join ann again=false of 2")

		client.Close()
		bob.Push("shout", map[string]int{"x": 1})
		bob.AssertPush("shouted")
		h.log.expect(t)
		ann, answer := h.client("ann").Join("stay:1", token)
		if said := said(t, answer); said != `{"ann":1,"resumed":true}` {
			t.Errorf("answered %s", said)
		}
		ann.AssertPush("welcome")
		ann.AssertPush("shouted", map[string]int{"x": 1})
		ann.AssertPush("back")
		h.log.expect(t, "resumed ann of 2: missed 2, complete true")
		bob.RefutePush("joined")
		ann.AssertReply(ann.Push("tally", nil), "ok", map[string]int{"ann": 2})
	})
}

func TestAMemberThatNobodyComesBackToLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		client, _, token := h.stay("ann", "stay:1")
		client.Close()
		h.log.expect(t, "start stay:1", "join ann again=false of 1")
		time.Sleep(time.Minute + time.Second)
		h.log.expect(t, "leave ann shutdown: nobody has come back", "end shutdown")
		_, answer := h.client("ann").Join("stay:1", token)
		if said := said(t, answer); said != `{"lines":0,"resumed":false}` {
			t.Errorf("answered %s", said)
		}
		h.log.expect(t, "start stay:1", "join ann again=false of 1")
	})
}

// What Resumed returns is about the member, and a panic of it about the room.
func TestWhatResumedReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		client, _, token := h.stay("ann", "stay:banned")
		client.Close()
		h.log.expect(t, "start stay:banned", "join ann again=false of 1")
		ann, answer := h.client("ann").Join("stay:banned", token)
		if said := said(t, answer); said != `{"resumed":true}` {
			t.Errorf("answered %s", said)
		}
		ann.AssertClose()
		h.log.expect(t, "resumed ann of 1: missed 1, complete true", "leave ann normal", "end shutdown")

		// A refusal is encoded in the room's turn, for it may be of what the next event changes.
		client, was, token := h.stay("ann", "stay:refused")
		was.AssertReply(was.Push("tally", nil), "ok", map[string]int{"ann": 1})
		client.Close()
		h.log.expect(t, "start stay:refused", "join ann again=false of 1")
		back := h.client("ann")
		back.JoinRefused("stay:refused", token, map[string]int{"ann": 1})
		h.log.expect(t, "resumed ann of 1: missed 1, complete true", "leave ann normal", "end shutdown")
		_, answer = back.Join("stay:refused", token)
		if said := said(t, answer); said != `{"lines":0,"resumed":false}` {
			t.Errorf("answered %s", said)
		}
		h.log.expect(t, "start stay:refused", "join ann again=false of 1")

		client, _, token = h.stay("ann", "stay:crash")
		client.Close()
		h.log.expect(t, "start stay:crash", "join ann again=false of 1")
		ann, answer = h.client("ann").Join("stay:crash", token)
		if said := said(t, answer); said != `{"resumed":true}` {
			t.Errorf("answered %s", said)
		}
		if reason := ann.AssertCrash(); reason == nil || ann.PID().Crashed() {
			t.Errorf("ended with %v: the crash is the room's", reason)
		}
		h.log.expect(t, "resumed ann of 1: missed 1, complete true", "end panic: crash")
	})
}

// A room that is no Resumer keeps its members as well.
func TestARoomThatIsNoResumerIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rooms := room.New(room.Config{}, newOf[base], nil)
		endpoint := wstest.Start(t, func(sys *actor.System) (*ws.Endpoint, error) {
			if _, err := rooms.Start(sys); err != nil {
				return nil, err
			}
			route := rooms.Topic("stay:*")
			route.Linger = time.Minute
			return ws.Start(sys, ws.Config{Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{route}}}})
		})
		h := &house{t: t, Endpoint: endpoint}
		client := h.client("ann")
		_, answer := client.Join("stay:1", nil)
		client.Close()
		_, answer = h.client("ann").Join("stay:1", map[string]any{"resume_token": token(t, answer)})
		if said := said(t, answer); said != `{"resumed":true}` || rooms.Count() != 1 {
			t.Errorf("answered %s, and there are %d rooms", said, rooms.Count())
		}
	})
}
