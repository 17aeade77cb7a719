package ws_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/troupe-go/troupe/transport/ws"
)

// early is a channel that listens before its Join has returned.
type early struct{}

func (early) Join(c *ws.Channel, topic string, _ ws.Payload) (any, error) {
	e := c.Endpoint()
	tell := func(what string) error { return e.Broadcast(topic, "news", map[string]string{"what": what}) }
	errs := []error{tell("missed"), c.Listen(), tell("first"), c.Push("mine", nil), c.Listen(), tell("second")}
	if topic == "early:refused" {
		return nil, ws.Refuse(ws.Reason("no"))
	}
	return map[string]int{"n": 1}, errors.Join(errs...)
}

// What is broadcast from Listen on comes, once, in order and behind the answer.
func TestListenBeforeTheAnswer(t *testing.T) {
	s := serve(t, ws.Socket{Path: "/socket", Channels: ws.Routes{ws.Topic("early:*", func() early { return early{} }, nil)}})
	c := s.connect(t)
	c.send(`["1","1","early:a","phx_join",{}]`)
	c.expect(`["1","1","early:a","phx_reply",{"status":"ok","response":{"n":1}}]`, `[null,null,"early:a","news",{"what":"first"}]`,
		`["1",null,"early:a","mine",{}]`, `[null,null,"early:a","news",{"what":"second"}]`)
	s.Broadcast("early:a", "news", map[string]string{"what": "third"})
	c.expect(`[null,null,"early:a","news",{"what":"third"}]`)
	c.heartbeat()
}

// A client that is refused gets nothing of it.
func TestListenOfARefusedClient(t *testing.T) {
	s := serve(t, ws.Socket{Path: "/socket", Channels: ws.Routes{ws.Topic("early:*", func() early { return early{} }, nil)}})
	c := s.connect(t)
	for i := range 3 {
		c.send(fmt.Sprintf(`["%d","%[1]d","early:refused","phx_join",{}]`, i))
		c.expect(fmt.Sprintf(`["%d","%[1]d","early:refused","phx_reply",{"status":"error","response":{"reason":"no"}}]`, i))
		s.Broadcast("early:refused", "news", nil)
	}
	c.heartbeat()
}
