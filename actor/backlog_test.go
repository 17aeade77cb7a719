package actor_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
)

// GO-18: in a burst few actors need a goroutine of their own.
func TestBurstTakesFewGoroutines(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const n, limit = 10_000, 1000
	sys := newSystem(t)
	var left sync.WaitGroup
	refs := make([]actor.Ref[payload], n)
	for i := range refs {
		refs[i] = spawnFunc(t, sys, func(*actor.Context[payload], payload) error {
			left.Done()
			return nil
		})
	}
	for range long.Rounds(3, 10) {
		before := runtime.NumGoroutine()
		left.Add(n)
		for _, r := range refs {
			r.Send(payload{})
		}
		if grown := runtime.NumGoroutine() - before; grown > limit {
			t.Errorf("%d goroutines for %d actors that have been woken", grown, n)
		}
		left.Wait()
	}
}

// GO-18, GO-19: nobody waits for a handler that does not return, however many were
// woken at once.
func TestBlockedHandlersHoldUpNobody(t *testing.T) {
	const n = 3000
	sys := newSystem(t)
	var begun sync.WaitGroup
	begun.Add(n)
	gate := make(chan struct{})
	refs := make([]actor.Ref[payload], n)
	for i := range refs {
		refs[i] = spawnFunc(t, sys, func(*actor.Context[payload], payload) error {
			begun.Done()
			<-gate
			return nil
		})
	}
	var senders sync.WaitGroup
	for part := range 4 {
		senders.Go(func() {
			for i := part; i < n; i += 4 {
				refs[i].Send(payload{})
			}
		})
	}
	begun.Wait() // or the test times out
	senders.Wait()
	close(gate)
}

// GO-9: a handler that ends its goroutine does not take along those that queue.
func TestGoexitInABurst(t *testing.T) {
	const n = 3000
	sys := newSystem(t)
	var ended sync.WaitGroup
	ended.Add(n)
	refs := make([]actor.Ref[payload], n)
	for i := range refs {
		refs[i] = spawnFunc(t, sys, func(*actor.Context[payload], payload) error {
			defer ended.Done()
			if i%3 == 0 {
				runtime.Goexit()
			}
			return nil
		})
	}
	for _, r := range refs {
		r.Send(payload{})
	}
	ended.Wait()
}
