package room

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// message is a message to a room's actor.
type message[H Handler] struct {
	op      op
	channel *ws.Channel // opEnter
	again   bool        // opEnter
	in      ws.Payload  // opEnter
	entered actor.Reply[entered[H]]

	from    actor.PID                              // opEvent
	event   func(h H, m *Member) (ws.Reply, error) // opEvent
	handled actor.Reply[handled]

	info any // opInfo; opGap: a *gapEar
}

type op uint8

const (
	opEnter op = iota // a channel joins
	opEvent           // a member has sent an event
	opInfo            // the program has sent something
	opGap             // something was missed
)

// A room's answers are encoded in its turn: what it returns may be a map that the next event
// changes.

// entered is what a channel hears that has joined.
type entered[H Handler] struct {
	room  actor.Ref[message[H]] // the incarnation that has decided
	reply ws.Payload
	err   error // it is refused
}

// handled is what a channel hears about an event.
type handled struct {
	reply ws.Reply
	err   error
}

// host is the actor around a room's handler.
type host[H Handler] struct {
	rooms   *Rooms[H]
	topic   string
	newRoom func(string) H
	room    Room
	handler H
	made    atomic.Bool // the handler is, and others may look at it
	hears   bool        // of the gaps of its topic
}

// Init implements [actor.Initializer]. It makes the handler here, where what that does
// wrong is the room's own.
func (o *host[H]) Init(ctx *actor.Context[message[H]]) error {
	info := func(msg any) message[H] { return message[H]{op: opInfo, info: msg} }
	o.room = Room{
		topic: o.topic, ctx: ctx, endpoint: o.rooms.endpoint.Load, members: map[actor.PID]*Member{},
		send:  func(msg any) { ctx.Self().TrySend(info(msg)) },
		after: func(d time.Duration, msg any) *actor.Timer { return ctx.Self().SendAfter(d, info(msg)) },
		every: func(d time.Duration, msg any) *actor.Timer { return ctx.Self().SendEvery(d, info(msg)) },
	}
	o.handler = o.newRoom(o.topic)
	o.made.Store(true)
	if err := checkHandler(o.handler, reflect.TypeFor[H]()); err != nil {
		return fmt.Errorf("room: %w", err)
	}
	if _, ok := any(o.handler).(GapHandler); ok {
		tell := func(e *gapEar) { ctx.Self().TrySend(message[H]{op: opGap, info: e}) }
		o.room.newGapEar = func() *gapEar { return &gapEar{tell: tell} }
	}
	if h, ok := any(o.handler).(Starter); ok {
		if err := h.Start(&o.room); err != nil {
			return err
		}
	}
	// So that Terminate runs. Not sooner: a Start that waits is to end with what starts it.
	ctx.TrapExit(true)
	return nil
}

// Wrapped implements [actor.Wrapper].
func (o *host[H]) Wrapped() reflect.Type {
	if t := reflect.TypeFor[H](); t.Kind() != reflect.Interface || !o.made.Load() {
		return t
	}
	return reflect.TypeOf(o.handler)
}

// Receive implements [actor.Behavior].
func (o *host[H]) Receive(ctx *actor.Context[message[H]], m message[H]) error {
	switch m.op {
	case opEnter:
		o.enter(ctx, m)
	case opEvent:
		m.handled.Send(o.handle(m))
	case opInfo:
		return o.inform(m.info)
	case opGap:
		return o.missed(m.info.(*gapEar))
	}
	return nil
}

// handle handles an event of a member.
func (o *host[H]) handle(m message[H]) (h handled) {
	member := o.room.members[m.from]
	if member == nil {
		return h // it has ended meanwhile
	}
	reply, err := m.event(o.handler, member)
	if status := reply.Status(); status != "" {
		payload, unsent := ws.JSON(reply.Payload())
		if reply = ws.Status(status, payload); unsent != nil {
			reply, err = ws.NoReply, cmp.Or(err, unsent)
		}
	}
	return handled{reply, err}
}

// enter lets a channel in or refuses it. It becomes a member before its Join runs, which
// may broadcast or look at the members, and is none any more if it is refused.
func (o *host[H]) enter(ctx *actor.Context[message[H]], m message[H]) {
	if !m.entered.Wanted() {
		return // the channel has given up
	}
	answer := entered[H]{room: ctx.Self()}
	member := &Member{channel: m.channel, room: &o.room, again: m.again}
	pid := member.PID()
	// In this turn, and not in the channel's: the room has broadcast nothing since then that
	// its Join does not know of, and nothing from then on is missed.
	if answer.err = cmp.Or(o.hear(), m.channel.Listen()); answer.err != nil {
		m.entered.Send(answer) // the room or the channel has ended
		return
	}
	o.room.members[pid] = member
	reply, err := o.handler.Join(member, m.in)
	if err == nil {
		answer.reply, err = ws.JSON(reply)
	}
	if answer.err = encoded(err); err != nil {
		delete(o.room.members, pid)
	} else {
		ctx.Monitor(pid)
	}
	m.entered.Send(answer)
}

// encoded returns an error of a Join, or of a Resumed, with the payload of a refusal encoded.
func encoded(err error) error {
	refused, ok := errors.AsType[*ws.RefusedError](err)
	if !ok {
		return err
	}
	payload, unsent := ws.JSON(refused.Payload)
	if unsent != nil {
		return unsent
	}
	return ws.Refuse(payload)
}

// HandleDown implements [actor.DownHandler]: a member has gone, or what the handler itself
// monitors.
func (o *host[H]) HandleDown(_ *actor.Context[message[H]], down actor.Down) error {
	member := o.room.members[down.PID]
	if member == nil {
		return o.inform(down)
	}
	o.leave(member, down.Reason)
	return nil
}

// leave tells the handler that a member has gone.
func (o *host[H]) leave(member *Member, reason error) {
	delete(o.room.members, member.PID())
	if h, ok := any(o.handler).(Leaver); ok {
		h.Leave(member, reason)
	}
}

func (o *host[H]) inform(msg any) error {
	if h, ok := any(o.handler).(InfoHandler); ok {
		return h.HandleInfo(&o.room, msg)
	}
	return nil
}

// HandleExit implements [actor.ExitHandler]. Exits are trapped only so that Terminate runs:
// they mean what they mean to an actor that does not.
func (o *host[H]) HandleExit(_ *actor.Context[message[H]], exit actor.Exit) error {
	if exit.Reason == actor.Normal {
		return nil
	}
	return exit.Reason
}

// Terminate implements [actor.Terminator]. That nobody holds the room any more can be known to
// the set of rooms before the room is told that its last member has gone.
func (o *host[H]) Terminate(_ *actor.Context[message[H]], reason error) {
	if h, ok := any(o.handler).(Terminator); ok {
		defer h.Terminate(&o.room, reason) // also if a Leave panics
	}
	if actor.IsClean(reason) {
		for pid, member := range o.room.members {
			if why := pid.Err(); why != nil {
				o.leave(member, why)
			}
		}
	}
}

// LogValue says which room it is in the log of its crash. It implements [slog.LogValuer].
func (o *host[H]) LogValue() slog.Value {
	return slog.GroupValue(slog.String("topic", o.topic), slog.String("handler", fmt.Sprintf("%T", o.handler)))
}
