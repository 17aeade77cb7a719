package task

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// ErrTimeout says that an item of a stream took longer than the Timeout of its
// [StreamConfig]. It is also the cause with which that item's context is cancelled.
var ErrTimeout = errors.New("took longer than the Timeout")

// ItemError is the error of an item of a stream whose task ended without a result.
// It says which item that is.
//
// Elixir: zip_input_on_exit.
type ItemError[T any] struct {
	Item T
	Err  error // an [*ExitError], which wraps [ErrTimeout] if the item took too long
}

// Error returns the text of Err. It does not show the item.
func (e *ItemError[T]) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *ItemError[T]) Unwrap() error { return e.Err }

// StreamConfig says how a [Stream] runs. The zero StreamConfig is a good one.
type StreamConfig struct {
	// MaxConcurrency is how many tasks there are at once, those included whose
	// result waits to be taken; runtime.GOMAXPROCS(0) if it is 0.
	MaxConcurrency int
	// Unordered gives results as they come. By default they come in the order of
	// the items, so that a slow item holds up those behind it.
	Unordered bool
	// Timeout is how long each item may take, from the start of its function; 0 is
	// no limit.
	Timeout time.Duration
	// OnTimeout says what happens to the stream when an item takes longer.
	OnTimeout OnTimeout
	// Supervisor starts the tasks, if it is not nil: they are its children, end with
	// it and count to its maximum. If it refuses one, that error is the stream's last
	// result.
	Supervisor Supervisor
}

// OnTimeout says what an item that takes too long does to its stream. Either way
// the item's task is ended and its result is an error that wraps [ErrTimeout].
type OnTimeout uint8

const (
	// FailStream: that error is the stream's last result.
	//
	// Elixir: on_timeout: :exit.
	FailStream OnTimeout = iota
	// FailItem: that error is one item's result, and the stream goes on.
	//
	// Elixir: on_timeout: :kill_task.
	FailItem
)

// Stream runs f on each of the items, in tasks of their own in sys, and returns
// their results. A result is what f returned, an error included; that is no crash
// of the task. If the task ended without a result, such as because f panicked,
// that is an [*ItemError]. Either way the stream goes on: break if it should not.
//
//	for page, err := range task.Stream(ctx, sys, slices.Values(urls), fetch, task.StreamConfig{}) {
//
// Streams are lazy. An item is taken and its task started only as results are
// taken, MaxConcurrency ahead of them at most, so the items may be without end.
// Each range over the stream runs it anew.
//
// When the loop ends early, by break, return or a panic, the tasks that run are shut
// down: the contexts that f got are cancelled and the stream waits until all of them have
// returned. The same happens when ctx is done, and then ctx's error is the last result. A
// call of f that does not return within a second is abandoned, see [actor.PID.Abandon];
// only such a one may run beside more than MaxConcurrency others, or longer than the
// loop. The contexts have the values of ctx, which is usually the calling actor's.
//
// Stream panics if items or f is nil, or if a number in o is negative.
//
// Elixir: Task.async_stream/3, Task.Supervisor.async_stream_nolink/4.
func Stream[T, R any](ctx context.Context, sys *actor.System, items iter.Seq[T], f func(ctx context.Context, item T) (R, error), o StreamConfig) iter.Seq2[R, error] {
	mustNotBeNil("Stream", f == nil)
	switch {
	case items == nil:
		panic("task: Stream: items is nil")
	case o.MaxConcurrency < 0:
		panic(fmt.Sprintf("task: Stream: MaxConcurrency is negative: %d", o.MaxConcurrency))
	case o.Timeout < 0:
		panic(fmt.Sprintf("task: Stream: Timeout is negative: %v", o.Timeout))
	}
	o.MaxConcurrency = cmp.Or(o.MaxConcurrency, runtime.GOMAXPROCS(0))
	return func(yield func(R, error) bool) {
		s := &stream[T, R]{
			StreamConfig: o,
			ctx:          ctx,
			values:       context.WithoutCancel(ctx),
			sys:          sys,
			f:            f,
			yield:        yield,
			ended:        make(chan *item[T, R], o.MaxConcurrency),
		}
		defer context.AfterFunc(ctx, s.pool.shutdown)()
		defer s.pool.close()
		for x := range items {
			if !s.start(x) {
				return
			}
			if s.n == s.MaxConcurrency && !s.take() {
				return
			}
		}
		for s.n > 0 {
			if !s.take() {
				return
			}
		}
	}
}

