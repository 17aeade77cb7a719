package ws

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/boundlog"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// The operations of a channelMsg.
type channelOp uint8

const (
	opJoin   channelOp = iota
	opIn               // an event of the client's
	opOut              // a broadcast that the handler intercepts
	opReplay           // there is more to read of the topic's log
	opInfo             // anything else
	opGap              // something was missed
	opResume           // its client has come back
	opFlush            // there is more of what was kept for it
)

// channelMsg is a message to a channel actor.
type channelMsg struct {
	op      channelOp
	hearer  uint32 // opOut, on a recorded topic: the number of the hearer that heard it
	ref     string // opJoin, opIn: what a reply refers to; "" for none
	event   string // opIn
	payload Payload
	weight  int64  // see limit.Weight; 0 of what the program sends
	read    moment // see sessionMsg
	info    any    // opInfo; opOut: a *broadcast; opGap: a *gapEar; opResume: a *comeback; opIn: the *line, for a channel with a tether
}

// channelActor is the actor around a Channel.
type channelActor struct{ Channel }

// Init makes the channel trap exits, so that Terminate runs when its session
// ends it.
func (a *channelActor) Init(ctx *actor.Context[channelMsg]) error {
	a.ctx = ctx
	ctx.TrapExit(true)
	return a.tether().begin(a)
}

// Receive implements [actor.Behavior].
func (a *channelActor) Receive(_ *actor.Context[channelMsg], m channelMsg) error {
	if a.is(flagReplaced) {
		return nil // the exit signal is on its way
	}
	switch m.op {
	case opJoin:
		return a.join(m)
	case opIn:
		l := a.line()
		if from, ok := m.info.(*line); ok && from != l { // the client has come back elsewhere since
			a.handled(from, m.weight)
			return nil
		}
		defer a.handled(l, m.weight)
		return a.in(m)
	case opOut:
		a.toHandle.Add(-m.weight)
		b := m.info.(*broadcast)
		if a.replay().hasAnew(b, m.hearer) {
			return nil
		}
		return a.out(b)
	case opGap:
		return a.missed(m.info.(*gapEar))
	case opReplay:
		return a.readOn()
	case opResume:
		return a.resume(m.info.(*comeback))
	case opFlush:
		return a.flush(m.info.(*comeback))
	default:
		a.toHandle.Add(-m.weight)
		return a.inform(m.info)
	}
}

// ActorLabel says which channel it is: its topic and the type of its handler, and that
// it lingers if it does. It implements [actor.Labeler].
func (a *channelActor) ActorLabel() string {
	if a.tether().lingers() {
		return fmt.Sprintf("%s %v lingering", a.topic, a.Wrapped())
	}
	return fmt.Sprintf("%s %v", a.topic, a.Wrapped())
}

// Wrapped implements [actor.Wrapper]: the type is that of the handler. While Join runs it is
// the one that the route declares: the handler itself can be read from the moment that the
// channel has joined.
func (a *channelActor) Wrapped() reflect.Type {
	if a.hasJoined() {
		return reflect.TypeOf(a.handler)
	}
	return a.route.handler
}

// LogValue says which channel it is in the log of its crash, and what it was handling. It
// implements [slog.LogValuer]. Part of it comes from the client, so it is shortened.
func (a *channelActor) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("topic", boundlog.Text(a.topic)),
		slog.String("event", boundlog.Text(a.event)),
		slog.String("socket", boundlog.Text(a.line().id)),
		slog.String("handler", fmt.Sprintf("%T", a.handler)),
	)
}

// out hands the handler a broadcast that it intercepts. On a recorded topic the others come
// this way as well, and go on to the client.
func (a *channelActor) out(b *broadcast) error {
	if !a.interceptsEvent(b.Event) {
		a.show(b)
		return nil
	}
	a.event = b.Event
	err := a.outcome(a.replay().replace(&a.Channel, b, func() error {
		return a.handler.(OutHandler).HandleOut(&a.Channel, b.Event, b.Payload)
	}))
	if err == nil {
		a.event = ""
	}
	return err
}

// inform hands msg to the handler, if that is an InfoHandler.
func (c *Channel) inform(msg any) error {
	if h, ok := c.handler.(InfoHandler); ok {
		return c.outcome(h.HandleInfo(c, msg))
	}
	return nil
}

// outcome returns what a handler has returned, and notes a clean end as one that the
// handler wants. An exit signal with the same reason is not noted.
func (c *Channel) outcome(err error) error {
	if err != nil && actor.IsClean(err) {
		c.mark(flagWanted)
	}
	return err
}

