package pubsub_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// numbered is what a broadcaster sends: which one it is, and the number of its message.
type numbered struct{ from, n int }

// ledger is a subscriber that checks the order of each broadcaster's messages
// and keeps the last one.
type ledger struct {
	tb    testing.TB
	mu    sync.Mutex
	first []int // of each broadcaster; 0: none yet
	last  []int
}

func newLedger(tb testing.TB, broadcasters int) *ledger {
	return &ledger{tb: tb, first: make([]int, broadcasters), last: make([]int, broadcasters)}
}

func (l *ledger) Deliver(_ string, m numbered) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first[m.from] == 0 {
		l.first[m.from] = m.n
	} else if m.n != l.last[m.from]+1 {
		l.tb.Errorf("message %d of broadcaster %d came behind %d", m.n, m.from, l.last[m.from])
	}
	l.last[m.from] = m.n
}

// seen returns the first and the last message of a broadcaster, 0 if none came.
func (l *ledger) seen(from int) (first, last int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first[from], l.last[from]
}

// broadcaster sends numbered messages until told to stop.
type broadcaster struct {
	began, ended atomic.Int64 // the last message whose Broadcast began, and returned
}

func (b *broadcaster) run(ps *pubsub.PubSub[numbered], id int, stop <-chan struct{}) {
	for n := 1; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		b.began.Store(int64(n))
		ps.Broadcast("t", numbered{id, n})
		b.ended.Store(int64(n))
		runtime.Gosched()
	}
}

const broadcasters = 3

// instant is how far each broadcaster has come.
type instant [broadcasters]int

// life is a subscription's, from before Subscribe was called to after it was
// unsubscribed.
type life struct {
	ledger              *ledger
	beforeJoin, leaving instant // the last broadcasts that had ended by then
	joined, left        instant // the last broadcasts that had begun by then
}

func (l *life) check(t *testing.T) {
	t.Helper()
	for id := range broadcasters {
		first, last := l.ledger.seen(id)
		if first != 0 && (first <= l.beforeJoin[id] || first > l.joined[id]+1) {
			t.Errorf("the first message was %d, want one from %d to %d", first, l.beforeJoin[id]+1, l.joined[id]+1)
		}
		if l.leaving[id] > l.joined[id] && last < l.leaving[id] || last > l.left[id] {
			t.Errorf("the last message was %d, want one from %d to %d", last, l.leaving[id], l.left[id])
		}
	}
}

// OUT-5 and the promise of the package: under churn, a subscription gets every
// broadcast that began after Subscribe had returned and ended before Unsubscribe
// was called, none that ended before Subscribe was called or that began after
// Unsubscribe had returned, and each broadcaster's in order, without a gap.
func TestSubscriptionsSeeExactlyTheBroadcastsOfTheirLife(t *testing.T) {
	const churners, rounds = 4, 100
	sys := newSystem(t)
	ps := pubsub.PubSub[numbered]{Logger: failing(t)}

	// Residents, who make a broadcast take several batches and see everything.
	residents := make([]*ledger, 150)
	for i := range residents {
		residents[i] = newLedger(t, broadcasters)
		if err := ps.Subscribe(idle(t, sys), "t", residents[i]); err != nil {
			t.Fatal(err)
		}
	}
	senders := make([]broadcaster, broadcasters)
	stop := make(chan struct{})
	var sending, churning sync.WaitGroup
	for id := range senders {
		sending.Go(func() { senders[id].run(&ps, id, stop) })
	}
	read := func(counter func(*broadcaster) int64) (at instant) {
		for id := range senders {
			at[id] = int(counter(&senders[id]))
		}
		return at
	}
	began := func(b *broadcaster) int64 { return b.began.Load() }
	ended := func(b *broadcaster) int64 { return b.ended.Load() }

	var lives [churners][rounds]life
	for c := range churners {
		churning.Go(func() {
			owner := idle(t, sys)
			for round := range rounds {
				in := &lives[c][round]
				in.ledger = newLedger(t, broadcasters)
				in.beforeJoin = read(ended)
				if err := ps.Subscribe(owner, "t", in.ledger); err != nil {
					t.Error(err)
					return
				}
				in.joined = read(began)
				for id := round % broadcasters; senders[id].began.Load() < int64(in.joined[id]+2); {
					runtime.Gosched()
				}
				in.leaving = read(ended)
				if (round+c)%3 == 0 { // leave by dying
					end(t, owner)
					in.left = read(began)
					owner = idle(t, sys)
				} else {
					ps.Unsubscribe(owner, "t")
					in.left = read(began)
				}
			}
		})
	}
	churning.Wait()
	close(stop)
	sending.Wait() // now nothing is under way any more
	for c := range lives {
		for round := range lives[c] {
			lives[c][round].check(t)
		}
	}
	for id := range senders {
		for _, l := range residents {
			if first, last := l.seen(id); first != 1 || last != int(senders[id].ended.Load()) {
				t.Fatalf("a resident got messages %d to %d of %d", first, last, senders[id].ended.Load())
			}
		}
	}
	if n := ps.Subscribers("t"); n != len(residents) {
		t.Errorf("%d subscribers are left, want %d", n, len(residents))
	}
}
