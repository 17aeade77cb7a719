package ws

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Handler is what you write: the server side of one kind of channel. One Handler
// serves one client on one topic; it runs in an actor of its own, one call at a
// time, so its fields need no lock. A panic ends that channel only: the client is
// told by phx_error and joins again, with a new Handler.
//
// A Handler may also implement [InfoHandler], [OutHandler] and [Terminator].
type Handler interface {
	// Join lets the client in or, with an error, refuses it; see [Refuse]. The
	// reply is the payload of the answer; nil means {}. The channel cannot push
	// or broadcast yet; [Channel.Continue] is for what follows the answer. What the
	// client sends to this topic waits meanwhile; its other topics do not.
	Join(c *Channel, topic string, in Payload) (reply any, err error)

	// HandleIn handles an event that the client pushed. With the error [Stop], or
	// one that wraps [actor.Shutdown], the channel ends in good order after the
	// reply, and the client does not come back. Any other error is a crash: the client
	// is sent the reply all the same, if there is one, and joins again. Return
	// [NoReply] with an error that leaves nothing to say.
	HandleIn(c *Channel, event string, in Payload) (Reply, error)
}

// InfoHandler is a [Handler] that other parts of the program send messages to,
// through [Channel.Ref]. It also gets an [actor.Down] when an actor ends that the
// channel's [Channel.Context] monitors. Errors mean the same as in HandleIn.
type InfoHandler interface {
	HandleInfo(c *Channel, msg any) error
}

// OutHandler is a [Handler] that sees some broadcasts before its client does, and
// pushes what it likes, or nothing. That takes an encoding for each client.
type OutHandler interface {
	// Intercepts lists the events. It is asked once, before Join.
	Intercepts() []string
	// HandleOut gets a broadcast of such an event, in place of the client.
	HandleOut(c *Channel, event string, payload Payload) error
}

// Terminator is a [Handler] that cleans up. Terminate runs when the channel ends:
// with reason [Left], [Closed], [Rejoined], [actor.Shutdown], or what the handler
// returned or panicked with. It does not run after a refused Join, nor when it
// would have to wait for a handler that does not return. It has five seconds: then
// the channel's context is done, and nobody waits for it any more.
type Terminator interface {
	Terminate(c *Channel, reason error)
}

// Channel is one client on one topic, as its [Handler] sees it. It may be used
// only by that Handler, while a call of it runs; Ref and what it returns, and
// [ReplyRef], are safe anywhere.
type Channel struct {
	ctx     *actor.Context[channelMsg]
	session *session // only what never changes
	route   *Route
	handler Handler
	topic   string
	joinRef string
	current string // of the message that is being handled, if it has one

	intercepts []string             // does not change after the join
	pending    atomic.Int64         // what those of the client's messages count for that are not handled yet
	toHandle   atomic.Int64         // and the broadcasts for the handler
	held       atomic.Pointer[held] // what is broadcast before the answer to the join
	replaced   atomic.Bool          // joined anew: handle no more
	wanted     atomic.Bool          // it ends because its handler or its client wants it to
	overrun    atomic.Bool          // too much is waiting for the handler: it is about to end
	stage      atomic.Uint32
}

// settled is what pending is, and stays far below zero of, once the session has counted
// all of a channel's messages as handled: an abandoned handler that returns after all
// must not count its own once more.
const settled = math.MinInt64 / 2

// The life of a channel. Whether the endpoint counts it is decided by who makes the
// move: the channel to joined, its session to the ones after that. They may do so at
// the same time if one of them is killed.
const (
	stageJoining uint32 = iota // Join has not let the client in
	stageJoined                // it has, and the channel is counted
	stageParted                // it had
	stageRefused               // it must not any more
)

// hasJoined reports whether Join has let the client in, be it over by now or not.
func (c *Channel) hasJoined() bool {
	stage := c.stage.Load()
	return stage == stageJoined || stage == stageParted
}

// part is for the session, when the channel has ended or is given up. It reports
// whether the channel was joined until then.
func (c *Channel) part() bool {
	return !c.stage.CompareAndSwap(stageJoining, stageRefused) && c.stage.CompareAndSwap(stageJoined, stageParted)
}

