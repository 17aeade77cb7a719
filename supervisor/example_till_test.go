package supervisor_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// till has money in two places. What leaves the one must get to the other.
type till struct{ drawer, safe int }

// newTill returns a till as the books have it.
func newTill() *till { return &till{drawer: 60, safe: 40} }

func (t *till) toSafe(n int) {
	t.drawer -= n
	if n == 13 {
		panic("a bug") // between the two halves
	}
	t.safe += n
}

func (t *till) total() int { return t.drawer + t.safe }

// lockedTill is a till that many goroutines use.
type lockedTill struct {
	mu sync.Mutex
	*till
}

func (l *lockedTill) ToSafe(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.toSafe(n)
	return l.total()
}

// Receive makes a till an actor.
func (t *till) Receive(_ *actor.Context[move], m move) error {
	t.toSafe(m.n)
	m.total.Send(t.total())
	return nil
}

type move struct {
	n     int
	total actor.Reply[int]
}

func moving(n int) func(actor.Reply[int]) move {
	return func(r actor.Reply[int]) move { return move{n, r} }
}

// The panic is recovered, as net/http does it for each request, and the lock is free
// again. What was half changed stays so.
func Example_mutex() {
	t := &lockedTill{till: newTill()}
	func() {
		defer func() { fmt.Println("recovered:", recover()) }()
		t.ToSafe(13)
	}()
	fmt.Println("total:", t.ToSafe(10))
	// Output:
	// recovered: a bug
	// total: 87
}

// The till that is broken ends, and the supervisor starts another one from the books.
func Example_actor() {
	ctx := context.Background()
	sys := quietSystem()
	defer sys.Shutdown(ctx)

	child, t := supervisor.ActorRef("till", newTill)
	restarted := make(chan struct{}, 1)
	_, err := supervisor.Start(sys, supervisor.Spec{
		Children:  []supervisor.Child{child},
		OnRestart: func(supervisor.Restarted) { restarted <- struct{}{} },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = supervisor.Call(ctx, t, moving(13))
	fmt.Println(err)
	<-restarted
	total, err := supervisor.Call(ctx, t, moving(10))
	fmt.Println("total:", total, err)
	// Output:
	// supervisor: call child "till": it ended: panic: a bug
	// total: 100 <nil>
}

// BenchmarkTill has eight goroutines for each processor move money.
func BenchmarkTill(b *testing.B) {
	b.Run("mutex", func(b *testing.B) {
		t := &lockedTill{till: newTill()}
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				t.ToSafe(1)
			}
		})
	})
	start := func(b *testing.B) supervisor.Ref[move] {
		sys := quietSystem()
		b.Cleanup(func() { sys.Shutdown(context.Background()) })
		child, t := supervisor.ActorRef("till", newTill)
		if _, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{child}}); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.SetParallelism(8)
		return t
	}
	b.Run("send", func(b *testing.B) {
		t := start(b)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				t.Send(move{n: 1})
			}
		})
		if _, err := supervisor.Call(context.Background(), t, moving(1)); err != nil { // all are handled
			b.Fatal(err)
		}
	})
	b.Run("call", func(b *testing.B) {
		t := start(b)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := supervisor.Call(context.Background(), t, moving(1)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}
