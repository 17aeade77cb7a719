package task_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/task"
)

// GO-8: the stack of a task's panic starts at the function that panicked.
func TestPanicStackStartsInTheTask(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		in(t, spawn(t, sys), func(ctx *doContext) {
			ctx.TrapExit(true)
			_, err := task.Async(ctx, func(context.Context) (int, error) { return panicsHere(), nil }).Await(ctx)
			p, ok := errors.AsType[*actor.PanicError](err)
			if !ok {
				t.Fatal(err)
			}
			if first, _, _ := strings.Cut(p.Stack.String(), "\n"); !strings.HasSuffix(first, ".panicsHere") {
				t.Errorf("the stack starts at %s", first)
			}
		})
	})
}

//go:noinline
func panicsHere() int { panic("here") }
