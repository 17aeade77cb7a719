package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/actor/internal/queue"
	"github.com/troupe-go/troupe/mailbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// drain takes all that waits: messages as themselves, marks as "mark:value".
func drain(q *queue.Queue[int]) (items []string, last queue.State) {
	var b queue.Batch[int]
	for {
		if last = q.Take(&b); last != queue.Ready {
			return items, last
		}
		for {
			if b.AtMark() {
				items = append(items, fmt.Sprint("mark:", b.Mark()))
			} else if m, ok := b.Next(); ok {
				items = append(items, fmt.Sprint(m))
			} else {
				break
			}
		}
	}
}

func TestPushWakesASleepingReceiverOnce(t *testing.T) {
	var q queue.Queue[int]
	if got := q.Push(1); got != queue.Wake {
		t.Fatalf("first push: %v, want Wake", got)
	}
	if got := q.Push(2); got != queue.Queued {
		t.Fatalf("second push: %v, want Queued", got)
	}
	items, state := drain(&q)
	if want := []string{"1", "2"}; !slices.Equal(items, want) || state != queue.Asleep {
		t.Fatalf("drained %v, %v; want %v, Asleep", items, state, want)
	}
	if got := q.Push(3); got != queue.Wake {
		t.Fatalf("push to a receiver that went to sleep: %v, want Wake", got)
	}
}

func TestOrderHoldsAcrossSegments(t *testing.T) {
	var q queue.Queue[int]
	var want []string
	for i := range 1000 {
		q.Push(i)
		want = append(want, fmt.Sprint(i))
		if i%300 == 7 {
			q.Mark(i)
			want = append(want, fmt.Sprint("mark:", i))
		}
	}
	if n := q.Len(); n != 999 { // the receiver was woken for the first
		t.Errorf("Len = %d, want 999", n)
	}
	if items, _ := drain(&q); !slices.Equal(items, want) {
		t.Fatalf("got %v", items)
	}
}

func TestMarksKeepTheirPlace(t *testing.T) {
	for _, limit := range []mailbox.Limit{mailbox.Unbounded, mailbox.Bounded(8, mailbox.Fail)} {
		var q queue.Queue[int]
		q.SetLimit(limit, nil, nil)
		q.Mark("a")
		q.Push(1)
		q.Mark("b")
		q.Mark("c")
		q.Push(2)
		q.Push(3)
		q.Mark("d")
		items, _ := drain(&q)
		if want := []string{"mark:a", "1", "mark:b", "mark:c", "2", "3", "mark:d"}; !slices.Equal(items, want) {
			t.Errorf("limit %v: got %v, want %v", limit, items, want)
		}
	}
}

// The message that wakes the receiver is its own at once: it comes first, whatever
// is queued before the receiver looks, and no Discard gets it.
func TestReceiverIsWokenForTheFirstMessage(t *testing.T) {
	var q queue.Queue[int]
	var b queue.Batch[int]
	if q.TakeFirst(&b) {
		t.Error("a first message from an empty queue")
	}
	q.Push(1)
	q.Push(2)
	q.Discard(func(m int) {
		if m != 2 {
			t.Errorf("discarded %d", m)
		}
	})
	q.Push(3)
	q.Close()
	if !q.TakeFirst(&b) {
		t.Fatal("no first message")
	}
	if m, _ := b.Next(); m != 1 || !b.Empty() {
		t.Errorf("first: %d", m)
	}
	if q.TakeFirst(&b) {
		t.Error("it came twice")
	}
	if items, state := drain(&q); !slices.Equal(items, []string{"3"}) || state != queue.Ended {
		t.Errorf("then %v, %v", items, state)
	}
	// A receiver that sleeps although something waits is woken, and that comes first.
	q = queue.Queue[int]{}
	q.Rouse()
	q.Push(1)
	if _, state := q.TakeMark(func(any) bool { return true }); state != queue.Asleep {
		t.Errorf("TakeMark: %v", state)
	}
	if got := q.Push(2); got != queue.Wake {
		t.Errorf("push: %v", got)
	}
	if items, _ := drain(&q); !slices.Equal(items, []string{"1", "2"}) {
		t.Errorf("then %v", items)
	}
}