// handled gives a message of the client's back to the flow control of its connection.
func (a *channelActor) handled(from *line, weight int64) {
	if a.pending.Add(-weight) >= 0 {
		from.transport.handled(weight)
	}
}

// join makes the handler, runs its Join and answers. The channel is subscribed before
// the client hears that it is in, so it misses nothing from then on.
func (a *channelActor) join(m channelMsg) error {
	a.event, a.read = wire.EventJoin, m.read
	var err error
	if a.handler, err = a.route.made(); err != nil { // here, where it holds up nobody else
		return err
	}
	if h, ok := a.handler.(OutHandler); ok {
		events, err := intercepts(h)
		if err != nil {
			return fmt.Errorf("ws: route %q: %w", a.route.pattern, err)
		}
		if a.hears == nil {
			a.hears = new(hearing)
		}
		a.hears.intercepts = events
	}
	if err := a.remember(m.payload); err != nil {
		return err
	}
	a.tether().start(m.payload)
	answer := wire.Message{JoinRef: a.joinRef, Ref: m.ref, Topic: a.topic}
	payload, err := a.route.join(&a.Channel, a.topic, m.payload)
	a.read = 0
	if err != nil {
		return a.refuse(answer, err)
	}
	if err := a.Listen(); err != nil {
		return err
	}
	f, err := a.line().replyFrame(answer, a.tether().welcome(a.line(), payload, false))
	if err != nil {
		return err
	}
	stand, missed, err := a.replay().first(&a.Channel)
	if err == errTrimmed {
		return a.refuse(answer, Refuse(Reason("messages are lost, join again")))
	}
	if err != nil {
		return err
	}
	// Before the client hears of it, and may hang up: its session must then know
	// that this channel had been joined.
	if !a.stage.CompareAndSwap(stageJoining, stageJoined) {
		return actor.Stop
	}
	a.line().endpoint.joins.Add(1)
	a.line().endpoint.channels.Add(1)
	a.event = ""
	a.line().session.Send(sessionMsg{op: opJoined, channel: a.ctx.PID()})
	if f.Len() > copiedAtMost {
		a.line().transport.send(f)
		f = stand
	} else if stand.Messages() > 0 {
		f = f.With(stand)
	}
	return a.pass(a.held.Load(), missed, f)
}

// copiedAtMost is how many bytes of an answer are copied for what follows it to travel with it. A
// copy of more costs more than a write.
const copiedAtMost = 4096

// refuse answers a join with an error, and ends the channel.
func (a *channelActor) refuse(answer wire.Message, why error) error {
	payload, foreseen := refusal(why)
	if !foreseen {
		a.line().log().Error("join failed", "topic", a.topic, "error", why)
	}
	f, err := a.line().replyFrame(answer, Error(payload))
	if err != nil {
		return err
	}
	if !a.stage.CompareAndSwap(stageJoining, stageRefused) {
		return actor.Stop // it has been given up, and the client has been told
	}
	a.line().endpoint.joinRefusals.Add(1)
	a.line().transport.send(f)
	a.mark(flagWanted)
	return actor.Stop
}

// in handles an event of the client's. What the handler answers goes out whatever it
// thinks of going on.
func (a *channelActor) in(m channelMsg) error {
	answer := wire.Message{JoinRef: a.joinedAs(), Ref: m.ref, Topic: a.topic}
	a.tether().confirmed()
	if m.event == wire.EventLeave {
		a.replay().depart(&a.Channel)
		if err := a.line().reply(answer, OK(nil)); err != nil {
			return err
		}
		return a.outcome(Left)
	}
	a.current, a.event, a.read = m.ref, m.event, m.read
	with, err := a.route.handleIn(&a.Channel, m.event, m.payload)
	a.current, a.read = "", 0
	if err == nil {
		a.event = ""
	}
	if with.status != "" && m.ref != "" {
		if unsent := a.line().reply(answer, with); err == nil {
			err = unsent
		}
	}
	return a.outcome(err)
}

// listener hears what is broadcast on the channel's topic.
type listener struct{ *Channel }

// Deliver sends a broadcast to the client: the frame that all its receivers
// share, without a part for this actor, unless the handler intercepts the event.
// It implements pubsub.Subscriber, and runs on the broadcaster's goroutine.
func (c listener) Deliver(_ string, b *broadcast) {
	switch h := c.hears; {
	case h == nil: // as most do
	case slices.Contains(h.intercepts, b.Event):
		c.hand(b, channelMsg{op: opOut, info: b})
		return
	case h.tether != nil:
		h.tether.deliver(c.Channel, b)
		return
	}
	l := c.line()
	if f, ok := c.frameOf(l, l.encoding.Load(), b); ok {
		c.sendOver(l, f)
	}
}

