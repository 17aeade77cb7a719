package actor

import (
	"context"
	"iter"
	"sync"
)

// Answer is the outcome of a call to one of several actors.
type Answer[R any] struct {
	Value R
	Err   error // as of [Call]; nil if there is a value
}

// CallAll makes a [Call] to each of the actors, all at once, and returns their answers
// in the order of to, when the last has answered or failed, ctx being done at the
// latest.
//
// OTP: gen_server:multi_call/4.
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

// Answers returns the answers to several requests as they come, each with the index of
// its request. When ctx is done, those that are not there yet have its error. A loop
// that is left early leaves the other requests as they are: they may be waited for
// again.
//
// OTP: gen_server:receive_response/3.
func Answers[R any](ctx context.Context, requests ...*Pending[R]) iter.Seq2[int, Answer[R]] {
	return func(yield func(int, Answer[R]) bool) {
		came := make(chan int, len(requests))
		for i, p := range requests {
			p.asked.tell(listener{came, i})
		}
		defer func() {
			for i, p := range requests {
				p.asked.forget(listener{came, i})
			}
		}()
		left := make(map[int]bool, len(requests))
		for i := range requests {
			left[i] = true
		}
		next := func(i int) bool {
			delete(left, i)
			v, err := requests[i].Wait(ctx)
			return yield(i, Answer[R]{v, err})
		}
		for len(left) > 0 {
			select {
			case i := <-came:
				if !next(i) {
					return
				}
			case <-ctx.Done():
				for i := range requests {
					if left[i] && !next(i) {
						return
					}
				}
			}
		}
	}
}

// listener is a loop over Answers.
type listener struct {
	came  chan<- int // has room for all that the loop waits for
	index int
}
