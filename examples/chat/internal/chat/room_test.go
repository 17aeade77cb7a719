package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/examples/internal/killing"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts the rooms, without the web server.
func start(sys *actor.System) (*ws.Endpoint, error) {
	endpoint, children := rooms(presence.New(presence.Config{}), new(ws.History), nil, nil)
	_, err := supervisor.Start(sys, supervisor.Spec{Children: children})
	return endpoint, err
}

// The browser tests in examples/e2e use the page; these the room alone.
func inRoom(t *testing.T, f func(t *testing.T, ann, bob *wstest.Channel)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		endpoint := wstest.Start(t, start)
		join := func(user string) *wstest.Channel {
			client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{})
			client.JoinRefused("room:lobby", map[string]int{"user": 17}, ws.Invalid("user", "must be a string, not a number"))
			room, _ := client.Join("room:lobby", Visitor{user})
			return room
		}
		f(t, join("ann"), join("bob"))
	})
}

func TestRoomShowsWhoIsThere(t *testing.T) {
	inRoom(t, func(t *testing.T, ann, bob *wstest.Channel) {
		bob.AssertPush("presence_state", wstest.Partial{"ann": wstest.Any})
		ann.AssertPush("presence_diff", wstest.Partial{"joins": wstest.Partial{"bob": wstest.Any}})
		bob.AssertReply(bob.Leave(), "ok")
		ann.AssertPush("presence_diff", wstest.Partial{"leaves": wstest.Partial{"bob": wstest.Any}})
	})
}

func TestRoomPassesMessagesOn(t *testing.T) {
	inRoom(t, func(t *testing.T, ann, bob *wstest.Channel) {
		hello := Message{"ann", NewMsg{Body: "hello", ID: "1"}}
		ann.AssertReply(ann.Push("new_msg", hello.NewMsg), "ok", nil)
		ann.AssertPush("new_msg", hello)
		bob.AssertPush("new_msg", hello)
	})
}

func TestNobodySpeaksAsSomebodyElse(t *testing.T) {
	inRoom(t, func(t *testing.T, ann, bob *wstest.Channel) {
		forged := Message{"ann", NewMsg{Body: "I owe bob 100"}}
		bob.AssertReply(bob.Push("new_msg", forged), "ok")
		for _, reader := range []*wstest.Channel{ann, bob} {
			reader.AssertPush("new_msg", Message{"bob", forged.NewMsg})
			reader.RefutePush("new_msg")
		}
	})
}

func TestRoomSurvivesTheCrashButton(t *testing.T) {
	inRoom(t, func(t *testing.T, ann, bob *wstest.Channel) {
		ann.Push("crash", nil)
		if _, ok := errors.AsType[*actor.PanicError](ann.AssertCrash()); !ok {
			t.Error("no panic")
		}
		still := Message{"bob", NewMsg{Body: "still here"}}
		bob.AssertReply(bob.Push("new_msg", still.NewMsg), "ok")
		bob.AssertPush("new_msg", still)
		ann.RefutePush("new_msg")
	})
}

// An emoji is two UTF-16 code units and four bytes.
const emoji = "\U0001f3ad"

func TestRoomSaysWhatIsWrongWithAMessage(t *testing.T) {
	inRoom(t, func(t *testing.T, ann, bob *wstest.Channel) {
		for _, c := range []struct {
			in             any
			field, problem string
		}{
			{map[string]string{"user": "ann"}, "body", "is missing"},
			{NewMsg{}, "body", "is empty"},
			{NewMsg{Body: " \n\t"}, "body", "is empty"},
			{map[string]any{"body": 17}, "body", "must be a string, not a number"},
			{NewMsg{Body: strings.Repeat("x", maxBody+1)}, "body", "is longer than 2000 characters"},
			{NewMsg{Body: "x" + strings.Repeat(emoji, maxBody/2)}, "body", "is longer than 2000 characters"},
			{NewMsg{Body: "x", ID: strings.Repeat("x", maxID+1)}, "id", "is longer than 64 bytes"},
		} {
			ref := ann.Push("new_msg", c.in)
			ann.AssertReply(ref, "error", wstest.Partial{"fields": map[string]string{c.field: c.problem}})
		}
		bob.RefutePush("new_msg")
	})
}

