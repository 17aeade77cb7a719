package ws

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// What middleware needs to hand on what belongs to a request: where it comes from, and how it
// goes on with those that the handler calls.

// kept is what middleware keeps in a channel.
type kept struct {
	limits *limited        // what the channel has used of the limits of its route
	values context.Context // see KeepValues
}

func (c *Channel) keep() *kept {
	if c.kept == nil {
		c.kept = new(kept)
	}
	return c.kept
}

// Values returns a context with the values that belong to the channel: what its Join's
// middleware has kept by KeepValues; if it has kept none, the connection's Identity.Values. It
// is never nil and never done. The handler's context, Context, does not have them by itself: middleware
// gives it what it likes, by WithValues.
func (c *Channel) Values() context.Context {
	if c.kept != nil && c.kept.values != nil {
		return c.kept.values
	}
	if values := c.line().values(); values != nil {
		return context.WithoutCancel(values)
	}
	return context.Background()
}

// KeepValues has Values return a context with these values from now on, for as long as the
// channel lives. It is for the middleware of a Join that finds in the parameters what
// belongs to all that follows. It panics if the values are nil or those of the channel's
// Context.
func (c *Channel) KeepValues(values context.Context) {
	checkValues(values)
	c.keep().values = context.WithoutCancel(values)
}

// WithValues calls f, which in middleware is or calls next, and returns its error. Meanwhile
// Context has the given values: whatever the handler calls with it, [actor.Call] and so on,
// goes on with them, if an instrument of the system hands them on; see [actor.Instrument].
//
// The values must not be derived from Context itself, or WithValues panics; derive them from
// [actor.Values] of it, or from Values.
func (c *Channel) WithValues(values context.Context, f func() error) error {
	return c.ctx.WithValues(values, f)
}

// Received returns when the message of the client that is being handled was read from its
// connection, so that middleware knows how long it has waited. It is the zero time outside of
// Join and HandleIn, and where neither Socket.Observe nor any middleware of the socket
// asks for it.
func (c *Channel) Received() time.Time {
	if c.read == 0 {
		return time.Time{}
	}
	return c.line().endpoint.made.Add(time.Duration(c.read - 1))
}

// waited is how long the message that is about to be handled has waited.
func (c *Channel) waited() time.Duration { return c.line().endpoint.since(c.read) }

// Route returns the pattern of the route that the channel's topic matches. Metrics are best
// labelled by it: there are few patterns, and topics without end.
func (c *Channel) Route() string { return c.route.pattern }

// Knows reports whether the table of the route has the event. Others are the client's choice,
// and no label for metrics.
func (c *Channel) Knows(event string) bool { return c.route.knows(event) }

// checkValues panics if there are no values, or if they are those of an actor's context,
// which would ask itself.
func checkValues(values context.Context) {
	if values == nil {
		panic("ws: KeepValues: the values are nil")
	}
	if _, is := actor.FromContext(values); is {
		panic("ws: KeepValues: the values are those of an actor's context, and not of actor.Values")
	}
}
