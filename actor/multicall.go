package actor

import (
	"context"
	"sync"
)

// Answer is the outcome of a call to one of several actors.
type Answer[R any] struct {
	Value R
	Err   error // as of [Call]; nil if there is a value
}

// CallAll makes a [Call] to each of the actors, all at once, and returns their
// answers in the order of to, when the last has answered or failed, ctx being
// done at the latest. It is gen_server:multi_call: those with an error are its
// bad nodes.
func CallAll[M, R any](ctx context.Context, to []Ref[M], newRequest func(Reply[R]) M) []Answer[R] {
	answers := make([]Answer[R], len(to))
	var wg sync.WaitGroup
	for i, ref := range to {
		wg.Go(func() {
			answers[i].Value, answers[i].Err = Call(ctx, ref, newRequest)
		})
	}
	wg.Wait()
	return answers
}
