package nats

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// race is of two nodes that find at once that the bucket is lost. One is held up at a step, the
// other one is held up at one of its own; then the first goes on, begins an epoch or finds one, and
// leaves a state; then the other one does.
type race struct {
	lose  func(*simServer) // before
	again func(*simServer) // when both are held up; nil: nothing
	skew  time.Duration    // of the second one's clock
	late  bool             // the second one asks again, and what was held up comes afterwards
	dies  bool             // the first one does not go on: there is no state
}

// raceSteps is more than a node takes.
const raceSteps = 15

// Nobody takes away what stands in an epoch that has begun, wherever two are that would begin one.
func TestNodesThatFindALostBucketAtOnceBeginOneEpoch(t *testing.T) {
	past := func() uint64 { return uint64(time.Now().Add(-time.Hour).UnixNano()) }
	ways := map[string]func(*simServer){
		"there is none":         func(*simServer) {},
		"made from 1":           func(s *simServer) { s.make(1) },
		"made again as it was":  func(s *simServer) { s.make(past()) },
		"emptied, with a name":  func(s *simServer) { s.make(past()); s.set("nx", simEntry{entry: entry{value: []byte("{}")}}) },
		"a record that is junk": func(s *simServer) { s.make(past()); s.set(epochKey, simEntry{entry: entry{value: []byte("junk")}}) },
		"an intent that is left": func(s *simServer) {
			s.make(1)
			s.set(epochKey, simEntry{entry: entry{value: fmt.Appendf(nil, `{"floor":%d,"born":%d}`, past()+uint64(55*time.Minute), s.born)}})
		},
		"an intent that was left long ago": func(s *simServer) {
			s.make(1)
			s.set(epochKey, simEntry{entry: entry{value: fmt.Appendf(nil, `{"floor":%d,"born":%d}`, past()-uint64(time.Hour), s.born)}})
		},
		"an intent for another bucket": func(s *simServer) {
			s.make(1)
			s.set(epochKey, simEntry{entry: entry{value: fmt.Appendf(nil, `{"floor":%d,"born":1}`, past())}})
		},
	}
	var races atomic.Int32
	for name, lose := range ways {
		for how, r := range map[string]race{
			"":               {},
			"clock ahead":    {skew: 50 * time.Minute},
			"clock behind":   {skew: -50 * time.Minute},
			"comes late":     {late: true},
			"lost again":     {again: losses[0]},
			"the first dies": {dies: true},

			// The purge of the second one is to take more than is below the first one's next bucket.
			"lost again, clock ahead": {again: losses[0], skew: 5 * time.Second},
		} {
			r.lose = lose
			t.Run(name+", "+how, func(t *testing.T) {
				for first := range raceSteps {
					for second := range raceSteps {
						if !r.run(t, first, second) {
							break // it does not take as many
						}
						races.Add(1)
					}
				}
			})
		}
	}
	if n := races.Load(); n < 1000 {
		t.Errorf("%d races, want more", n)
	}
}

// run reports whether both were held up.
func (r race) run(t *testing.T, first, second int) (both bool) {
	simulated(t, func(t *testing.T, s *simServer, nodes []*simNode) {
		a, b := nodes[0], nodes[1]
		least := uint64(time.Now().Add(-51 * time.Minute).UnixNano())
		b.skew = r.skew
		r.lose(s)
		held := map[*simNode]chan string{a: make(chan string, 1), b: make(chan string, 1)}
		goOn := map[*simNode]chan struct{}{a: make(chan struct{}), b: make(chan struct{})}
		at := map[*simNode]int{a: first, b: second}
		steps := map[*simNode]*atomic.Int32{a: new(atomic.Int32), b: new(atomic.Int32)}
		s.meddle = func(n *simNode, what string) meddling {
			if step := steps[n].Add(1) - 1; int(step) == at[n] {
				held[n] <- what
				<-goOn[n]
				return meddling{lost: r.dies && n == a}
			}
			return meddling{}
		}
		began := map[*simNode]chan error{a: make(chan error, 1), b: make(chan error, 1)}
		begin := func(n *simNode) {
			_, err := n.leases.tend(t.Context())
			for r.again != nil && errors.Is(err, errNoBucket) { // as its caller tries again
				_, err = n.leases.tend(t.Context())
			}
			began[n] <- err
		}
		// until reports whether the node is held up, and not there already.
		until := func(n *simNode) (string, bool) {
			select {
			case what := <-held[n]:
				return what, true
			case err := <-began[n]:
				began[n] <- err
				return "", false
			}
		}
		go begin(a)
		_, heldA := until(a)
		go begin(b)
		where, heldB := until(b)
		both = heldA && heldB
		if both && r.again != nil {
			s.mu.Lock()
			r.again(s)
			s.mu.Unlock()
		}
		if r.dies {
			a.kill()
		}
		close(goOn[a])
		if !r.dies {
			if err := <-began[a]; err != nil {
				t.Errorf("steps %d and %d: the first: %v", first, second, err)
			}
			if _, err := a.put(t.Context(), stateKey("x"), []byte("state"), 0, 0); err != nil {
				t.Errorf("steps %d and %d: no state can be left: %v", first, second, err)
			}
		}
		if r.late {
			time.Sleep(10 * time.Minute)
		}
		close(goOn[b])
		if err := <-began[b]; err != nil {
			t.Errorf("steps %d and %d: the second: %v", first, second, err)
		}
		time.Sleep(time.Second) // what was asked for twice has come
		// A purge cannot be called back that has left its node when the bucket is lost again. If it
		// takes more than is below the next one, another epoch begins.
		ends := r.again != nil && r.skew > 0 && where == "purge"
		if ends {
			if _, err := a.leases.tend(t.Context()); err != nil {
				t.Errorf("steps %d and %d: the first, after its epoch: %v", first, second, err)
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if !r.dies && !ends && s.at(stateKey("x")).value == nil {
			t.Errorf("steps %d and %d: the state is gone; the second one was held up before it was to %s", first, second, where)
		}
		if !r.dies && a.leases.seen().ID != b.leases.seen().ID {
			t.Errorf("steps %d and %d: there are two epochs", first, second)
		}
		if e := s.at(epochKey); e.revision < least {
			t.Errorf("steps %d and %d: the epoch begins with revision %d", first, second, e.revision)
		}
	}, time.Hour, time.Hour)
	return both
}
