package queue_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/troupe-go/troupe/actor/internal/queue"
	"github.com/troupe-go/troupe/mailbox"
)

// A rider comes directly before its message, and goes with it.
func TestRidersStayWithTheirMessage(t *testing.T) {
	fill := func(q *queue.Queue[int]) {
		q.Push(0) // wakes the receiver, if there is no limit
		q.Mark("a")
		q.PushRider(1, "of 1")
		q.Mark("b")
		q.PushRider(2, "of 2")
		q.Push(3)
		q.PushRider(4, "of 4")
		q.Mark("c")
	}
	for _, tt := range []struct {
		limit mailbox.Limit
		want  []string
	}{
		{mailbox.Unbounded, []string{"0", "mark:a", "mark:of 1", "1", "mark:b", "mark:of 2", "2", "3", "mark:of 4", "4", "mark:c"}},
		{mailbox.Bounded(9, mailbox.Fail), []string{"0", "mark:a", "mark:of 1", "1", "mark:b", "mark:of 2", "2", "3", "mark:of 4", "4", "mark:c"}},
		{mailbox.Bounded(2, mailbox.Fail), []string{"0", "mark:a", "mark:of 1", "1", "mark:b", "mark:c"}},
		{mailbox.Bounded(2, mailbox.DropNewest), []string{"0", "mark:a", "mark:of 1", "1", "mark:b", "mark:c"}},
		{mailbox.Bounded(2, mailbox.DropOldest), []string{"mark:a", "mark:b", "3", "mark:of 4", "4", "mark:c"}},
		{mailbox.Bounded(1, mailbox.DropOldest), []string{"mark:a", "mark:b", "mark:of 4", "4", "mark:c"}},
	} {
		t.Run(fmt.Sprint(tt.limit), func(t *testing.T) {
			var q queue.Queue[int]
			q.SetLimit(tt.limit, nil, nil)
			fill(&q)
			items, _ := drain(&q)
			items = slices.DeleteFunc(items, func(s string) bool { return s == "mark:<nil>" }) // of one that was dropped
			if !slices.Equal(items, tt.want) {
				t.Errorf("got  %q\nwant %q", items, tt.want)
			}
		})
	}
}

// A rider wakes a receiver that sleeps, as its message would.
func TestRidersWake(t *testing.T) {
	var q queue.Queue[int]
	for range 2 {
		if got := q.PushRider(1, "r"); got != queue.Wake {
			t.Fatalf("PushRider to a receiver that sleeps: %v, want Wake", got)
		}
		if items, state := drain(&q); !slices.Equal(items, []string{"mark:r", "1"}) || state != queue.Asleep {
			t.Fatalf("drained %q, %v", items, state)
		}
	}
	q.Close()
	if got := q.PushRider(1, "r"); got != queue.Closed {
		t.Errorf("PushRider to a closed queue: %v", got)
	}
}

// A flood to a mailbox that drops its oldest leaves no riders behind, however long nobody
// takes anything.
func TestRidersOfDroppedMessagesGo(t *testing.T) {
	var q queue.Queue[int]
	q.SetLimit(mailbox.Bounded(4, mailbox.DropOldest), nil, nil)
	for i := range 100 {
		q.Mark(i)
	}
	for i := range 100_000 {
		q.PushRider(i, "rider")
	}
	if n := queue.Marks(&q); n > 400 {
		t.Errorf("%d marks wait, of 100 signals and 4 messages", n)
	}
}
