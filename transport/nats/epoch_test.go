package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// simulated runs f in a bubble, with nodes of a simulated bucket that have the given leases.
func simulated(t *testing.T, f func(t *testing.T, s *simServer, nodes []*simNode), leases ...time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		s := new(simServer)
		sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
		var nodes []*simNode
		for i, lease := range leases {
			nodes = append(nodes, newSimNode(s, string(rune('a'+i)), 1, sys, lease, 0))
		}
		f(t, s, nodes)
		for _, n := range nodes {
			n.heal()
			n.kill()
		}
		if err := sys.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute) // all that is on its way has come
	})
}

func (n *simNode) tenure(t *testing.T, name string) *holding {
	t.Helper()
	h, err := n.register(t.Context(), name, n.name)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Leases may differ, as in a rolling change. A new bucket waits for the longest that a node
// knows of, and not only for its own.
func TestNewBucketWaitsForTheLongestLease(t *testing.T) {
	simulated(t, func(t *testing.T, s *simServer, nodes []*simNode) {
		a, b := nodes[0], nodes[1]
		first := a.tenure(t, "x")
		b.tenure(t, "y") // it knows the other one's lease from the bucket
		a.set(&a.cut, time.Hour)
		s.lose(0)
		next := b.tenure(t, "x")
		if first.Valid() {
			t.Error("two hold the name")
		}
		if next.Token() <= first.Token() {
			t.Errorf("token %d after %d", next.Token(), first.Token())
		}
	}, 10*time.Second, time.Second)
}

// A node that has not seen the former bucket is told by one that has, before it opens its own.
func TestNodeThatRemembersALongerLeaseHasANewBucketWait(t *testing.T) {
	simulated(t, func(t *testing.T, s *simServer, nodes []*simNode) {
		a, b := nodes[0], nodes[1]
		a.tenure(t, "x")
		s.lose(0)
		began := time.Now()
		b.tenure(t, "y")
		if waited := time.Since(began); waited < 3*time.Second {
			t.Errorf("a name after %v, while another node may have a lease of 3 s", waited)
		}
	}, 3*time.Second, 2*time.Second)
}

// What stands in the record's place, and is none that can be relied on, is replaced.
func TestRecordThatIsNoneIsReplaced(t *testing.T) {
	for name, value := range map[string]string{
		"junk":            "junk",
		"no ID":           `{"open":true}`,
		"below its floor": `{"id":"x","floor":18446744073709551615,"open":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			simulated(t, func(t *testing.T, s *simServer, nodes []*simNode) {
				s.make(1)
				if _, err := s.put(epochKey, []byte(value), 0, 0); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				if h := nodes[0].tenure(t, "x"); h.Token() < 1<<40 || time.Since(began) < time.Second {
					t.Errorf("token %d after %v", h.Token(), time.Since(began))
				}
			}, time.Second)
		})
	}
}

// GLB-2: a tenure that is not renewed ends before the bucket gives the name away.
func TestValidGoesWithTheLease(t *testing.T) {
	simulated(t, func(t *testing.T, s *simServer, nodes []*simNode) {
		a := nodes[0]
		h := a.tenure(t, "x")
		a.set(&a.cut, time.Hour)
		began := time.Now()
		<-h.Done()
		if d := time.Since(began); h.Valid() || d > time.Second-time.Second/10 {
			t.Errorf("valid: %v, %v after the last renewal", h.Valid(), d)
		}
		if (&Tenure{}).Valid() {
			t.Error("the zero tenure is valid")
		}
	}, time.Second)
}

// While the bucket is away the names of a node end in time, and in that of the caller if it has
// less. With a bucket that answers there is time for all of them.
func TestNamesEndInTime(t *testing.T) {
	for name, c := range map[string]struct {
		away  bool
		names int
		has   time.Duration // the caller
		most  time.Duration
		want  error
	}{
		"bucket is away":           {true, 50, time.Hour, silentFor + hurriedFor, errSilentBucket},
		"bucket is away, in haste": {true, 50, time.Second, time.Second + hurriedFor, context.DeadlineExceeded},
		"many names, one by one":   {false, 3200, time.Hour, time.Minute, nil},
	} {
		t.Run(name, func(t *testing.T) {
			simulated(t, func(t *testing.T, _ *simServer, nodes []*simNode) {
				n := nodes[0]
				var held []*holding
				for i := range c.names {
					held = append(held, n.tenure(t, fmt.Sprint(i)))
				}
				if c.away {
					n.set(&n.cut, time.Hour)
				}
				unheld := atomic.Int64{}
				ctx, cancel := context.WithTimeout(t.Context(), c.has)
				defer cancel()
				began := time.Now()
				err := n.leases.close(ctx, func(*holding) { unheld.Add(1) })
				took := time.Since(began)
				if took > c.most || !errors.Is(err, c.want) {
					t.Errorf("ended after %v: %v", took, err)
				}
				if !c.away && took < silentFor {
					t.Errorf("%v is not long enough to prove anything", took)
				}
				for _, h := range held {
					if h.Valid() || !errors.Is(h.Err(), ErrClosed) {
						t.Fatalf("%q is held still: %v", h.name, h.Err())
					}
				}
				if n := unheld.Load(); n != int64(c.names) {
					t.Errorf("told of %d of %d names", n, c.names)
				}
			}, time.Hour)
		})
	}
}

// One that waits for a bucket to settle, which may take an hour, does so no longer than its actor
// lives, and no longer than until the names are shut down, which does not wait for it.
func TestRegisterInANewBucketEndsWithItsActorAndTheNames(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(t *testing.T, n *simNode, h *holding)
		want error
	}{
		"the actor ends": {func(_ *testing.T, _ *simNode, h *holding) { h.pid.Exit(actor.Kill) }, actor.NoProc},
		"the names are shut down": {func(t *testing.T, n *simNode, _ *holding) {
			if err := n.leases.close(t.Context(), func(*holding) {}); err != nil {
				t.Error("shut down:", err)
			}
		}, ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			simulated(t, func(t *testing.T, _ *simServer, nodes []*simNode) {
				n := nodes[0]
				registered := make(chan error, 1)
				go func() {
					_, err := n.register(t.Context(), "x", n.name)
					registered <- err
				}()
				time.Sleep(time.Minute)
				h := n.leases.find("x")
				if h == nil {
					t.Fatalf("it does not wait: %v", <-registered)
				}
				began := time.Now()
				c.end(t, n, h)
				if err := <-registered; !errors.Is(err, c.want) {
					t.Errorf("register: %v, want %v", err, c.want)
				}
				if took := time.Since(began); took > time.Second {
					t.Errorf("it has taken %v", took)
				}
			}, time.Hour)
		})
	}
}
