package main

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The browser tests in examples/e2e use the page; these the room alone.
func inRoom(t *testing.T, f func(t *testing.T, ann, bob *wstest.Channel)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		endpoint := wstest.Start(t, newEndpoint)
		join := func(user string) *wstest.Channel {
			client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{})
			client.JoinRefused(t, "room:lobby", nil, ws.Invalid("user", "is missing"))
			room, _ := client.Join(t, "room:lobby", Visitor{user})
			return room
		}
		f(t, join("ann"), join("bob"))
	})
}

func TestRoomShowsWhoIsThere(t *testing.T) {
	inRoom(t, func(t *testing.T, ann, bob *wstest.Channel) {
		bob.AssertPush(t, "presence_state", wstest.Partial{"ann": wstest.Any})
		ann.AssertPush(t, "presence_diff", wstest.Partial{"joins": wstest.Partial{"bob": wstest.Any}})
		bob.AssertReply(t, bob.Leave(t), "ok")
		ann.AssertPush(t, "presence_diff", wstest.Partial{"leaves": wstest.Partial{"bob": wstest.Any}})
	})
}

func TestRoomPassesMessagesOn(t *testing.T) {
	inRoom(t, func(t *testing.T, ann, bob *wstest.Channel) {
		hello := Message{User: "ann", Body: "hello"}
		ann.AssertReply(t, ann.Push(t, "new_msg", hello), "ok", nil)
		ann.AssertPush(t, "new_msg", hello)
		bob.AssertPush(t, "new_msg", hello)
	})
}

func TestRoomSurvivesTheCrashButton(t *testing.T) {
	inRoom(t, func(t *testing.T, ann, bob *wstest.Channel) {
		ann.Push(t, "crash", nil)
		if _, ok := errors.AsType[*actor.PanicError](ann.AssertCrash(t)); !ok {
			t.Error("no panic")
		}
		still := Message{User: "bob", Body: "still here"}
		bob.AssertReply(t, bob.Push(t, "new_msg", still), "ok")
		bob.AssertPush(t, "new_msg", still)
		ann.RefutePush(t, "new_msg")
	})
}

func TestRoomSaysWhatIsWrongWithAMessage(t *testing.T) {
	inRoom(t, func(t *testing.T, ann, bob *wstest.Channel) {
		for problem, in := range map[string]any{
			"is missing":                     map[string]string{"user": "ann"},
			"is empty":                       Message{User: "ann"},
			"must be a string, not a number": map[string]any{"user": "ann", "body": 17},
			"is longer than 4000 bytes":      Message{User: "ann", Body: strings.Repeat("x", 4001)},
		} {
			ref := ann.Push(t, "new_msg", in)
			ann.AssertReply(t, ref, "error", wstest.Partial{"fields": map[string]string{"body": problem}})
		}
		bob.RefutePush(t, "new_msg")
	})
}

func TestPageIsEmbeddedAndLoadsNothingFromElsewhere(t *testing.T) {
	names, err := fs.Glob(page, "page/*")
	if err != nil || len(names) < 3 {
		t.Fatalf("embedded %v, %v", names, err)
	}
	for _, name := range names {
		text, err := page.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		links := strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", "") // a name, not an address
		for _, scheme := range []string{"http://", "https://"} {
			if strings.Contains(links, scheme) {
				t.Errorf("%s mentions %s", name, scheme)
			}
		}
	}
}
