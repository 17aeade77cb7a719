package actor_test

import (
	"context"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// A context tells whose it is, also when another one is derived from it, and the
// context of a helper goroutine is nobody's.
func TestFromContext(t *testing.T) {
	sys := newSystem(t)
	a := start(t, sys, &script{})
	helper := make(chan context.Context, 1)
	in(t, a, func(ctx *doContext) {
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		for _, c := range []context.Context{ctx, derived} {
			if pid, ok := actor.FromContext(c); !ok || pid != a.PID() {
				t.Errorf("FromContext: %v, %v; want %v", pid, ok, a)
			}
		}
		ctx.Go(func(ctx context.Context) { helper <- ctx })
	})
	for _, c := range []context.Context{context.Background(), await(t, helper)} {
		if pid, ok := actor.FromContext(c); ok || !pid.IsZero() {
			t.Errorf("FromContext: %v, %v; want nobody", pid, ok)
		}
	}
}