// stream is one run of a Stream. Only the goroutine that ranges over it uses it.
type stream[T, R any] struct {
	StreamConfig
	ctx    context.Context
	values context.Context // ctx without its end, which the pool sees to
	sys    *actor.System
	f      func(context.Context, T) (R, error)
	yield  func(R, error) bool
	n      int              // started, and their results not taken
	queue  []*item[T, R]    // those, in their order, unless order does not matter
	ended  chan *item[T, R] // has room for all of them, so that none waits on it
	pool   pool
}

// item is the task of one item of a stream. The error that the function returns
// is not the task's reason but a part of its value.
type item[T, R any] struct {
	Task[Result[R]]
	input T
	over  bool // has come out of ended
}

// start starts the task of an item. It reports false if the stream must end.
func (s *stream[T, R]) start(input T) bool {
	it := &item[T, R]{input: input}
	it.caller, it.values = s.values, s.values
	it.run = func(ctx context.Context) (r Result[R], _ error) {
		if s.Timeout > 0 {
			defer time.AfterFunc(s.Timeout, it.expire).Stop()
		}
		r.Value, r.Err = s.f(ctx, it.input)
		return r, nil
	}
	it.told = func() { s.ended <- it }
	s.n++
	if !s.Unordered {
		s.queue = append(s.queue, it)
	}
	s.pool.add(&it.life)
	if err := s.launch(it); err != nil {
		it.stop(actor.Shutdown) // a supervisor that was not waited for may start it yet
		return s.fail(err)
	}
	return true
}

// expire ends the task of an item that takes too long.
func (it *item[T, R]) expire() {
	it.settle(ErrTimeout)
	pid := it.PID()
	pid.Exit(ErrTimeout)
	reap(pid)
}

// launch has the item's task started.
func (s *stream[T, R]) launch(it *item[T, R]) error {
	if s.Supervisor != nil {
		it.ready = true
		return it.startUnder(s.ctx, s.Supervisor)
	}
	ref, err := actor.Spawn(s.sys, it.behavior)
	it.Task.start(ref, err)
	return err
}

// take waits for the next result and yields it. It reports false if the stream
// must end.
func (s *stream[T, R]) take() bool {
	it := s.next()
	if err := s.ctx.Err(); err != nil {
		return s.fail(err)
	}
	s.n--
	s.pool.remove(&it.life)
	r, err := it.outcome()
	if err == nil {
		return s.yield(r.Value, r.Err)
	}
	late := err.(*ExitError).Reason == ErrTimeout
	return s.yield(r.Value, &ItemError[T]{it.input, err}) && !(late && s.OnTimeout == FailStream)
}

// next returns the item whose result is due, or nil if ctx is done.
func (s *stream[T, R]) next() *item[T, R] {
	it := s.due()
	if it != nil && s.Supervisor != nil {
		// When its end is known to all, there is room for another one in the
		// supervisor: it will learn of the end before it is asked to start that.
		select {
		case <-it.PID().Done():
		case <-s.ctx.Done():
		}
	}
	return it
}

func (s *stream[T, R]) due() *item[T, R] {
	for {
		if !s.Unordered && s.queue[0].over {
			it := s.queue[0]
			s.queue = slices.Delete(s.queue, 0, 1)
			return it
		}
		select {
		case it := <-s.ended:
			if s.Unordered {
				return it
			}
			it.over = true
		case <-s.ctx.Done():
			return nil
		}
	}
}

// fail ends the stream with an error.
func (s *stream[T, R]) fail(err error) bool {
	var none R
	s.yield(none, fmt.Errorf("task: stream: %w", err))
	return false
}
