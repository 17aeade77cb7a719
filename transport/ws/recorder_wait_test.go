package ws_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/history/historytest"
)

// tardy is an adapter whose network never knows of a topic, or takes its time to give one up.
type tardy struct {
	pubsub.Router
	unknown bool
	givesUp time.Duration

	mu       sync.Mutex
	followed map[string]int // how often more it is than not
}

// newTardy is for the time in which a test runs: what waits for a network to know of a topic, and has
// lost its owner, waits on for a second.
func newTardy(t *testing.T) *tardy {
	t.Cleanup(func() { time.Sleep(time.Second) })
	return &tardy{Router: new(pubsub.Hub).Node("a").(pubsub.Router), followed: make(map[string]int)}
}

func (a *tardy) note(topic string, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.followed[topic] += n
}

func (a *tardy) Follow(topic string) <-chan struct{} {
	a.note(topic, 1)
	if a.unknown {
		return make(chan struct{})
	}
	return nil
}

func (a *tardy) Unfollow(topic string) {
	time.Sleep(a.givesUp)
	a.note(topic, -1)
}

// expect checks how often a topic is followed.
func (a *tardy) expect(t *testing.T, topic string, want int) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if got := a.followed["troupe.ws/"+topic]; got != want {
		t.Errorf("%q is followed %d times, want %d", topic, got, want)
	}
}

// lasts checks how long something takes, and how it ends.
func lasts(t *testing.T, what string, want time.Duration, wantErr error, f func() error) {
	t.Helper()
	began := time.Now()
	err := f()
	if took := time.Since(began); took != want || !errors.Is(err, wantErr) {
		t.Errorf("%s: %v after %v, want %v after %v", what, err, took, wantErr, want)
	}
}

const aMoment = 100 * time.Millisecond

// once broadcasts with a key.
func (s *server) once(topic string, options ...ws.BroadcastOption) error {
	return s.Broadcast(topic, "news", nil, append(options, ws.Idempotent("key"))...)
}

// A wait for the network to know of a topic ends with the context of its caller, and not with that
// of another one that waits as well. What has begun goes on: the next one waits for the rest of it.
func TestAWaitForTheNetworkEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTardy(t)
		a.unknown = true
		s := serveNode(t, pubsub.NewCluster(a), recorded(&ws.History{TTL: time.Minute}, newGuest))
		ctx, cancel := context.WithTimeout(t.Context(), aMoment)
		defer cancel()
		for what, f := range map[string]func() error{
			"broadcast": func() error { return s.once("room:a", ws.Within(ctx)) },
			"look": func() error {
				_, err := s.Recorded(ctx, "room:a", ws.Position{}, 1)
				return err
			},
		} {
			go lasts(t, what, aMoment, context.DeadlineExceeded, f)
		}
		synctest.Wait()
		lasts(t, "the patient broadcast", time.Second, nil, func() error { return s.once("room:a") })
		lasts(t, "a later one", 0, nil, func() error { return s.once("room:a", ws.Within(ctx)) })
		l, err := s.Recorded(t.Context(), "room:a", ws.Position{}, 10)
		if err != nil || len(l.Messages) != 1 {
			t.Errorf("recorded are %v, %v", l.Messages, err)
		}
		a.expect(t, "room:a", 1)
		time.Sleep(2 * time.Minute) // longer than a log is kept that nobody needs
		a.expect(t, "room:a", 0)
	})
}

// A topic that nobody has waited for to the end is given up in time as any other.
func TestATopicIsGivenUpThatNobodyHasWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTardy(t)
		a.unknown = true
		s := serveNode(t, pubsub.NewCluster(a), recorded(&ws.History{MaxIdle: 1}, newGuest))
		for _, topic := range []string{"room:a", "room:b", "room:c"} { // of which the network is given up in this order
			ctx, cancel := context.WithTimeout(t.Context(), aMoment)
			lasts(t, topic, aMoment, context.DeadlineExceeded, func() error { return s.once(topic, ws.Within(ctx)) })
			cancel()
		}
		synctest.Wait()
		a.expect(t, "room:c", 1)
		time.Sleep(2 * time.Second)
		for topic, want := range map[string]int{"room:a": 0, "room:b": 0, "room:c": 1} {
			a.expect(t, topic, want)
		}
	})
}

