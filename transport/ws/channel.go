package ws

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Channel is one client on one topic, as its [Handler] sees it.
//
// Continue, ReplyRef and what Context returns belong to the handler's calls, each for as
// long as it runs; a goroutine that uses them is a data race. All else is safe on any
// goroutine, and when the channel has ended: what sends returns an error that wraps
// [ErrEnded] then. A goroutine that is to change something in the handler sends to Ref,
// and one that is to answer later takes a [ReplyRef] along.
type Channel struct {
	ctx     *actor.Context[channelMsg]
	way     atomic.Pointer[line] // see line; a channel without a tether has one from its start to its end
	route   *Route
	handler Handler
	topic   string
	joinRef string // of the join that has started it; see joinedAs
	current string // the ref of the message that is being handled, if it has one
	event   string // what is being handled, or has made it crash; "" if it is no event

	read     moment               // when that was read from the connection, if it is known
	kept     *kept                // what middleware keeps here; nil: nothing
	hears    *hearing             // how it hears its topic; nil: as most do; does not change from Join on, or from its start if it has a tether
	pending  atomic.Int64         // what those of the client's messages count for that are not handled yet
	toHandle atomic.Int64         // and the broadcasts for the handler
	held     atomic.Pointer[held] // what is broadcast before the answer to the join; nil: it does not listen yet
	flags    atomic.Uint32        // the flags that are set
	stage    atomic.Uint32
}

// The flags of a channel. They are set once.
const (
	flagReplaced uint32 = 1 << iota // joined anew: handle no more
	flagWanted                      // it ends because its handler or its client wants it to
	flagOverrun                     // too much is waiting for the handler: it is about to end
	flagExpired                     // its client hears of no broadcast any more
	flagDirect                      // what is recorded goes to its client as it is: there is neither a tether nor an event that it intercepts
	flagTracks                      // and its client wants to know of positions
	flagRefused                     // its client has come back, and is not let in: it has been told
)

func (c *Channel) is(flag uint32) bool { return c.flags.Load()&flag != 0 }

// mark sets a flag, and reports whether it was not set before.
func (c *Channel) mark(flag uint32) bool { return c.flags.Or(flag)&flag == 0 }

// settled is what pending is, and stays far below zero of, once the session has counted
// all of a channel's messages as handled: an abandoned handler that returns after all
// must not count its own once more.
const settled = math.MinInt64 / 2

// The life of a channel. The channel makes the move to joined, and its session makes those
// after it; each counts the channel in or out at the endpoint with its move. If one of the
// two is killed both may move at the same time, and the first one decides.
const (
	stageJoining uint32 = iota // Join has not let the client in
	stageJoined                // it has, and the channel is counted
	stageParted                // it had
	stageRefused               // it must not any more
)

// mayPush returns nil if what the channel sends reaches its client.
func (c *Channel) mayPush() error {
	switch c.stage.Load() {
	case stageJoined:
		return nil
	case stageParted:
		return ErrEnded
	case stageJoining:
		if c.held.Load() != nil { // which keeps it
			return nil
		}
	}
	return ErrNotJoined
}

// hasJoined reports whether Join has let the client in, be it over by now or not.
func (c *Channel) hasJoined() bool {
	stage := c.stage.Load()
	return stage == stageJoined || stage == stageParted
}

// part notes that the channel has ended or is given up. The session calls it. It reports
// whether the channel was joined until then.
func (c *Channel) part() bool {
	return !c.stage.CompareAndSwap(stageJoining, stageRefused) && c.stage.CompareAndSwap(stageJoined, stageParted)
}

// Errors of a channel's methods.
var (
	// ErrNotJoined says that a channel cannot send before its Join has returned, or
	// has called Listen.
	ErrNotJoined = errors.New("channel is not joined")
	// ErrEnded says that a channel has ended, and sends nothing any more.
	ErrEnded = errors.New("channel has ended")
	// ErrNoRef says that there is no message to reply to.
	ErrNoRef = errors.New("no message to reply to")
)

// Topic returns the channel's topic.
func (c *Channel) Topic() string { return c.topic }

// Handler returns the channel's handler, for [Middleware] that keeps something in it.
func (c *Channel) Handler() Handler { return c.handler }

// Context returns the actor's context: it is cancelled when the channel is
// killed, it monitors and links other actors, and it can be handed to whatever
// takes a context.Context. A linked actor that ends, but for [actor.Normal], ends the
// channel with its reason; to the client that is an error, and it joins again.
func (c *Channel) Context() actor.Self { return c.ctx }

// Assigns returns what Connect assigned to the connection. All its channels share
// it.
func (c *Channel) Assigns() any { return c.line().assigns() }

// line is the way to the client as it is now: to another connection once the client has come
// back, see [Route].Linger.
func (c *Channel) line() *line { return c.way.Load() }

// SocketID returns the ID that Connect gave the connection, or "".
func (c *Channel) SocketID() string { return c.line().id }

// Push sends an event to this client. The payload must marshal to a JSON object,
// or be [Binary]; otherwise the error wraps [ErrPayload]. Events that begin with phx_ are
// the protocol's own, and an error.
func (c *Channel) Push(event string, payload any) error {
	err := c.mayPush()
	if err == nil {
		err = c.push(event, payload)
	}
	if err != nil {
		return fmt.Errorf("ws: push %q: %w", event, err)
	}
	return nil
}

