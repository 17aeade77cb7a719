package ws

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// maxTopic is how many bytes the topic of a channel may have, and its join ref: the
// connection keeps both for as long as the client is in.
const maxTopic = 1024

// Route gives the topics of a pattern to one kind of channel. [Topic] makes it.
type Route struct {
	pattern    string
	newHandler func() Handler
	handler    reflect.Type // what newHandler is declared to return
	use        []Middleware
	unset      []string // events of the table whose functions are nil

	join     JoinFunc // with the middleware
	handleIn HandleInFunc
}

// Topic returns the route of a pattern: a topic, or one that ends in "*" and then stands
// for all topics with that prefix. "room:*" matches "room:lobby" and "room:". Topics are
// case-sensitive.
//
// newHandler returns the handler of a channel that is being joined. It is called once for
// each join, so a handler's fields are the state of one channel. The table of events, which
// may be nil, says what the handler does on what the client pushes; what it lacks is for
// the handler's HandleIn, see [InHandler]. Middleware is around the handler, the outermost
// first.
//
//	Channels: ws.Routes{ws.Topic("room:*", newRoom, roomEvents, membersOnly)}
//
// Phoenix: channel "room:*", RoomChannel.
func Topic[H Handler](pattern string, newHandler func() H, events Events[H], use ...Middleware) Route {
	r := Route{pattern: pattern, handler: reflect.TypeFor[H](), use: use, join: callJoin}
	if newHandler != nil {
		r.newHandler = func() Handler { return newHandler() }
	}
	r.handleIn = callHandleIn
	if len(events) > 0 {
		r.handleIn = func(c *Channel, event string, in Payload) (Reply, error) {
			if f, ok := events[event]; ok {
				return f(c.handler.(H), c, in)
			}
			return callHandleIn(c, event, in)
		}
	}
	for event, f := range events {
		if f == nil {
			r.unset = append(r.unset, event)
		}
	}
	return r
}

func callJoin(c *Channel, topic string, in Payload) (any, error) {
	return c.handler.Join(c, topic, in)
}

func callHandleIn(c *Channel, event string, in Payload) (Reply, error) {
	if h, ok := c.handler.(InHandler); ok {
		return h.HandleIn(c, event, in)
	}
	return UnknownEvent, nil
}

// Routes are tried in order; the first that matches a topic has it.
type Routes []Route

func (rs Routes) match(topic string) *Route {
	for i := range rs {
		prefix, wild := strings.CutSuffix(rs[i].pattern, "*")
		if topic == prefix || wild && strings.HasPrefix(topic, prefix) {
			return &rs[i]
		}
	}
	return nil
}

func (rs Routes) validate() error {
	for i, r := range rs {
		switch {
		case r.pattern == "":
			return fmt.Errorf("route %d: empty pattern", i)
		case strings.Contains(strings.TrimSuffix(r.pattern, "*"), "*"):
			return fmt.Errorf("route %q: a * is allowed at the end only", r.pattern)
		case r.newHandler == nil:
			return fmt.Errorf("route %q: no function that makes a handler", r.pattern)
		case len(r.unset) > 0:
			return fmt.Errorf("route %q: event %q has no function", r.pattern, slices.Min(r.unset))
		}
	}
	return nil
}

// wrapped returns the routes with their middleware put together, and the given ones
// around it.
func (rs Routes) wrapped(around ...Middleware) Routes {
	rs = slices.Clone(rs)
	for i := range rs {
		r := &rs[i]
		for _, m := range slices.Backward(slices.Concat(around, r.use)) { // the first is outermost
			if m.Join != nil {
				r.join = m.Join(r.join)
			}
			if m.HandleIn != nil {
				r.handleIn = m.HandleIn(r.handleIn)
			}
		}
	}
	return rs
}
