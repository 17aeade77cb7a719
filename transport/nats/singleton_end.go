package nats

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// Terminate implements [actor.Terminator]: the child is stopped. The state is given before
// the actor ends, and the name is free after that, so that the next one finds it.
func (k *keeper[M, S]) Terminate(ctx *actor.Context[notice], _ error) {
	pid := k.actor.PID()
	if k.search == nil || pid.Ended() {
		return
	}
	began, talk := time.Now(), min(k.office.common().talk, k.part(1))
	k.search.stop()
	select {
	case <-k.search.done: // at once, unless the connection waits for a server that takes nothing
	case <-time.After(min(hurriedFor, k.part(1))):
		talk -= time.Since(began)
	}
	h := k.office.common().find(k.Name)
	if h != nil && h.pid != pid {
		h = nil
	}
	if h != nil && !k.deposed {
		talk -= k.handOff(ctx, talk)
	}
	inTime, cancel := context.WithDeadline(ctx, began.Add(k.part(3)))
	actor.StopAll(inTime, []actor.PID{pid}, actor.Shutdown, k.grace())
	cancel()
	if h == nil {
		return
	}
	// Which the names do by themselves; but the connection may be closed next.
	giving, cancel := context.WithTimeout(ctx, talk)
	defer cancel()
	note := h.leases.farewellTo(h.ID, pid.Err())
	if err := actor.Guard(giving, func() error { return h.giveUp(giving, note) }); err != nil {
		k.log.Warn("name of a singleton not given up", k.attr(), "error", err)
	}
}

// What asks NATS is left alone when its time is over: a connection that waits for a server
// that takes nothing minds no context.

// handOff gives the state to the next one, if there is any, and returns how long NATS took.
func (k *keeper[M, S]) handOff(ctx context.Context, talk time.Duration) (took time.Duration) {
	r := k.search.legacy
	state, err := k.state(ctx)
	if err == nil && state != nil {
		began := time.Now()
		giving, cancel := context.WithTimeout(ctx, talk)
		defer cancel()
		err = actor.Guard(giving, func() error { return r.give(giving, state) })
		took = time.Since(began)
	}
	if err != nil {
		k.log.Error("state of a singleton lost: it cannot be handed off", k.attr(), "error", err)
	}
	return took
}

// state returns what is to be handed off; nil: nothing.
func (k *keeper[M, S]) state(ctx context.Context) ([]byte, error) {
	select {
	case <-k.search.done:
	default:
		return nil, nil
	}
	switch {
	case k.search.legacy == nil:
		return nil, nil
	case k.tenure == nil: // the actor has not begun: it hands on what it was to get
		return k.search.legacy.state, nil
	}
	ctx, cancel := context.WithTimeout(ctx, k.part(2))
	defer cancel()
	v, err := k.ask(ctx)
	if v == nil || err != nil {
		return nil, err
	}
	c := k.codec()
	r, err := foreign.Value(ctx, &k.codecs, func(context.Context) (record, error) {
		name, err := pubsub.NameOf(c)
		if err != nil {
			return record{}, err
		}
		state, err := c.Encode(k.Name, *v)
		return record{State: state, Codec: name}, err
	})
	most := cmp.Or(k.MaxState, defaultMaxState)
	switch {
	case err != nil:
		return nil, fmt.Errorf("encode: %w", err)
	case len(r.State) > most:
		return nil, fmt.Errorf("%d bytes, want at most %d", len(r.State), most)
	case r.State == nil:
		r.State = []byte{}
	}
	k.search.legacy.codec = r.Codec
	return r.State, nil
}

// ask asks the actor for its state, after which it handles no more messages: what it does with
// them would be lost. It returns nil if the actor hands off none.
func (k *keeper[M, S]) ask(ctx context.Context) (*S, error) {
	pid := k.actor.PID()
	if err := pid.Suspend(ctx); err != nil {
		return nil, err
	}
	type answer struct {
		state *S
		err   error
	}
	answers := make(chan answer, 1) // if there is no time left, it comes all the same
	err := pid.Inspect(ctx, func(b any) {
		h, ok := b.(HandOffer[S])
		if !ok {
			answers <- answer{}
			return
		}
		v, err := h.HandOff()
		if err != nil { // whose methods are users' code, too
			err = fmt.Errorf("HandOff: %w", err)
		}
		answers <- answer{&v, err}
	})
	if err != nil {
		return nil, err
	}
	a := <-answers
	return a.state, a.err
}
