package docs

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/token"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// User is what Connect assigns, in phoenix.md.
type User struct{ Admin bool }

// A handler is made for each join; its fields are the channel's assigns.
type Room struct {
	who  *presence.Tracker
	name string
	sent int
}

type JoinRoom struct {
	Name string `json:"name"`
}

func (r *Room) Join(c *ws.Channel, topic string, in ws.Payload) (any, error) {
	p, err := ws.Decode[JoinRoom](in)
	if err != nil {
		return nil, err // {"reason": "invalid payload", "fields": {"name": "is missing"}}
	}
	r.name = p.Name
	r.who.Enter(c, r.name, nil) // send(self(), :after_join)
	return map[string]string{"id": strings.TrimPrefix(topic, "room:")}, nil
}

var roomEvents = ws.Events[*Room]{
	"new_msg": ws.On((*Room).NewMsg),
}

type NewMsg struct {
	Body string `json:"body"`
}

func (r *Room) NewMsg(c *ws.Channel, in NewMsg) (ws.Reply, error) {
	err := c.Broadcast("new_msg", map[string]string{"body": in.Body, "from": r.name})
	if err != nil {
		return ws.NoReply, err // like broadcast!, which raises before there is a reply
	}
	r.sent++
	return ws.OK(nil), nil
}

func (r *Room) Intercepts() []string { return []string{"secret"} }

func (r *Room) HandleOut(c *ws.Channel, event string, payload ws.Payload) error {
	if !ws.AssignsOf[User](c).Admin {
		return nil
	}
	return c.Push(event, payload)
}

func (r *Room) Terminate(c *ws.Channel, reason error) {}

func newRooms(sys *actor.System) (*ws.Endpoint, error) {
	who, err := presence.Start(sys, presence.Config{})
	if err != nil {
		return nil, err
	}
	return ws.Start(sys, ws.Config{Trackers: []ws.Tracker{who}, Sockets: []ws.Socket{{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("room:*", func() *Room { return &Room{who: who} }, roomEvents)},
	}}})
}

func TestTheRoomOfThePhoenixGuideWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endpoint := wstest.Start(t, newRooms)
		join := func(name string, user User) *wstest.Channel {
			client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{Assigns: user})
			client.JoinRefused("room:1", nil, ws.Invalid("name", "is missing"))
			room, reply := client.Join("room:1", JoinRoom{name})
			if got := string(reply.Bytes()); got != `{"id":"1"}` {
				t.Error(got)
			}
			room.AssertPush("presence_state")
			return room
		}
		ann, bob := join("ann", User{Admin: true}), join("bob", User{})
		ann.AssertPush("presence_diff", wstest.Partial{"joins": wstest.Partial{"bob": wstest.Any}})
		bob.AssertReply(bob.Push("new_msg", NewMsg{"hello"}), "ok", nil)
		ann.AssertPush("new_msg", map[string]string{"body": "hello", "from": "bob"})
		bob.Inspect(func(h ws.Handler) {
			if sent := h.(*Room).sent; sent != 1 {
				t.Errorf("%d sent", sent)
			}
		})
		if err := endpoint.Broadcast("room:1", "secret", nil); err != nil {
			t.Fatal(err)
		}
		ann.AssertPush("secret")
		bob.RefutePush("secret")
	})
}

// A migration: new tokens are of package token, and Phoenix's are taken until the last day.
func tokenKeys(secret, secretKeyBase string, lastDay time.Time) token.Keys {
	return token.Keys{
		Current: token.NewKey(secret),
		Previous: []token.Previous{{
			Key:   token.PhoenixKey(secretKeyBase, token.PhoenixOptions{MaxAge: 14 * 24 * time.Hour}),
			Until: lastDay,
		}},
	}
}

// connect lets in a client whose authToken says who it is.
func connect(keys token.Keys) func(*ws.Request) (ws.Identity, error) {
	return func(r *ws.Request) (ws.Identity, error) {
		user, err := token.Verify[int](keys, "user socket", r.AuthToken)
		if err != nil {
			return ws.Identity{}, err // status 403; the log says why, and nothing of the token
		}
		return ws.Identity{ID: fmt.Sprint("user_socket:", user.Claims), Assigns: user.Claims, Expires: user.Expires}, nil
	}
}

// The token is Phoenix.Token.sign(Endpoint, "user socket", 17), of the year 2023.
func TestTheTokensOfThePhoenixGuideAreTakenUntilTheLastDay(t *testing.T) {
	const (
		base = "troupe-secret-key-base-for-tests-only-0123456789troupe-secret-key-base-for-tests-only-0123456789"
		old  = "SFMyNTY.g2gDYRFuBgAAaOXPiwFiAAFRgA.0haxNYoV_zOsUhag2m-8co3Fz9sfOAdy8yOCbsrvT8Q"
	)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(1700000000, 0)))
		keys := tokenKeys("0123456789abcdef0123456789abcdef", base, time.Now().Add(7*24*time.Hour))
		in := func(authToken string) (string, error) {
			r := &ws.Request{Request: httptest.NewRequest("GET", "/socket/websocket", nil), AuthToken: authToken}
			identity, err := connect(keys)(r)
			return identity.ID, err
		}
		ours, err := keys.Sign("user socket", 18, 14*24*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(7*24*time.Hour - time.Nanosecond)
		if id, err := in(old); id != "user_socket:17" || err != nil {
			t.Error(id, err)
		}
		time.Sleep(time.Hour)
		if id, err := in(old); id != "" || !errors.Is(err, token.ErrInvalid) {
			t.Error(id, err)
		}
		if id, err := in(ours); id != "user_socket:18" || err != nil {
			t.Error(id, err)
		}
	})
}
