package pubsub_test

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// inbox is a subscriber that keeps what it gets.
type inbox struct {
	mu  sync.Mutex
	got []string
}

func (in *inbox) Deliver(topic, msg string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.got = append(in.got, topic+" "+msg)
}

// expect compares what came with what should have come, and empties the inbox.
func (in *inbox) expect(tb testing.TB, want ...string) {
	tb.Helper()
	in.mu.Lock()
	defer in.mu.Unlock()
	if !slices.Equal(in.got, want) {
		tb.Errorf("got %q, want %q", in.got, want)
	}
	in.got = nil
}

// deliver is a subscriber that is just a function.
type deliver func(topic, msg string)

func (f deliver) Deliver(topic, msg string) { f(topic, msg) }

func subscribe(tb testing.TB, ps *pubsub.PubSub[string], owner actor.PID, topic string, s pubsub.Subscriber[string]) {
	tb.Helper()
	if err := ps.Subscribe(owner, topic, s); err != nil {
		tb.Fatal(err)
	}
}

// expectEmpty checks that nothing is left of any topic.
func expectEmpty(tb testing.TB, ps *pubsub.PubSub[string], topics ...string) {
	tb.Helper()
	if n := ps.Topics(); n != 0 {
		tb.Errorf("%d topics are left", n)
	}
	for _, topic := range topics {
		if n := ps.Subscribers(topic); n != 0 {
			tb.Errorf("%d subscribers of %q are left", n, topic)
		}
	}
}

// OUT-2: a broadcast goes to all subscribers of the topic, and of no other one.
func TestBroadcastReachesTheTopicsSubscribersOnly(t *testing.T) {
	sys := newSystem(t)
	var ps pubsub.PubSub[string]
	var a, b, other inbox
	subscribe(t, &ps, idle(t, sys), "room:1", &a)
	subscribe(t, &ps, idle(t, sys), "room:1", &b)
	subscribe(t, &ps, idle(t, sys), "room:2", &other)

	ps.Broadcast("room:1", "hello")
	ps.Broadcast("room:3", "nobody hears it")

	a.expect(t, "room:1 hello")
	b.expect(t, "room:1 hello")
	other.expect(t)
	if got := [3]int{ps.Subscribers("room:1"), ps.Subscribers("room:3"), ps.Topics()}; got != [3]int{2, 0, 2} {
		t.Errorf("subscribers of room:1, of room:3, topics = %v", got)
	}
}

// OUT-2: broadcast_from leaves the sender out, with all of its subscriptions.
func TestBroadcastFromLeavesTheSenderOut(t *testing.T) {
	sys := newSystem(t)
	var ps pubsub.PubSub[string]
	var mine, others inbox
	me := idle(t, sys)
	subscribe(t, &ps, me, "t", &mine)
	subscribe(t, &ps, idle(t, sys), "t", &others)
	subscribe(t, &ps, me, "t", &mine)

	ps.BroadcastFrom(me, "t", "x")
	mine.expect(t)
	others.expect(t, "t x")

	ps.BroadcastFrom(idle(t, sys), "t", "from a stranger")
	mine.expect(t, "t from a stranger", "t from a stranger")
	others.expect(t, "t from a stranger")
}

func TestSubscribingTwiceDeliversTwiceAndOneUnsubscribeEndsBoth(t *testing.T) {
	// On both sides of the size from which a topic has an index.
	for _, neighbours := range []int{0, 100} {
		t.Run(fmt.Sprint(neighbours), func(t *testing.T) {
			sys := newSystem(t)
			var ps pubsub.PubSub[string]
			var in, rest inbox
			for _, pid := range owners(t, sys, neighbours) {
				subscribe(t, &ps, pid, "t", &rest)
			}
			me := idle(t, sys)
			subscribe(t, &ps, me, "t", &in)
			subscribe(t, &ps, me, "t", &in)

			ps.Broadcast("t", "x")
			in.expect(t, "t x", "t x")

			ps.Unsubscribe(me, "t")
			ps.Unsubscribe(me, "t") // nothing to do
			ps.Unsubscribe(me, "no such topic")
			ps.Broadcast("t", "y")
			in.expect(t)
			if n := ps.Subscribers("t"); n != neighbours {
				t.Errorf("%d subscribers are left, want %d", n, neighbours)
			}
		})
	}
}