func TestCloseRefusesPushesAndKeepsWhatIsQueued(t *testing.T) {
	var q queue.Queue[int]
	q.Push(1)
	if q.Close() {
		t.Error("Close says wake, but the receiver was awake")
	}
	if got := q.Push(2); got != queue.Closed {
		t.Errorf("push after close: %v, want Closed", got)
	}
	if got := q.Mark("x"); got != queue.Closed {
		t.Errorf("mark after close: %v, want Closed", got)
	}
	if items, state := drain(&q); !slices.Equal(items, []string{"1"}) || state != queue.Ended {
		t.Errorf("drained %v, %v; want [1], Ended", items, state)
	}
	if q.Close() {
		t.Error("second Close says wake")
	}

	var idle queue.Queue[int]
	if !idle.Close() {
		t.Error("Close of an idle queue must wake its receiver")
	}
}

func TestOverflow(t *testing.T) {
	cases := []struct {
		policy  mailbox.Overflow
		outcome queue.Outcome
		kept    []string
		dropped []int
	}{
		{mailbox.Fail, queue.Full, []string{"1", "2"}, nil},
		{mailbox.Block, queue.Full, []string{"1", "2"}, nil},
		{mailbox.DropNewest, queue.Dropped, []string{"1", "2"}, []int{3}},
		{mailbox.DropOldest, queue.Dropped, []string{"2", "3"}, []int{1}},
	}
	for _, c := range cases {
		t.Run(c.policy.String(), func(t *testing.T) {
			var q queue.Queue[int]
			var dropped []int
			q.SetLimit(mailbox.Bounded(2, c.policy), func(m int) { dropped = append(dropped, m) }, nil)
			q.Push(1)
			q.Push(2)
			if got := q.Push(3); got != c.outcome {
				t.Errorf("push to a full queue: %v, want %v", got, c.outcome)
			}
			if !slices.Equal(dropped, c.dropped) {
				t.Errorf("dropped %v, want %v", dropped, c.dropped)
			}
			if items, _ := drain(&q); !slices.Equal(items, c.kept) {
				t.Errorf("kept %v, want %v", items, c.kept)
			}
		})
	}
}

func TestOldestIsDroppedFromBehindItsMark(t *testing.T) {
	var q queue.Queue[int]
	q.SetLimit(mailbox.Bounded(1, mailbox.DropOldest), nil, nil)
	q.Push(1)
	q.Mark("after 1")
	q.Push(2) // displaces 1
	if items, _ := drain(&q); !slices.Equal(items, []string{"mark:after 1", "2"}) {
		t.Errorf("got %v", items)
	}
}

func TestPushWaitTakesTheRoomThatTheReceiverMakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q queue.Queue[int]
		q.SetLimit(mailbox.Bounded(1, mailbox.Block), nil, nil)
		q.Push(0)
		for i := 1; i <= 3; i++ {
			go func() {
				if got, err := q.PushWait(t.Context(), i, nil); err != nil || got == queue.Full {
					t.Errorf("PushWait(%d) = %v, %v", i, got, err)
				}
			}()
			synctest.Wait() // it stands in line before the next one comes
		}
		var b queue.Batch[int]
		for want := range 4 {
			if q.Take(&b) != queue.Ready {
				t.Fatalf("nothing to take, want %d", want)
			}
			if got, ok := b.Next(); !ok || got != want {
				t.Fatalf("took %d, want %d", got, want)
			}
			if got := q.Push(99); want < 3 && got != queue.Full {
				t.Fatalf("a newcomer took the place of one who waits: %v", got)
			}
			synctest.Wait()
		}
	})
}

func TestPushWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q queue.Queue[int]
		q.SetLimit(mailbox.Bounded(1, mailbox.Block), nil, nil)
		q.Push(0)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := q.PushWait(ctx, 1, nil)
			done <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v, want Canceled", err)
		}
		if items, _ := drain(&q); !slices.Equal(items, []string{"0"}) {
			t.Errorf("got %v, want only 0", items)
		}
		if got, err := q.PushWait(ctx, 2, nil); got != queue.Wake || err != nil {
			t.Errorf("the place is lost: %v, %v", got, err)
		}
	})
}

func TestCloseReleasesThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q queue.Queue[int]
		q.SetLimit(mailbox.Bounded(1, mailbox.Block), nil, nil)
		q.Push(0)
		done := make(chan queue.Outcome)
		go func() {
			got, _ := q.PushWait(t.Context(), 1, nil)
			done <- got
		}()
		synctest.Wait()
		q.Close()
		if got := <-done; got != queue.Closed {
			t.Errorf("PushWait = %v, want Closed", got)
		}
	})
}

// T-113: senders race a receiver that keeps going to sleep; every message is
// taken once, in its sender's order, and none is left behind.
func TestNoWakeUpIsLost(t *testing.T) {
	limits := map[string]mailbox.Limit{
		"unbounded": mailbox.Unbounded,
		"block":     mailbox.Bounded(4, mailbox.Block),
	}
	for name, limit := range limits {
		t.Run(name, func(t *testing.T) {
			const senders, each = 4, 25_000
			type msg struct{ sender, n int }
			var q queue.Queue[msg]
			q.SetLimit(limit, nil, nil)
			var next [senders]int // touched by one receiver at a time, or -race tells
			var left sync.WaitGroup
			left.Add(senders * each)
			receive := func() {
				var b queue.Batch[msg]
				for q.Take(&b) == queue.Ready {
					for m, ok := b.Next(); ok; m, ok = b.Next() {
						if next[m.sender] != m.n {
							t.Errorf("sender %d: got %d, want %d", m.sender, m.n, next[m.sender])
						}
						next[m.sender]++
						left.Done()
					}
				}
			}
			for s := range senders {
				go func() {
					for n := range each {
						switch got, err := q.PushWait(context.Background(), msg{s, n}, nil); {
						case err != nil || got > queue.Wake:
							t.Errorf("push: %v, %v", got, err)
						case got == queue.Wake:
							go receive()
						}
					}
				}()
			}
			left.Wait()
		})
	}
}

func TestPushDoesNotAllocate(t *testing.T) {
	if long.Race {
		t.Skip("sync.Pool drops items at random under the race detector")
	}
	var q queue.Queue[[2]int]
	var b queue.Batch[[2]int]
	allocs := testing.AllocsPerRun(10_000, func() {
		for i := range 20 {
			q.Push([2]int{i, i})
		}
		for q.Take(&b) == queue.Ready {
			for _, ok := b.Next(); ok; _, ok = b.Next() {
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for 20 messages, want 0", allocs)
	}
}

func ExampleQueue() {
	var q queue.Queue[string]
	receive := func() {
		var b queue.Batch[string]
		for q.Take(&b) == queue.Ready {
			for m, ok := b.Next(); ok; m, ok = b.Next() {
				fmt.Println(m)
			}
		}
	}
	q.Push("hello")
	if q.Push("world") == queue.Queued { // only the first push must wake
		receive()
	}
	// Output:
	// hello
	// world
}

func BenchmarkPushTake(b *testing.B) {
	var q queue.Queue[[2]int]
	var batch queue.Batch[[2]int]
	b.ReportAllocs()
	for i := range b.N {
		q.Push([2]int{i, i})
		if i%100 == 99 {
			q.Take(&batch)
			for _, ok := batch.Next(); ok; _, ok = batch.Next() {
			}
		}
	}
}
