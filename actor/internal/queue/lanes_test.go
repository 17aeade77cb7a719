package queue_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/troupe-go/troupe/actor/internal/queue"
	"github.com/troupe-go/troupe/mailbox"
)

// PRI-2: urgent messages come in their own order, whatever waits beside them, and
// no limit holds for them.
func TestUrgentMessagesHaveALaneOfTheirOwn(t *testing.T) {
	for _, limit := range []mailbox.Limit{mailbox.Unbounded, mailbox.Bounded(1, mailbox.Fail)} {
		var q queue.Queue[int]
		q.SetLimit(limit, nil, nil)
		q.AllowUrgent()
		if _, ok := q.NextUrgent(); ok {
			t.Error("an urgent message from an empty queue")
		}
		if got := q.PushUrgent(-1); got != queue.Wake {
			t.Errorf("first push: %v, want Wake", got)
		}
		q.Push(1)
		q.PushUrgent(-2)
		if n := q.Len(); n != 3 {
			t.Errorf("Len = %d, want 3", n)
		}
		var urgent []int
		for m, ok := q.NextUrgent(); ok; m, ok = q.NextUrgent() {
			urgent = append(urgent, m)
		}
		items, state := drain(&q)
		if !slices.Equal(urgent, []int{-1, -2}) || !slices.Equal(items, []string{"1"}) || state != queue.Asleep {
			t.Errorf("urgent %v, others %v, then %v", urgent, items, state)
		}
		q.PushUrgent(-3)
		var b queue.Batch[int]
		if got := q.Take(&b); got != queue.Ready || !b.Empty() { // it must not sleep
			t.Errorf("Take = %v with an urgent message waiting", got)
		}
		q.Close()
		if got := q.PushUrgent(-4); got != queue.Closed {
			t.Errorf("push to a closed queue: %v", got)
		}
	}
}

// Discard passes on all that waits, and drops the marks.
func TestDiscard(t *testing.T) {
	for _, limit := range []mailbox.Limit{mailbox.Unbounded, mailbox.Bounded(1000, mailbox.Fail)} {
		var q queue.Queue[int]
		q.SetLimit(limit, nil, nil)
		q.AllowUrgent()
		q.Rouse() // or the receiver would be woken for the first message
		var want []int
		for i := range 300 {
			q.Push(i)
			q.Mark(i)
			want = append(want, i)
		}
		q.PushUrgent(-1)
		q.Close()
		var got []int
		q.Discard(func(m int) { got = append(got, m) })
		if !slices.Equal(got, append([]int{-1}, want...)) || q.Len() != 0 {
			t.Errorf("discarded %v, %d left", got, q.Len())
		}
		if items, state := drain(&q); len(items) != 0 || state != queue.Ended {
			t.Errorf("left: %v, %v", items, state)
		}
	}
}

// Discard may run beside a receiver that is still at work: each message goes to one
// of the two.
func TestDiscardBesideTheReceiver(t *testing.T) {
	for range 300 {
		var q queue.Queue[int]
		q.AllowUrgent()
		const n = 200
		for i := range n / 2 {
			q.Push(i)
			q.PushUrgent(i)
		}
		q.Close()
		var seen atomic.Int32
		var wg sync.WaitGroup
		wg.Go(func() {
			for _, ok := q.NextUrgent(); ok; _, ok = q.NextUrgent() {
				seen.Add(1)
			}
			items, _ := drain(&q)
			seen.Add(int32(len(items)))
		})
		wg.Go(func() { q.Discard(func(int) { seen.Add(1) }) })
		wg.Wait()
		if seen.Load() != n {
			t.Fatalf("%d of %d messages", seen.Load(), n)
		}
	}
}

// TakeMark finds a mark wherever it stands, in the queue or in a batch, and leaves
// all else in its order.
func TestTakeMark(t *testing.T) {
	is := func(want string) func(any) bool { return func(v any) bool { return v == want } }
	var q queue.Queue[int]
	var b queue.Batch[int]
	q.Rouse()
	q.Push(1)
	q.Mark("a")
	q.Mark("b")
	q.Push(2)
	q.Mark("c")
	if v, state := q.TakeMark(is("b")); v != "b" || state != queue.Ready {
		t.Errorf("took %v, %v", v, state)
	}
	if _, state := q.TakeMark(is("b")); state != queue.Asleep {
		t.Errorf("none: %v, want Asleep", state)
	}
	if got := q.Push(3); got != queue.Wake {
		t.Errorf("push: %v, want Wake", got)
	}
	q.Take(&b)
	if v, ok := b.TakeMark(is("c")); v != "c" || !ok {
		t.Errorf("took %v, %v from the batch", v, ok)
	}
	if _, ok := b.TakeMark(is("c")); ok {
		t.Error("took it twice")
	}
	var got []any
	for !b.Empty() {
		if b.AtMark() {
			got = append(got, b.Mark())
		} else if m, ok := b.Next(); ok {
			got = append(got, m)
		}
	}
	if !slices.Equal(got, []any{1, "a", 2, 3}) {
		t.Errorf("left %v", got)
	}
	q.Close()
	if _, state := q.TakeMark(is("x")); state != queue.Ended {
		t.Errorf("closed: %v, want Ended", state)
	}
}

// Rouse wakes without a message, once.
func TestRouse(t *testing.T) {
	var q queue.Queue[int]
	if q.Awake() || !q.Rouse() || q.Rouse() || !q.Awake() {
		t.Error("it must wake a sleeping receiver, once")
	}
	if got := q.Push(1); got != queue.Queued {
		t.Errorf("push: %v, want Queued", got)
	}
}

// Senders that give up while their turn comes lose no place and no message: a
// later sender still gets in.
func TestGivingUpRacesTheTurn(t *testing.T) {
	var q queue.Queue[int]
	q.SetLimit(mailbox.Bounded(1, mailbox.Block), nil, nil)
	q.Rouse()
	for range 2000 {
		q.Push(0)
		ctx, cancel := context.WithCancel(t.Context())
		var in atomic.Int32
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if got, err := q.PushWait(ctx, 1, nil); err == nil && got <= queue.Wake {
					in.Add(1)
				}
			})
		}
		taken := int32(0)
		take := func() bool {
			var b queue.Batch[int]
			if q.Take(&b) != queue.Ready {
				q.Rouse()
				return false
			}
			_, ok := b.Next()
			return ok
		}
		wg.Go(cancel)
		if take() {
			taken++
		}
		wg.Wait()
		for take() {
			taken++
		}
		if taken != in.Load()+1 {
			t.Fatalf("%d taken, %d sent", taken, in.Load()+1)
		}
		if n := q.Len(); n != 0 {
			t.Fatalf("%d left", n)
		}
		if got := q.Push(0); got != queue.Queued {
			t.Fatalf("a place was lost: %v", got)
		}
		take()
	}
}