// Errors of a channel's methods.
var (
	// ErrNotJoined says that a channel cannot send before its Join has returned.
	ErrNotJoined = errors.New("ws: channel is not joined")
	// ErrNoRef says that there is no message to reply to.
	ErrNoRef = errors.New("ws: no message to reply to")
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
func (c *Channel) Assigns() any { return c.session.identity.Assigns }

// SocketID returns the ID that Connect gave the connection, or "".
func (c *Channel) SocketID() string { return c.session.identity.ID }

// Push sends an event to this client. The payload must marshal to a JSON object,
// or be [Binary]; otherwise the error wraps [ErrPayload].
func (c *Channel) Push(event string, payload any) error {
	if !c.hasJoined() {
		return fmt.Errorf("ws: push %q: %w", event, ErrNotJoined)
	}
	p, err := outgoing(payload)
	if err != nil {
		return fmt.Errorf("push %q: %w", event, err)
	}
	return c.session.send(Message{JoinRef: c.joinRef, Topic: c.topic, Event: event, Payload: p})
}

// Broadcast sends an event to all clients that have joined the topic, this one
// included. See Push for the payload.
func (c *Channel) Broadcast(event string, payload any) error {
	return c.broadcast(actor.PID{}, event, payload)
}

// BroadcastFrom sends an event to all clients that have joined the topic, but for
// this one. See Push for the payload.
func (c *Channel) BroadcastFrom(event string, payload any) error {
	return c.broadcast(c.ctx.PID(), event, payload)
}

func (c *Channel) broadcast(from actor.PID, event string, payload any) error {
	if !c.hasJoined() {
		return fmt.Errorf("ws: broadcast %q: %w", event, ErrNotJoined)
	}
	return c.session.endpoint.broadcast(from, c.topic, event, payload)
}

// Endpoint returns the endpoint that the client is connected to.
func (c *Channel) Endpoint() *Endpoint { return c.session.endpoint }

// Continue has f run when the present call has returned and its reply is sent,
// before any other message. It is the place for what a Join cannot do: push a
// first state, broadcast an arrival, load something slow.
func (c *Channel) Continue(f func(*Channel) error) {
	c.ctx.Continue(func(*actor.Context[channelMsg]) error { return c.outcome(f(c)) })
}

// PID returns the channel's actor. It is safe anywhere.
func (c *Channel) PID() actor.PID { return c.ctx.PID() }

// Ref returns the address of the channel, for messages to its [InfoHandler].
func (c *Channel) Ref() Ref { return Ref{c.ctx.Self()} }

// ReplyRef returns the means to answer the present message later, from any
// goroutine; the handler then returns [NoReply]. It fails with [ErrNoRef] if the
// client sent no ref, or outside of HandleIn. It is Phoenix's socket_ref.
func (c *Channel) ReplyRef() (ReplyRef, error) {
	if c.current == "" {
		return ReplyRef{}, ErrNoRef
	}
	return ReplyRef{c.session, Message{JoinRef: c.joinRef, Ref: c.current, Topic: c.topic}}, nil
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
	session *session
	message Message // payload apart
}

// Reply answers the message. An answer that comes when the channel has ended does
// no harm: the client drops it.
func (r ReplyRef) Reply(with Reply) error { return r.session.reply(r.message, with) }

// The operations of a channelMsg.
type channelOp uint8

const (
	opJoin channelOp = iota
	opIn             // an event of the client's
	opOut            // a broadcast that the handler intercepts
	opInfo           // anything else
)

// channelMsg is a message to a channel actor.
type channelMsg struct {
	op     channelOp
	in     Message
	weight int64 // see weight; 0 of what the program sends
	info   any   // opInfo; opOut: a *broadcast
}

// channelActor is the actor around a Channel.
type channelActor struct{ Channel }

// Init makes the channel trap exits, so that Terminate runs when its session
// ends it.
func (a *channelActor) Init(ctx *actor.Context[channelMsg]) error {
	a.ctx = ctx
	ctx.TrapExit(true)
	return nil
}

// Receive implements [actor.Behavior].
func (a *channelActor) Receive(_ *actor.Context[channelMsg], m channelMsg) error {
	if a.replaced.Load() {
		return nil // the exit signal is on its way
	}
	switch m.op {
	case opJoin:
		return a.join(m.in)
	case opIn:
		defer a.handled(m.weight)
		return a.in(m.in)
	case opOut:
		a.toHandle.Add(-m.weight)
		b := m.info.(*broadcast)
		return a.outcome(a.handler.(OutHandler).HandleOut(&a.Channel, b.Event, b.Payload))
	default:
		a.toHandle.Add(-m.weight)
		return a.inform(m.info)
	}
}

// inform hands msg to the handler, if that is an InfoHandler.
func (c *Channel) inform(msg any) error {
	if h, ok := c.handler.(InfoHandler); ok {
		return c.outcome(h.HandleInfo(c, msg))
	}
	return nil
}

// outcome returns what a handler has returned, after noting whether it ends the channel
// because it wants to. An exit signal with the same reason says nothing of the kind.
func (c *Channel) outcome(err error) error {
	if err != nil && actor.IsClean(err) {
		c.wanted.Store(true)
	}
	return err
}

// handled gives a message of the client's back to the flow control of its connection.
func (a *channelActor) handled(weight int64) {
	if a.pending.Add(-weight) >= 0 {
		a.session.transport.handled(weight)
	}
}

// join makes the handler, runs its Join and answers. The channel is subscribed before
// the client hears that it is in, so it misses nothing from then on.
func (a *channelActor) join(m Message) error {
	a.handler = a.route.New() // here, where it holds up nobody else
	if h, ok := a.handler.(OutHandler); ok {
		a.intercepts = h.Intercepts()
	}
	answer := Message{JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic}
	payload, err := a.route.join(&a.Channel, a.topic, m.Payload)
	if err != nil {
		return a.refuse(answer, err)
	}
	h := new(held)
	a.held.Store(h)
	if err := a.session.endpoint.topics.Subscribe(a.ctx.PID(), a.topic, a); err != nil {
		return err
	}
	f, err := a.session.replyFrame(answer, OK(payload))
	if err != nil {
		return err
	}
	// Before the client hears of it, and may hang up: its session must then know
	// that this channel had been joined.
	if !a.stage.CompareAndSwap(stageJoining, stageJoined) {
		return actor.Stop
	}
	a.session.endpoint.joins.Add(1)
	a.session.endpoint.channels.Add(1)
	h.release(f, a.session.transport)
	a.held.Store(nil)
	a.session.ctx.Self().Send(sessionMsg{op: opJoined, channel: a.ctx.PID()})
	return nil
}

// refuse answers a join with an error, and ends the channel.
func (a *channelActor) refuse(answer Message, why error) error {
	payload, foreseen := refusal(why)
	if !foreseen {
		a.session.log().Error("join failed", "topic", a.topic, "error", why)
	}
	f, err := a.session.replyFrame(answer, Error(payload))
	if err != nil {
		return err
	}
	if !a.stage.CompareAndSwap(stageJoining, stageRefused) {
		return actor.Stop // it has been given up, and the client has been told
	}
	a.session.transport.send(f)
	a.wanted.Store(true)
	return actor.Stop
}

// in handles an event of the client's. What the handler answers goes out whatever it
// thinks of going on.
func (a *channelActor) in(m Message) error {
	answer := Message{JoinRef: a.joinRef, Ref: m.Ref, Topic: a.topic}
	if m.Event == eventLeave {
		if err := a.session.reply(answer, OK(nil)); err != nil {
			return err
		}
		return a.outcome(Left)
	}
	a.current = m.Ref
	with, err := a.route.handleIn(&a.Channel, m.Event, m.Payload)
	a.current = ""
	if with.status != "" && m.Ref != "" {
		if unsent := a.session.reply(answer, with); err == nil {
			err = unsent
		}
	}
	return a.outcome(err)
}

// Deliver sends a broadcast to the client: the frame that all its receivers
// share, without a part for this actor, unless the handler intercepts the event.
// It implements pubsub.Subscriber, and runs on the broadcaster's goroutine.
func (a *channelActor) Deliver(_ string, b *broadcast) {
	if slices.Contains(a.intercepts, b.Event) {
		a.hand(opOut, b, b)
		return
	}
	s := a.session
	f, err := b.frame(s.encoding)
	if err != nil {
		if b.untold(s.encoding) {
			s.log().Warn("broadcast not delivered", "topic", b.Topic, "event", b.Event, "error", err)
		}
		s.endpoint.drop(s.socket, b.Topic, b.Event, err)
		return
	}
	if h := a.held.Load(); h != nil {
		kept, fits := h.keep(f, s.socket.MaxQueue)
		if !fits {
			s.endpoint.overflow(s.socket, s.ctx.Self())
		}
		if kept {
			return
		}
	}
	s.transport.send(f)
}

// hand has the handler get a broadcast. What waits for a handler is bounded like what
// waits for a client: with CloseSlow, one that is too slow loses its channel, and the
// client joins anew.
func (c *Channel) hand(op channelOp, b *broadcast, msg any) {
	s := c.session
	n := int64(len(b.Payload.data) + messageOverhead)
	if there := c.toHandle.Add(n); there > n && there > int64(s.socket.MaxQueue) {
		c.toHandle.Add(-n)
		if s.socket.Overflow == DropNew {
			s.endpoint.drop(s.socket, b.Topic, b.Event, ErrSlow)
		} else if c.overrun.CompareAndSwap(false, true) {
			s.log().Warn("channel too slow for its broadcasts", "topic", c.topic, "queue", s.socket.MaxQueue)
			s.ctx.Self().Send(sessionMsg{op: opOverdue, channel: c.ctx.PID()})
		}
		return
	}
	c.ctx.Self().Send(channelMsg{op: op, info: msg, weight: n})
}

// Terminate implements [actor.Terminator].
func (a *channelActor) Terminate(_ *actor.Context[channelMsg], reason error) {
	if t, ok := a.handler.(Terminator); ok && a.hasJoined() {
		// Or a client that goes from topic to topic would have too many channels in
		// the end, of which none ends.
		overdue := a.session.ctx.Self().SendAfter(stopTimeout, sessionMsg{op: opOverdue, channel: a.ctx.PID()})
		defer overdue.Stop()
		t.Terminate(&a.Channel, reason)
	}
}