// What the page lets through is not refused, whatever it takes in bytes.
func TestRoomCountsCharactersAsThePageDoes(t *testing.T) {
	inRoom(t, func(t *testing.T, ann, bob *wstest.Channel) {
		for _, text := range []string{"x", "\u00e9", "\u8a9e", "\ufffd"} {
			m := NewMsg{Body: strings.Repeat(text, maxBody)}
			ann.AssertReply(ann.Push("new_msg", m), "ok")
			bob.AssertPush("new_msg", Message{"ann", m})
		}
		m := NewMsg{Body: strings.Repeat(emoji, maxBody/2)}
		ann.AssertReply(ann.Push("new_msg", m), "ok")
		bob.AssertPush("new_msg", Message{"ann", m})
	})
	html, err := embedded.ReadFile("page/index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []string{
		fmt.Sprintf(`id="name" maxlength="%d"`, maxName),
		fmt.Sprintf(`id="message" data-limit="%d"`, maxBody),
	} {
		if !strings.Contains(string(html), limit) {
			t.Errorf("not in the page: %s", limit)
		}
	}
}

func TestRoomSaysWhatIsWrongWithAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := wstest.NewClient(t, wstest.Start(t, start), "/socket", ws.Identity{})
		for name, problem := range map[string]string{
			" \u2003":                              "is empty",
			strings.Repeat("x", maxName+1):         "is longer than 32 characters",
			strings.Repeat(emoji, maxName/2) + "x": "is longer than 32 characters",
		} {
			client.JoinRefused("room:lobby", Visitor{name}, ws.Invalid("user", problem))
		}
		client.Join("room:lobby", Visitor{strings.Repeat(emoji, maxName/2)})
	})
}

func TestWhoHasNoNameIsAGuest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endpoint := wstest.Start(t, start)
		names := map[string]bool{}
		for _, params := range []any{nil, Visitor{}, map[string]any{"any": []int{1}}} {
			room, reply := wstest.NewClient(t, endpoint, "/socket", ws.Identity{}).Join("room:lobby", params)
			visitor, err := ws.Decode[Visitor](reply)
			if err != nil || !strings.HasPrefix(visitor.User, "guest ") || names[visitor.User] {
				t.Errorf("in as %q, %v", visitor.User, err)
			}
			names[visitor.User] = true
			room.AssertPush("presence_state", wstest.Partial{visitor.User: wstest.Any})
			said := NewMsg{Body: "hello"}
			room.AssertReply(room.Push("new_msg", said), "ok")
			room.AssertPush("new_msg", Message{visitor.User, said})
		}
	})
}

func TestRoomReachesOverNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hub pubsub.Hub
		node := func(name string) *ws.Endpoint {
			return wstest.Start(t, func(sys *actor.System) (*ws.Endpoint, error) {
				c := Config{Cluster: pubsub.NewCluster(hub.Node(name))}
				endpoint, children := rooms(presence.New(c.presence()), new(ws.History), c.Cluster, nil)
				_, err := supervisor.Start(sys, supervisor.Spec{Children: c.member(children)})
				return endpoint, err
			})
		}
		enter := func(endpoint *ws.Endpoint, user string) *wstest.Channel {
			room, _ := wstest.NewClient(t, endpoint, "/socket", ws.Identity{}).Join("room:lobby", Visitor{user})
			room.AssertPush("presence_state", wstest.Partial{user: wstest.Any})
			return room
		}
		berlin, tokyo := node("berlin"), node("tokyo")
		ann, bob := enter(berlin, "ann"), enter(tokyo, "bob")
		ann.Within(time.Minute).AssertPush("presence_diff", wstest.Partial{"joins": wstest.Partial{"bob": wstest.Any}})
		for _, from := range []struct {
			room *wstest.Channel
			user string
		}{{ann, "ann"}, {bob, "bob"}} {
			said := Message{from.user, NewMsg{Body: "hello from " + from.user}}
			from.room.AssertReply(from.room.Push("new_msg", said.NewMsg), "ok")
			for _, room := range []*wstest.Channel{ann, bob} {
				room.AssertPush("new_msg", said)
			}
		}
	})
}

func TestChatDoesNotOutliveItsFailure(t *testing.T) {
	works := func(ctx context.Context, c *wsclient.Client) error {
		lobby := c.Channel("room:lobby", nil)
		defer lobby.Leave(ctx)
		if _, err := lobby.Join(ctx); err != nil {
			return err
		}
		_, err := lobby.Push(ctx, "new_msg", NewMsg{Body: "hello"})
		return err
	}
	t.Run("on one node", func(t *testing.T) {
		killing.EachChild(t, programOf(t, func() Config { return Config{} }), works)
	})
	t.Run("in a cluster", func(t *testing.T) {
		killing.EachChild(t, programOf(t, func() Config {
			return Config{Cluster: pubsub.NewCluster(new(pubsub.Hub).Node("berlin"))}
		}), works)
	})
}
