package room

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// channel is the handler of a member's channel. It hands each event to the room and waits
// for the answer, so that a client cannot send faster than its room handles.
type channel[H Handler] struct {
	rooms   *Rooms[H]
	room    actor.Ref[message[H]] // the incarnation that has let it in
	release func()                // lets go of the room
	joined  ws.Payload            // what it has joined with, if it may have to again
}

// remove ends a channel that its room does not want any more.
type remove struct{}

// patience is how long a channel waits for its room to let it in. The official client gives
// up a join after as long.
const patience = 10 * time.Second

// Join implements [ws.Handler].
func (ch *channel[H]) Join(c *ws.Channel, _ string, in ws.Payload) (any, error) {
	if err := ch.rooms.serve(c.Endpoint()); err != nil {
		return nil, err
	}
	if ch.rooms.cfg.OnCrash == Stay {
		ch.joined = in
	}
	return ch.enter(c, in, false)
}

// enter joins the room of the topic, and holds it. If the room has ended before it could
// take the request, it is found anew, but not for ever: it may end as soon as it starts.
func (ch *channel[H]) enter(c *ws.Channel, in ws.Payload, again bool) (reply any, err error) {
	ctx, cancel := context.WithTimeout(c.Context(), patience)
	defer cancel()
	for range 3 {
		var taken bool
		if reply, taken, err = ch.enterOnce(ctx, c, in, again); err == nil || taken {
			break
		}
	}
	if err != nil && ctx.Err() == context.DeadlineExceeded {
		err = fmt.Errorf("the room did not answer within %v: %w", patience, err)
	}
	return reply, err
}

func (ch *channel[H]) enterOnce(ctx context.Context, c *ws.Channel, in ws.Payload, again bool) (reply any, taken bool, err error) {
	ref, release, err := ch.rooms.set.Hold(ctx, c.PID(), c.Topic())
	if err != nil {
		return nil, true, err
	}
	answer, err := actor.Call(ctx, ref.Now(), func(r actor.Reply[entered[H]]) message[H] {
		taken = true
		return message[H]{op: opEnter, channel: c, again: again, in: in, entered: r}
	})
	if err == nil {
		err = answer.err
	}
	if err != nil {
		release()
		return nil, taken, err
	}
	if ch.release != nil { // of the incarnation before; not sooner, so that the room stays held
		ch.release()
	}
	ch.room, ch.release = answer.room, release
	c.Context().Monitor(ch.room.PID())
	return answer.reply, true, nil
}

// errGone is the answer to an event that the room may have taken along.
var errGone = ws.Error(ws.Reason("room has ended"))

// handle has the room handle an event. If the room ends meanwhile its end is on its way to
// HandleInfo, which decides what follows.
func (ch *channel[H]) handle(c *ws.Channel, event func(H, *Member) (ws.Reply, error)) (ws.Reply, error) {
	answer, err := actor.Call(c.Context(), ch.room, func(r actor.Reply[handled]) message[H] {
		return message[H]{op: opEvent, from: c.PID(), event: event, handled: r}
	})
	if err != nil {
		return errGone, nil
	}
	return answer.reply, answer.err
}

// HandleInfo implements [ws.InfoHandler].
func (ch *channel[H]) HandleInfo(c *ws.Channel, msg any) error {
	switch msg := msg.(type) {
	case remove:
		return ws.Stop
	case actor.Down:
		if msg.PID == ch.room.PID() {
			return ch.ended(c, msg)
		}
	}
	return nil
}

// ended decides what follows the end of the room. One that has ended by itself, in good
// order, is over. After any other end there is another one, now or soon.
func (ch *channel[H]) ended(c *ws.Channel, down actor.Down) error {
	switch {
	case down.Reason == actor.Normal:
		return ws.Stop
	case down.Crashed() && ch.rooms.cfg.OnCrash == Stay:
		if _, err := ch.enter(c, ch.joined, true); err == nil {
			return nil
		}
	}
	// An exit signal, and no error: the room has logged what there is to say.
	c.PID().Exit(errRejoin)
	return nil
}

// errRejoin is a clean end that the client is not told of as one: it joins again.
var errRejoin = fmt.Errorf("%w: room has ended", actor.Shutdown)
