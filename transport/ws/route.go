package ws

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// maxTopic is how many bytes the topic of a channel may have, and its join ref: the
// connection keeps both for as long as the client is in.
const maxTopic = 1024

// Route gives the topics of a pattern to one kind of channel. [Topic] makes it.
type Route struct {
	// History has what is broadcast on the topics recorded, for clients that were away; nil:
	// it is not. Where several sockets have the topics, one History counts for all of them.
	History *History

	// Linger is how long a channel stays when its connection was lost and its client has not
	// left it; 0: it ends with the connection. Its handler goes on meanwhile, with its fields,
	// its timers and its presence, and what is pushed and broadcast to it is kept, within
	// bounds: see Socket.MaxLingering, MaxLingeringPerUser and MaxLingerBytes. When the client
	// comes back with the token that the answer to its join has carried, the channel is its own again: no Join, and
	// no presence that goes and comes. See [Resumer] for what the handler is told. If nobody
	// comes, it ends with [Lingered].
	//
	// The token is the field resume_token of the answer to each join, which must be a JSON
	// object, and the client sends it as a parameter of that name. The field resumed says
	// whether the channel was there. A client that sends a parameter got as well, be it null
	// at first, has pushes numbered by their ref, "~id:number"; it sends the last one as got,
	// and the server sends what came after it: also what was pushed over the connection before
	// that was known to be lost. The lines for the official client are in docs/guide/missed.md.
	//
	// A token holds until the client has shown to have the next one, at this endpoint, for clients
	// of the same Identity.ID, on the same topic. Without an ID it holds for all of them: it is a
	// secret. With any other the client joins as if it had none. A connection that is not known to
	// be lost has the channel no longer: a client that is still there is told of an error.
	//
	// What ends channels ends those that linger as well, with the reason that they would have
	// otherwise: [Endpoint.Drain] and the end of the endpoint, [Endpoint.Disconnect], an
	// Identity that expires, [Channel.Expire]. They count neither as connections nor for
	// MaxPerUser. A client that is closed because it does not read, or sends what makes no
	// sense, has its channels ended. An answer by a [ReplyRef] goes over the connection that
	// its question came on, and is lost with that.
	//
	// Phoenix: none.
	Linger time.Duration

	pattern    string
	newHandler func() Handler
	handler    reflect.Type // what newHandler is declared to return
	use        []Middleware
	events     []string // of the table, in order
	unset      []string // those whose functions are nil

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
// Mistakes fail the start of the endpoint: a pattern that is none, a table with an event of
// the protocol's own (phx_…) or without a function, an optional method of the handler with
// another signature than its interface has.
//
//	Channels: ws.Routes{ws.Topic("room:*", newRoom, roomEvents, membersOnly)}
//
// Phoenix: channel "room:*", RoomChannel.
func Topic[H Handler](pattern string, newHandler func() H, events Events[H], use ...Middleware) Route {
	r := Route{
		pattern: pattern, handler: reflect.TypeFor[H](), use: use, join: callJoin,
		events: slices.Sorted(maps.Keys(events)),
	}
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
	for _, event := range r.events {
		if events[event] == nil {
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

// Routes are tried in order; the first that matches a topic has it. One that is never
// reached, because an earlier one has all of its topics, fails the start of the endpoint.
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
	if len(rs) == 0 {
		return errors.New("no routes: its clients could join nothing")
	}
	for i, r := range rs {
		if err := r.validate(); err != nil {
			if r.pattern == "" {
				return fmt.Errorf("route %d: %w", i, err)
			}
			return fmt.Errorf("route %q: %w", r.pattern, err)
		}
		for _, earlier := range rs[:i] {
			if earlier.covers(r) {
				return fmt.Errorf("route %q is never reached: route %q before it has all of its topics", r.pattern, earlier.pattern)
			}
		}
	}
	return nil
}

func (r Route) validate() error {
	switch prefix := strings.TrimSuffix(r.pattern, "*"); {
	case r.pattern == "":
		return errors.New("empty pattern")
	case strings.Contains(prefix, "*"):
		return errors.New("a * is allowed at the end only")
	case len(prefix) > maxTopic:
		return fmt.Errorf("topics have at most %d bytes", maxTopic)
	case r.pattern == wire.TopicPhoenix:
		return errors.New("this topic is the protocol's own")
	case r.Linger < 0:
		return errors.New("its Linger is negative")
	case r.newHandler == nil:
		return errors.New("no function that makes a handler")
	case len(r.unset) > 0:
		return fmt.Errorf("event %q has no function", r.unset[0])
	}
	for _, event := range r.events {
		if isReserved(event) {
			return fmt.Errorf("event %q: %w", event, errReserved)
		}
	}
	return checkHandler(r.handler)
}

// handlesOthers reports whether the handler may handle events that the table lacks.
func (r *Route) handlesOthers() bool {
	return r.handler.Kind() == reflect.Interface || r.handler.Implements(reflect.TypeFor[InHandler]())
}

// covers reports whether all topics of another route are topics of r.
func (r Route) covers(of Route) bool {
	prefix, wild := strings.CutSuffix(r.pattern, "*")
	return r.pattern == of.pattern || wild && strings.HasPrefix(strings.TrimSuffix(of.pattern, "*"), prefix)
}

// wrapped returns the routes with their middleware put together, and the given ones
// around it.
func (rs Routes) wrapped(around ...Middleware) (Routes, error) {
	rs = slices.Clone(rs)
	for i := range rs {
		r := &rs[i]
		if r.History != nil {
			h, err := r.History.withDefaults()
			if err != nil {
				return nil, fmt.Errorf("route %q: %w", r.pattern, err)
			}
			r.History = h
		}
		for j, m := range slices.Backward(slices.Concat(around, r.use)) { // the first is outermost
			if err := r.wrap(m); err != nil {
				return nil, fmt.Errorf("route %q: middleware %d: %w", r.pattern, j-len(around), err)
			}
		}
	}
	return rs, nil
}

// anyUse reports whether any route has middleware.
func (rs Routes) anyUse() bool {
	return slices.ContainsFunc(rs, func(r Route) bool { return len(r.use) > 0 })
}

// With returns the routes with the given middleware around that which each has, for code
// that wraps a whole [Socket], such as a tracer.
func (rs Routes) With(use ...Middleware) Routes {
	rs = slices.Clone(rs)
	for i := range rs {
		rs[i].use = slices.Concat(use, rs[i].use)
	}
	return rs
}

// knows reports whether an event is in the table.
func (r *Route) knows(event string) bool {
	_, ok := slices.BinarySearch(r.events, event)
	return ok
}

func (r *Route) wrap(m Middleware) error {
	if m.check != nil {
		if err := m.check(r); err != nil {
			return err
		}
	}
	if m.Join != nil {
		if r.join = m.Join(r.join); r.join == nil {
			return errors.New("its Join has returned nil, and not a function that may call next")
		}
	}
	if m.HandleIn != nil {
		if r.handleIn = m.HandleIn(r.handleIn); r.handleIn == nil {
			return errors.New("its HandleIn has returned nil, and not a function that may call next")
		}
	}
	return nil
}

// histories returns those of all routes.
func (rs Routes) histories() (all []*History) {
	for _, r := range rs {
		if r.History != nil {
			all = append(all, r.History)
		}
	}
	return all
}

// disagree reports whether two sockets would record some topic in two ways.
func (rs Routes) disagree(others Routes) bool {
	for _, r := range rs {
		for _, o := range others {
			if r.History != nil && o.History != nil && r.History != o.History && (r.covers(o) || o.covers(r)) {
				return true
			}
		}
	}
	return false
}

// haveTopicsOf reports whether any topic of the routes is one that others record.
func (rs Routes) haveTopicsOf(others Routes) bool {
	for _, r := range rs {
		for _, o := range others {
			if o.History != nil && (r.covers(o) || o.covers(r)) {
				return true
			}
		}
	}
	return false
}