func TestTopicThatEmptiesIsGone(t *testing.T) {
	sys := newSystem(t)
	var ps pubsub.PubSub[string]
	pids := owners(t, sys, 200)
	for i, pid := range pids {
		subscribe(t, &ps, pid, "big", &inbox{})
		subscribe(t, &ps, pid, fmt.Sprint("small", i), &inbox{})
	}
	if n := ps.Topics(); n != 201 {
		t.Errorf("there are %d topics, want 201", n)
	}
	for i, pid := range pids {
		if i%2 == 0 {
			ps.Unsubscribe(pid, "big")
			ps.Unsubscribe(pid, fmt.Sprint("small", i))
		} else {
			end(t, pid)
		}
		if n := ps.Subscribers("big"); n != 199-i {
			t.Fatalf("%d subscribers are left, want %d", n, 199-i)
		}
	}
	expectEmpty(t, &ps, "big", "small0")
}

func TestSubscribeForAnOwnerThatHasEndedFails(t *testing.T) {
	sys := newSystem(t)
	var ps pubsub.PubSub[string]
	dead := idle(t, sys)
	end(t, dead)
	for _, owner := range []actor.PID{dead, {}} {
		if err := ps.Subscribe(owner, "t", &inbox{}); !errors.Is(err, actor.NoProc) {
			t.Errorf("subscribe for %v: %v, want NoProc", owner, err)
		}
	}
	expectEmpty(t, &ps, "t")
}

// An actor that hears of an owner's end finds it unsubscribed.
func TestOwnersEndUnsubscribesBeforeAnybodyHearsOfIt(t *testing.T) {
	sys := newSystem(t)
	var ps pubsub.PubSub[string]
	owner := idle(t, sys)
	subscribe(t, &ps, owner, "t", &inbox{})
	subscribe(t, &ps, owner, "t", &inbox{})
	subscribe(t, &ps, owner, "u", &inbox{})

	left := make(chan int, 1)
	watching := make(chan struct{})
	_, err := actor.Spawn(sys, func() *watcher {
		return &watcher{target: owner, set: watching, down: func() {
			left <- ps.Subscribers("t") + ps.Subscribers("u") + ps.Topics()
		}}
	})
	if err != nil {
		t.Fatal(err)
	}
	await(t, watching)
	owner.Exit(actor.Kill)
	if n := await(t, left); n != 0 {
		t.Errorf("%d subscriptions and topics are left at the DOWN", n)
	}
}

// watcher monitors an actor.
type watcher struct {
	target actor.PID
	set    chan struct{}
	down   func()
}

func (w *watcher) Init(ctx *actor.Context[struct{}]) error {
	ctx.Monitor(w.target)
	close(w.set)
	return nil
}

func (w *watcher) Receive(*actor.Context[struct{}], struct{}) error { return nil }

func (w *watcher) HandleDown(*actor.Context[struct{}], actor.Down) error {
	w.down()
	return nil
}

// A batch is 64 subscribers: the broadcasts here need several.
func TestSubscriptionsThatComeAndGoDuringABroadcast(t *testing.T) {
	const n = 300
	sys := newSystem(t)
	var ps pubsub.PubSub[string]
	pids := owners(t, sys, n)
	newcomer := idle(t, sys)
	var late inbox
	delivered := make([]int, n)
	for i, pid := range pids {
		subscribe(t, &ps, pid, "t", deliver(func(string, string) {
			delivered[i]++
			// Newest first: these have had their turn, or have not.
			if i == n/2 {
				ps.Unsubscribe(pids[0], "t")
				ps.Unsubscribe(pids[n/2-1], "t") // in this batch
				ps.Unsubscribe(pids[n/2], "t")
				ps.Unsubscribe(pids[n-1], "t")
				subscribe(t, &ps, newcomer, "t", &late)
			}
		}))
	}

	ps.Broadcast("t", "x")
	late.expect(t) // it came after the broadcast began
	for i, times := range delivered {
		want := 1
		if i == 0 || i == n/2-1 {
			want = 0
		}
		if times != want {
			t.Errorf("subscriber %d got the message %d times, want %d", i, times, want)
		}
	}
	if got := ps.Subscribers("t"); got != n-3 {
		t.Errorf("%d subscribers are left, want %d", got, n-3)
	}
	ps.Broadcast("t", "y")
	late.expect(t, "t y")
}

func TestTopicThatEmptiesAndComesBackDuringABroadcast(t *testing.T) {
	sys := newSystem(t)
	var ps pubsub.PubSub[string]
	pids := owners(t, sys, 200)
	var in inbox
	calls := 0
	for _, pid := range pids {
		subscribe(t, &ps, pid, "t", deliver(func(string, string) {
			calls++
			for _, pid := range pids {
				ps.Unsubscribe(pid, "t")
			}
			subscribe(t, &ps, pids[0], "t", &in)
		}))
	}
	ps.Broadcast("t", "x")
	if calls != 1 {
		t.Errorf("%d subscribers were called, want 1", calls)
	}
	in.expect(t)
	ps.Broadcast("t", "y")
	in.expect(t, "t y")
	ps.Unsubscribe(pids[0], "t")
	expectEmpty(t, &ps, "t")
}