func (c *Channel) push(event string, payload any) error {
	p, err := sendable(event, payload)
	if err != nil {
		return err
	}
	m := wire.Message{JoinRef: c.joinedAs(), Topic: c.topic, Event: event, Payload: p}
	t := c.tether()
	if t != nil && !c.replay().collects() {
		return t.push(c, m)
	}
	f, err := c.line().encoding.Load().encode(m)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	switch {
	case c.replay().collect(m, f):
	case t != nil: // HandleOut has returned just now
		return t.push(c, m)
	default:
		c.send(f)
	}
	return nil
}

// Listen has the client get what is broadcast on the topic from now on, and not from when
// its Join has returned. It is for a Join whose answer shows a state that others change
// meanwhile, and broadcast: call it where the state is read, in the same turn of the actor
// or under the same lock, and the client misses no change and sees none twice. What comes
// before the answer, pushes included, is kept and sent right behind it, MaxQueue bytes at
// most. It must return before Join does.
//
// In [Resumer.Resumed], on a recorded topic, it does the same for a client that does not get what
// it has missed, see [Channel.Recovery]: what was broadcast before, and is in the state, does not
// come behind the answer. Otherwise, and later, Listen does nothing. Package room does all this by
// itself.
func (c *Channel) Listen() error {
	if !c.held.CompareAndSwap(nil, new(held)) {
		c.replay().skip()
		return nil
	}
	if err := c.hear(); err != nil {
		return fmt.Errorf("ws: listen to %q: %w", c.topic, err)
	}
	return nil
}

// Broadcast sends an event to all clients that have joined the topic, this one
// included. See Push for the payload.
func (c *Channel) Broadcast(event string, payload any, options ...BroadcastOption) error {
	return c.broadcast(actor.PID{}, event, payload, options)
}

// BroadcastFrom sends an event to all clients that have joined the topic, but for
// this one. See Push for the payload.
func (c *Channel) BroadcastFrom(event string, payload any, options ...BroadcastOption) error {
	return c.broadcast(c.ctx.PID(), event, payload, options)
}

func (c *Channel) broadcast(from actor.PID, event string, payload any, options []BroadcastOption) error {
	if err := c.mayPush(); err != nil {
		return fmt.Errorf("ws: broadcast %q on %q: %w", event, c.topic, err)
	}
	return c.line().endpoint.broadcast(c.ctx, from, c.topic, event, payload, options)
}

// sendable returns the payload of an event that is to be sent to clients.
func sendable(event string, payload any) (Payload, error) {
	if isReserved(event) {
		return Payload{}, errReserved
	}
	return wire.Object(payload)
}

// Endpoint returns the endpoint that the client is connected to.
func (c *Channel) Endpoint() *Endpoint { return c.line().endpoint }

// Continue has f run when the present call has returned and its reply is sent,
// before any other message. It is the place for what a Join cannot do: push a
// first state, broadcast an arrival, load something slow.
//
// On a topic that is recorded, what f pushes behind a join, or a Resumed, comes behind the first part
// of what the client has missed, a 32nd of MaxQueue, and before the rest. f waits for no client to
// read that, since it runs before any other message. So push a state that missed messages change to a
// client only whose [Channel.Recovery] is not Complete: the others get it by these messages.
func (c *Channel) Continue(f func(*Channel) error) {
	c.ctx.Continue(func(*actor.Context[channelMsg]) error { return c.outcome(f(c)) })
}

// PID returns the channel's actor.
func (c *Channel) PID() actor.PID { return c.ctx.PID() }

// Ref returns the address of the channel, for messages to its [InfoHandler].
func (c *Channel) Ref() Ref { return Ref{c.ctx.Self()} }

// ReplyRef returns the means to answer the present message later, from any goroutine;
// the handler then returns [NoReply]. It fails with [ErrNoRef] if the client sent no
// ref, or outside of HandleIn.
//
// Phoenix: Phoenix.Channel.socket_ref/1.
func (c *Channel) ReplyRef() (ReplyRef, error) {
	if c.current == "" {
		return ReplyRef{}, fmt.Errorf("ws: %w", ErrNoRef)
	}
	return ReplyRef{c.line(), wire.Message{JoinRef: c.joinedAs(), Ref: c.current, Topic: c.topic}}, nil
}

// Ref is the address of a channel. It is comparable, and safe to use when the
// channel has ended.
type Ref struct{ ref actor.Ref[channelMsg] }

// Send gives msg to the channel's [InfoHandler].
func (r Ref) Send(msg any) { r.ref.Send(channelMsg{op: opInfo, info: msg}) }

// SendAfter gives msg to the channel's [InfoHandler] after d, unless the channel
// has ended.
func (r Ref) SendAfter(d time.Duration, msg any) *actor.Timer {
	return r.ref.SendAfter(d, channelMsg{op: opInfo, info: msg})
}

// SendEvery gives msg to the channel's [InfoHandler] every d, until the timer is
// stopped or the channel ends.
func (r Ref) SendEvery(d time.Duration, msg any) *actor.Timer {
	return r.ref.SendEvery(d, channelMsg{op: opInfo, info: msg})
}

// PID returns the channel's actor.
func (r Ref) PID() actor.PID { return r.ref.PID() }

// ReplyRef stands for a message that is to be answered later.
type ReplyRef struct {
	line    *line
	message wire.Message // payload apart
}

// Reply answers the message. An answer that comes when the channel has ended does
// no harm: the client drops it.
func (r ReplyRef) Reply(with Reply) error {
	if err := r.line.reply(r.message, with); err != nil {
		return fmt.Errorf("ws: %w", err)
	}
	return nil
}
