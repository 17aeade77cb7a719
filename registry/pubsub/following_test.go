package pubsub_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// slow is a Router whose network takes its time to know of a topic.
type slow struct {
	pubsub.Router
	takes time.Duration // 0: it never does
	stuck chan struct{} // what Follow waits for of the topic "x/stuck"

	mu       sync.Mutex
	followed map[string]int // how often more it is followed than not
	calls    int            // of Follow and Unfollow
	held     chan struct{}  // what Unfollow waits for; nil: nothing
}

func newSlow(node string, takes time.Duration) *slow {
	return &slow{Router: new(pubsub.Hub).Node(node).(pubsub.Router), takes: takes, followed: make(map[string]int)}
}

func (s *slow) note(topic string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.followed[topic] += n
	s.calls++
}

func (s *slow) Follow(topic string) <-chan struct{} {
	if topic == "x/stuck" {
		<-s.stuck
	}
	s.note(topic, 1)
	known := make(chan struct{})
	if s.takes > 0 {
		time.AfterFunc(s.takes, func() { close(known) })
	}
	return known
}

func (s *slow) Unfollow(topic string) {
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	if held != nil {
		<-held
	}
	s.note(topic, -1)
}

func (s *slow) expect(t *testing.T, calls int, want map[string]int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for topic, n := range s.followed {
		if n != want[topic] {
			t.Errorf("%q is followed %d times, want %d", topic, n, want[topic])
		}
	}
	if s.calls != calls {
		t.Errorf("the adapter was called %d times, want %d", s.calls, calls)
	}
}

// A topic is followed from its first subscription to its last one, however that ends, and the
// adapter hears of no more than that. Wide subscriptions count for nothing.
func TestTopicIsFollowedWhileItIsWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, adapter := newSystem(t), newSlow("a", time.Millisecond)
		var ps pubsub.PubSub[string]
		in := new(inbox)
		a, b := idle(t, sys), idle(t, sys)
		subscribe(t, &ps, a, "before", in)
		expectErr(t, ps.SubscribeWide(a, "wide", in), nil)
		expectErr(t, ps.Connect(pubsub.NewCluster(adapter), "x", pubsub.JSON[string]{}), nil)
		adapter.expect(t, 1, map[string]int{"x/before": 1})
		for range 3 {
			subscribe(t, &ps, a, "t", in)
			subscribe(t, &ps, b, "t", in)
			expectErr(t, ps.SubscribeWide(b, "t", in), nil)
		}
		adapter.expect(t, 2, map[string]int{"x/before": 1, "x/t": 1})
		ps.Unsubscribe(a, "t")
		adapter.expect(t, 2, map[string]int{"x/before": 1, "x/t": 1})
		b.Exit(actor.Kill)
		synctest.Wait()
		adapter.expect(t, 3, map[string]int{"x/before": 1})
		expectErr(t, ps.SubscribeWide(a, "t", in), nil)
		subscribe(t, &ps, a, "t", in)
		ps.Disconnect()
		subscribe(t, &ps, a, "later", in)
		adapter.expect(t, 6, nil)
	})
}

// A subscription waits until the network knows of its topic, whether it is the first one or
// comes meanwhile; not for longer than a second, and not beyond its owner's end. One of a topic
// that is known waits for nothing.
func TestSubscribeWaitsForTheNetwork(t *testing.T) {
	for _, c := range []struct{ takes, killed, want time.Duration }{
		{takes: 10 * time.Millisecond, want: 10 * time.Millisecond},
		{want: time.Second},
		{takes: 500 * time.Millisecond, killed: 100 * time.Millisecond, want: 100 * time.Millisecond},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sys, adapter := newSystem(t), newSlow("a", c.takes)
				var ps pubsub.PubSub[string]
				expectErr(t, ps.Connect(pubsub.NewCluster(adapter), "x", pubsub.JSON[string]{}), nil)
				began := time.Now()
				var waiting sync.WaitGroup
				for range 3 {
					owner := idle(t, sys)
					waiting.Go(func() {
						subscribe(t, &ps, owner, "t", new(inbox))
						if took := time.Since(began); took != c.want {
							t.Errorf("it took %v, want %v", took, c.want)
						}
					})
					if c.killed > 0 {
						time.AfterFunc(c.killed, func() { owner.Exit(actor.Kill) })
					}
				}
				waiting.Wait()
				time.Sleep(2 * time.Second)
				began = time.Now()
				if owner := idle(t, sys); c.killed == 0 {
					subscribe(t, &ps, owner, "t", new(inbox))
				}
				if took := time.Since(began); took > 0 {
					t.Errorf("a later one took %v", took)
				}
			})
		})
	}
}