// So is one that nobody has waited for at all.
func TestATopicIsGivenUpThatHasHardlyBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTardy(t)
		s := serveNode(t, pubsub.NewCluster(a), recorded(&ws.History{MaxIdle: 1}, newGuest))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for i := range 20 {
			s.once(fmt.Sprint("room:", i), ws.Within(ctx)) // which of them fail is chance
		}
		synctest.Wait()
		a.mu.Lock()
		defer a.mu.Unlock()
		followed := 0
		for _, n := range a.followed {
			followed += n
		}
		if followed != 1 {
			t.Errorf("%d topics are followed, want the one that is kept: %v", followed, a.followed)
		}
	})
}

// A topic is given up beside all else: nothing waits for an adapter that takes its time over it,
// neither the use of another topic that pushes it out nor the next use of this one, nor the end of
// the logs.
func TestATopicThatIsGivenUpHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTardy(t)
		a.givesUp = time.Second / 2
		s := serveNode(t, pubsub.NewCluster(a), recorded(&ws.History{MaxIdle: 1}, newGuest))
		for _, topic := range []string{"room:a", "room:b", "room:a"} {
			lasts(t, topic, 0, nil, func() error { return s.once(topic) })
		}
		p := &planted{server: s}
		logs := p.part("history")
		lasts(t, "the end", 0, nil, func() error {
			logs.Exit(actor.Kill)
			<-logs.Done()
			return nil
		})
		time.Sleep(3*a.givesUp + 1) // it is told of three, one by one
		a.expect(t, "room:a", 0)
		a.expect(t, "room:b", 0)
	})
}

// A channel waits for its log, and what subscribes waits on behalf of its owner: until that ends.
func TestAWaitForALogEndsWithItsActor(t *testing.T) {
	for _, give := range []string{"a topic that is unknown", "a log that cannot be read"} {
		t.Run(give, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newTardy(t)
				store, ill := unread()
				s := serveNode(t, pubsub.NewCluster(a), recorded(&ws.History{Store: store}, newGuest))
				a.unknown = give == "a topic that is unknown"
				ill.Store(!a.unknown)
				owner := s.idler(t)
				time.AfterFunc(aMoment, func() { owner.Exit(actor.Kill) })
				lasts(t, "subscribe", aMoment, actor.NoProc, func() error { return s.Subscribe(owner, "room:a", newCollector()) })
				c := s.connect(t)
				c.send(`["1","1","room:a","phx_join",{"since":null}]`)
				synctest.Wait()
				channel := s.channelOn(t, "room:a")
				lasts(t, "the channel", 0, nil, func() error {
					channel.Exit(actor.Kill)
					<-channel.Done()
					return nil
				})
			})
		})
	}
}

// A broadcast that goes through a Store ends with its context.
func TestABroadcastToAStoreEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(historytest.Store)
		store.Fail(func(ctx context.Context, operation, _ string) error {
			if operation != "append" {
				return nil
			}
			<-ctx.Done()
			return context.Cause(ctx)
		})
		s := serveInMemory(t, recorded(&ws.History{Store: store}, newGuest))
		for n, want := range map[time.Duration]error{aMoment: context.DeadlineExceeded, 2 * aMoment: errUnknown} {
			ctx, cancel := context.WithTimeoutCause(t.Context(), n, want)
			lasts(t, fmt.Sprint(n), n, want, func() error { return s.once("room:a", ws.Within(ctx)) })
			cancel()
		}
	})
}

var errUnknown = errors.New("enough")

// idler is an actor that does nothing.
func (s *server) idler(t *testing.T) actor.PID {
	t.Helper()
	ref, err := actor.Spawn(s.sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	return ref.PID()
}

// channelOn is the actor of a channel.
func (s *server) channelOn(t *testing.T, topic string) actor.PID {
	t.Helper()
	for pid := range s.sys.All() {
		if strings.HasPrefix(pid.Label(), topic+" ") {
			return pid
		}
	}
	t.Fatalf("no channel is on %s", topic)
	return actor.PID{}
}