func TestDeliverMayBroadcast(t *testing.T) {
	sys := newSystem(t)
	var ps pubsub.PubSub[string]
	var in inbox
	for _, pid := range owners(t, sys, 200) {
		subscribe(t, &ps, pid, "t", deliver(func(_, msg string) {
			if msg == "outer" {
				ps.Broadcast("u", "inner")
			}
		}))
	}
	subscribe(t, &ps, idle(t, sys), "u", &in)
	ps.Broadcast("t", "outer")
	if got := len(in.got); got != 200 {
		t.Errorf("got %d messages, want 200", got)
	}
}

// A broadcast meets the places that others keep on the topic's list.
func TestBroadcastsOnOneTopicDoNotMeetEachOther(t *testing.T) {
	const n = 200
	sys := newSystem(t)
	ps := pubsub.PubSub[string]{Logger: failing(t)}
	stranger := idle(t, sys)
	inner := 0
	for _, pid := range owners(t, sys, n) {
		subscribe(t, &ps, pid, "t", deliver(func(_, msg string) {
			if msg == "outer" {
				ps.BroadcastFrom(stranger, "t", "inner")
			} else {
				inner++
			}
		}))
	}
	ps.Broadcast("t", "outer")
	if inner != n*n {
		t.Errorf("%d deliveries, want %d", inner, n*n)
	}
}

// A panic in one Deliver costs its owner, and nobody else.
func TestPanicInDeliverEndsItsOwnerAndNobodyElseMissesTheMessage(t *testing.T) {
	const n = 200
	sys := newSystem(t)
	var log strings.Builder
	ps := pubsub.PubSub[string]{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	pids := owners(t, sys, n)
	broken := errors.New("broken")
	isBad := func(i int) bool { return i%50 == 0 || i == n-1 }
	var good inbox
	want := 0
	for i, pid := range pids {
		if isBad(i) {
			subscribe(t, &ps, pid, "t", deliver(func(string, string) { panic(broken) }))
		} else {
			subscribe(t, &ps, pid, "t", &good)
			want++
		}
	}

	ps.Broadcast("t", "x")
	if len(good.got) != want {
		t.Errorf("%d subscribers got the message, want %d", len(good.got), want)
	}
	for i, pid := range pids {
		if !isBad(i) {
			if !pid.Alive() {
				t.Errorf("owner %d has ended", i)
			}
			continue
		}
		await(t, pid.Done())
		var reason *actor.PanicError
		if !errors.As(pid.Err(), &reason) || !errors.Is(reason, broken) {
			t.Errorf("owner %d ended with %v", i, pid.Err())
		} else if !strings.Contains(reason.Stack.String(), "TestPanicInDeliver") {
			t.Errorf("the stack does not show where the panic was:\n%v", reason.Stack)
		}
	}
	if got := ps.Subscribers("t"); got != want {
		t.Errorf("%d subscribers are left, want %d", got, want)
	}
	for _, part := range []string{"subscriber panicked", "topic=t", broken.Error(), "TestPanicInDeliver"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log lacks %q", part)
		}
	}
}

// t.FailNow in a Deliver is one: the broadcaster's goroutine ends, the broadcast
// does not.
func TestGoexitInDeliverDoesNotKeepTheMessageFromOthers(t *testing.T) {
	sys := newSystem(t)
	ps := pubsub.PubSub[string]{Logger: slog.New(slog.DiscardHandler)}
	var in inbox
	for i, pid := range owners(t, sys, 200) {
		if i%60 == 59 {
			subscribe(t, &ps, pid, "t", deliver(func(string, string) { runtime.Goexit() }))
		} else {
			subscribe(t, &ps, pid, "t", &in)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		ps.Broadcast("t", "x")
		t.Error("the broadcast returned")
	}()
	await(t, done)
	if len(in.got) != 197 {
		t.Errorf("%d subscribers got the message, want 197", len(in.got))
	}
	ps.Unsubscribe(actor.PID{}, "t") // takes the lock: nobody was left holding it
}

// OUT-5, as seen by actors.
func TestToSendsToTheActorInOrder(t *testing.T) {
	sys := newSystem(t)
	var ps pubsub.PubSub[int]
	const n = 1000
	got := make(chan int, n)
	ref, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[string], m string) error {
		var i int
		if _, err := fmt.Sscanf(m, "t:%d", &i); err != nil {
			return err
		}
		got <- i
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	s := pubsub.To(ref, func(topic string, i int) string { return fmt.Sprintf("%s:%d", topic, i) })
	if err := ps.Subscribe(ref.PID(), "t", s); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		ps.Broadcast("t", i)
	}
	for i := range n {
		if m := await(t, got); m != i {
			t.Fatalf("message %d came as number %d", m, i)
		}
	}
}
