package nats

import (
	"context"
	"sync"
	"time"
)

// shared has many that ask the same at the same time get one answer. It is asked for after each
// of them has come.
type shared[T any] struct {
	mu   sync.Mutex
	next *answer[T] // of those that have come and for whom it has not been asked yet
	busy bool
}

// answer is one to come.
type answer[T any] struct {
	ask   func(context.Context) (T, error)
	done  chan struct{}
	value T
	err   error
}

// sharedPatience is how long an answer may take: nobody's context ends it, for it is others' too.
const sharedPatience = 5 * time.Second

// get returns the answer, or the cause of ctx's end.
func (s *shared[T]) get(ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	s.mu.Lock()
	a := s.next
	if a == nil {
		a = &answer[T]{ask: ask, done: make(chan struct{})}
		s.next = a
	}
	if !s.busy {
		s.busy = true
		go s.run()
	}
	s.mu.Unlock()
	select {
	case <-a.done:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

func (s *shared[T]) run() {
	for {
		s.mu.Lock()
		a := s.next
		s.next, s.busy = nil, a != nil
		s.mu.Unlock()
		if a == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), sharedPatience)
		a.value, a.err = a.ask(ctx)
		cancel()
		close(a.done)
	}
}