// frameOf returns a broadcast as the client gets it over a line, whose encoding is e. It reports
// false if that cannot be made, and sees to it that this is known.
func (c *Channel) frameOf(l *line, e *encoding, b *broadcast) (frame.Sealed, bool) {
	f, err := b.frame(e)
	if err != nil {
		c.undelivered(l, &b.frames[e.index], b.Event)
	}
	return f, err == nil
}

// undelivered sees to it that it is known of an event of the channel's topic that there is no
// frame of it.
func (c *Channel) undelivered(l *line, f *onceFrame, event string) {
	if f.told.CompareAndSwap(false, true) {
		l.endpoint.aside.Warn("broadcast not delivered", "topic", c.topic, "event", event, "error", f.err)
	}
	l.endpoint.drop(l.socket, Dropped{Topic: c.topic, Route: c.route.pattern, Event: event, Err: f.err})
}

// send sends a frame to the client, if that is there.
func (c *Channel) send(f frame.Sealed) {
	if t := c.tether(); t != nil {
		t.send(c, f)
		return
	}
	c.sendOver(c.line(), f)
}

// sendOver sends a frame over a line, or keeps it for after the answer to the join.
func (c *Channel) sendOver(l *line, f frame.Sealed) {
	if h := c.held.Load(); h != nil && h != passed {
		kept, fits := h.keep(f, l.socket.MaxQueue)
		if !fits {
			l.endpoint.overflow(l.socket, l.session, f.Messages())
		}
		if kept {
			return
		}
	}
	l.transport.send(f)
}

// hand has the handler get a broadcast, with a message that says so. What waits for a handler is bounded like what
// waits for a client: with CloseSlow, one that is too slow loses its channel, and the
// client joins anew.
func (c *Channel) hand(b *broadcast, m channelMsg) {
	l := c.line()
	n := int64(len(b.Payload.Bytes()) + messageOverhead)
	if there := c.toHandle.Add(n); there > n && there > int64(l.socket.MaxQueue) {
		c.toHandle.Add(-n)
		if l.socket.Overflow == DropNewest {
			l.endpoint.drop(l.socket, Dropped{Topic: b.Topic, Route: c.route.pattern, Event: b.Event, Err: ErrSlow})
		} else if c.mark(flagOverrun) {
			l.endpoint.aside.Warn("channel too slow for its broadcasts", "topic", c.topic, "queue", l.socket.MaxQueue)
			c.line().session.Send(sessionMsg{op: opOverdue, channel: c.ctx.PID()}) // by now it may be another one
		}
		return
	}
	m.weight = n
	c.ctx.Self().Send(m)
}

// HandleDown implements [actor.DownHandler]: an actor that the channel monitors has
// ended.
func (a *channelActor) HandleDown(_ *actor.Context[channelMsg], down actor.Down) error {
	if a.is(flagReplaced) {
		return nil
	}
	return a.inform(down)
}

// HandleExit implements [actor.ExitHandler]: an actor that the channel is linked to has
// ended. The channel traps exits only so that its Terminate runs; a link means to it
// what it means to an actor that does not.
func (a *channelActor) HandleExit(_ *actor.Context[channelMsg], exit actor.Exit) error {
	if _, session := actor.RefOf[sessionMsg](exit.From); session && a.tether() != nil {
		switch {
		case exit.From != a.line().session.PID(): // it was of no account, or is not any more
			return nil
		case !actor.IsClean(exit.Reason):
			return Closed
		}
	}
	if exit.Reason == actor.Normal {
		return nil
	}
	return exit.Reason
}

// Terminate implements [actor.Terminator].
func (a *channelActor) Terminate(_ *actor.Context[channelMsg], reason error) {
	p := a.replay()
	if reason == Closed { // nothing reaches the client any more
		p = nil
	}
	t, ok := a.handler.(Terminator)
	ok = ok && a.hasJoined()
	if p == nil && !ok {
		return
	}
	// A client that goes from topic to topic must not collect channels that do not end.
	overdue := a.line().session.SendAfter(stopTimeout, sessionMsg{op: opOverdue, channel: a.ctx.PID()})
	defer overdue.Stop()
	if reason == Rejoined { // what is broadcast from now on it gets from the log
		p.depart(&a.Channel)
	} else {
		defer p.depart(&a.Channel)
	}
	if ok {
		t.Terminate(&a.Channel, reason)
	}
}
