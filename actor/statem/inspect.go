package statem

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/troupe-go/troupe/actor"
)

// Inspect calls f with the state and the machine of a running actor, between two
// of its handlers, and waits for it. What holds of [actor.PID.Inspect] holds here;
// it fails, too, if the actor is no state machine with states of type S. It is
// sys:get_state.
func Inspect[S comparable, M any](ctx context.Context, ref actor.Ref[M], f func(state S, m Machine[S, M])) error {
	found := false
	err := ref.PID().Inspect(ctx, func(b any) {
		if s, ok := b.(starter[S, M]); ok {
			b = s.behavior
		}
		if b, ok := b.(*behavior[S, M]); ok {
			found = true
			f(b.c.flow.state, b.c.machine)
		}
	})
	if err == nil && !found {
		return fmt.Errorf("statem: inspect %v: it is no state machine with states of type %T", ref.PID(), *new(S))
	}
	return err
}

// LogValue is what the log of a crash shows: nothing, unless the machine says how
// it is to be shown.
func (b *behavior[S, M]) LogValue() slog.Value {
	v, ok := b.c.machine.(slog.LogValuer)
	if !ok {
		return slog.GroupValue()
	}
	return slog.GroupValue(slog.Any("state", b.c.flow.state), slog.Any("data", slog.AnyValue(v).Resolve()))
}
