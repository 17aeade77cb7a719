package docs

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
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