// One call of the adapter that is late, as all are that a pause of the program meets, does not
// leave other topics unheard, nor its own.
func TestTopicsAreFollowedBesideACallThatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, adapter := newSystem(t), newSlow("a", time.Millisecond)
		adapter.stuck = make(chan struct{})
		var ps pubsub.PubSub[string]
		expectErr(t, ps.Connect(pubsub.NewCluster(adapter), "x", pubsub.JSON[string]{}), nil)
		owner, in := idle(t, sys), new(inbox)
		subscribe(t, &ps, owner, "stuck", in)
		subscribe(t, &ps, owner, "t", in)
		adapter.expect(t, 1, map[string]int{"x/t": 1})
		ps.Unsubscribe(owner, "t")
		close(adapter.stuck)
		synctest.Wait()
		adapter.expect(t, 3, map[string]int{"x/stuck": 1})
	})
}

// Neither the end of a subscription nor that of its owner waits for the adapter.
func TestTheEndOfASubscriptionWaitsForNoAdapter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, adapter := newSystem(t), newSlow("a", time.Millisecond)
		adapter.held = make(chan struct{})
		var ps pubsub.PubSub[string]
		expectErr(t, ps.Connect(pubsub.NewCluster(adapter), "x", pubsub.JSON[string]{}), nil)
		owner := idle(t, sys)
		subscribe(t, &ps, owner, "held", new(inbox))
		began := time.Now()
		ps.Unsubscribe(owner, "held")
		subscribe(t, &ps, owner, "held", new(inbox)) // for which the network needs a millisecond
		owner.Exit(actor.Kill)
		<-owner.Done()
		if took := time.Since(began); took != time.Millisecond {
			t.Errorf("it took %v", took)
		}
		adapter.expect(t, 2, map[string]int{"x/held": 2})
		close(adapter.held)
		synctest.Wait()
		adapter.expect(t, 4, nil)
	})
}

// A PubSub that is connected waits for all its topics at once.
func TestConnectWaitsOnceForAllTopics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for takes, want := range map[time.Duration]time.Duration{10 * time.Millisecond: 10 * time.Millisecond, 0: time.Second} {
			sys, adapter := newSystem(t), newSlow("a", takes)
			var ps pubsub.PubSub[string]
			topics := map[string]int{}
			for i := range 100 {
				topic := fmt.Sprint(i)
				subscribe(t, &ps, idle(t, sys), topic, new(inbox))
				topics["x/"+topic] = 1
			}
			began := time.Now()
			expectErr(t, ps.Connect(pubsub.NewCluster(adapter), "x", pubsub.JSON[string]{}), nil)
			if took := time.Since(began); took != want {
				t.Errorf("it took %v, want %v", took, want)
			}
			adapter.expect(t, 100, topics)
		}
	})
}

// A message goes to the nodes that want its topic; a wide one to all, also to those that have
// only wide subscriptions.
func TestMessageGoesWhereItIsWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, hub := newSystem(t), new(pubsub.Hub)
		var here, wants, wide pubsub.PubSub[string]
		var clusters []*pubsub.Cluster
		for i, ps := range []*pubsub.PubSub[string]{&here, &wants, &wide} {
			c := pubsub.NewCluster(hub.Node(fmt.Sprint(i)))
			run(t, sys, c)
			expectErr(t, ps.Connect(c, "x", pubsub.JSON[string]{}), nil)
			clusters = append(clusters, c)
		}
		inWants, inWide := new(inbox), new(inbox)
		subscribe(t, &wants, idle(t, sys), "t", inWants)
		expectErr(t, wide.SubscribeWide(idle(t, sys), "t", inWide), nil)
		expectErr(t, here.Broadcast("t", "1"), nil)
		synctest.Wait()
		if n := clusters[2].Traffic().Received; n != 0 {
			t.Errorf("%d messages came to a node that wants none", n)
		}
		expectErr(t, here.BroadcastWide(actor.PID{}, "t", "2"), nil)
		synctest.Wait()
		inWants.expect(t, "t 1", "t 2")
		inWide.expect(t, "t 2")
	})
}

// The end of many subscriptions, while the adapter is late, does not leave other topics unheard.
func TestTopicsAreFollowedWhileManyAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, adapter := newSystem(t), newSlow("a", time.Millisecond)
		var ps pubsub.PubSub[string]
		expectErr(t, ps.Connect(pubsub.NewCluster(adapter), "x", pubsub.JSON[string]{}), nil)
		owner, other, in := idle(t, sys), idle(t, sys), new(inbox)
		const many = 1100 // more calls than may be late
		for i := range many {
			subscribe(t, &ps, owner, fmt.Sprint(i), in)
		}
		adapter.mu.Lock()
		adapter.held = make(chan struct{})
		adapter.mu.Unlock()
		owner.Exit(actor.Kill)
		time.Sleep(1200 * time.Millisecond) // longer than a call may take
		subscribe(t, &ps, other, "t", in)
		close(adapter.held)
		synctest.Wait()
		adapter.expect(t, 2*many+1, map[string]int{"x/t": 1})
	})
}
