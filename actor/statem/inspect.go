package statem

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"

	"github.com/troupe-go/troupe/actor"
)

// Inspect calls f with the state and the machine of a running actor, between two
// of its handlers, and waits for it. What holds of [actor.PID.Inspect] holds here;
// it fails, too, if the actor is no state machine with states of type S.
//
// OTP: sys:get_state/2.
func Inspect[S comparable, M any](ctx context.Context, ref actor.Ref[M], f func(state S, m Machine[S, M])) error {
	found := false
	err := ref.PID().Inspect(ctx, func(b any) {
		if b := running[S, M](b); b != nil {
			found = true
			f(b.c.flow.state, b.c.machine)
		}
	})
	if err == nil && !found {
		return fmt.Errorf("statem: inspect %v: %w", ref.PID(), noMachine[S]())
	}
	return err
}

// Replace puts the state and the machine that f returns in the place of those of a
// running actor, between two of its handlers, and waits for it. That is no change of
// state: Enter does not run, timeouts go on, and postponed events wait for the next
// change. Init of another machine does not run either.
//
// If f returns an error or a nil machine, or panics, both stay as they are, and
// Replace returns an error; what f has changed in the machine's fields stays changed.
// Otherwise what holds of [actor.Replace] holds here. Replace also fails if the actor is no
// state machine with states of type S, and if it is called by a handler of that machine,
// which returns the next state anyway.
//
// OTP: sys:replace_state/3.
func Replace[S comparable, M any](ctx context.Context, ref actor.Ref[M], f func(state S, m Machine[S, M]) (S, Machine[S, M], error)) error {
	return actor.Replace(ctx, ref, func(old actor.Behavior[M]) (actor.Behavior[M], error) {
		b := running[S, M](old)
		switch {
		case b == nil:
			return nil, noMachine[S]()
		case b.c.phase != 0:
			return nil, errors.New("a handler of it runs")
		}
		state, m, err := f(b.c.flow.state, b.c.machine)
		switch {
		case err != nil:
			return nil, err
		case isNil(m):
			return nil, errors.New("the new machine is nil")
		}
		if err := checkMethods(m); err != nil {
			return nil, err
		}
		b.c.flow.state = state
		b.c.setMachine(m)
		return old, nil
	})
}

// running returns what runs the machine of an actor with behavior b, or nil if that
// is none with these types.
func running[S comparable, M any](b any) *behavior[S, M] {
	switch b := b.(type) {
	case starter[S, M]:
		return b.behavior
	case *behavior[S, M]:
		return b
	}
	return nil
}

func noMachine[S any]() error {
	return fmt.Errorf("it is no state machine with states of type %v", reflect.TypeFor[S]())
}

// LogValue is what the log of a crash shows: nothing, unless the machine says how
// it is to be shown.
func (b *behavior[S, M]) LogValue() slog.Value {
	v, ok := b.c.machine.(slog.LogValuer)
	if !ok {
		return slog.GroupValue()
	}
	// Both are resolved here: a log handler might do it when the machine is gone.
	return slog.GroupValue(
		slog.Any("state", slog.AnyValue(b.c.flow.state).Resolve()),
		slog.Any("data", slog.AnyValue(v).Resolve()))
}
