package nats

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor/actortest/long"
)

// GLB-1, GLB-2: whichever one message between a node and NATS goes wrong while a singleton
// begins, is renewed, is handed off, is taken over or ends, and however: never two may act, one
// acts again within a lease and a second, and no loss of the name is a restart.
func TestSingletonOutlivesTheFaultOfEachMessage(t *testing.T) {
	every := long.Rounds(61, 3) // of the faults
	if *modelSchedules > 0 {
		every = 1
	}
	number := 0
	for _, name := range slices.Sorted(maps.Keys(singletonEpisodes)) {
		for _, fault := range slices.Sorted(maps.Keys(messageFaults)) {
			t.Run(name+", "+fault, func(t *testing.T) {
				last := 1000
				for k := 0; k <= last; k++ {
					if number++; number%every != 0 {
						continue
					}
					synctest.Test(t, func(t *testing.T) {
						f := &faultRun{troupe: newTroupe(t, uint64(k)), at: k, fault: messageFaults[fault]}
						f.leases = f.leases[:1]
						f.run(singletonEpisodes[name])
						last = f.messages - 1
						if t.Failed() {
							t.Fatalf("it was message %d, %q", k, f.what)
						}
					})
				}
				t.Log(last+1, "messages")
			})
		}
	}
}

// messageFaults are what becomes of a message. A lease is a second.
var messageFaults = map[string]func(f *faultRun, n *troupeNode) meddling{
	"refused":         func(*faultRun, *troupeNode) meddling { return meddling{refused: errOutOfOrder} },
	"lost":            func(*faultRun, *troupeNode) meddling { return meddling{lost: true} },
	"answer lost":     func(*faultRun, *troupeNode) meddling { return meddling{unanswered: true} },
	"late":            func(f *faultRun, _ *troupeNode) meddling { return f.late(meddling{there: 500 * time.Millisecond}) },
	"too late":        func(f *faultRun, _ *troupeNode) meddling { return f.late(meddling{there: 1500 * time.Millisecond}) },
	"answer late":     func(f *faultRun, _ *troupeNode) meddling { return f.late(meddling{back: 500 * time.Millisecond}) },
	"answer too late": func(f *faultRun, _ *troupeNode) meddling { return f.late(meddling{back: 1500 * time.Millisecond}) },
	"kill -9 before": func(f *faultRun, n *troupeNode) meddling {
		f.kill(n)
		return meddling{lost: true}
	},
	"kill -9 after": func(f *faultRun, n *troupeNode) meddling {
		return meddling{between: func() { f.kill(n) }}
	},
	"paused": func(f *faultRun, n *troupeNode) meddling {
		return meddling{between: func() { n.set(&n.paused, f.last(1500*time.Millisecond)) }}
	},
	"cut off": func(f *faultRun, n *troupeNode) meddling {
		return meddling{between: func() { n.set(&n.cut, f.last(1500*time.Millisecond)) }}
	},
	"stalled": func(f *faultRun, n *troupeNode) meddling {
		return meddling{between: func() { n.set(&n.stalled, f.last(1500*time.Millisecond)) }}
	},
	"the bucket is lost": func(f *faultRun, _ *troupeNode) meddling {
		return meddling{between: func() {
			f.last(0)
			f.server.lose(f.at % len(losses))
		}}
	},
}

var errOutOfOrder = errors.New("NATS is out of order")

// singletonEpisodes are what happens when a message goes wrong.
var singletonEpisodes = map[string]func(*faultRun){
	"it begins": func(f *faultRun) {
		f.arm()
		f.start()
		f.start()
	},
	"it is renewed": func(f *faultRun) {
		f.start()
		f.start()
		f.settle()
		f.arm()
	},
	"it is handed off": func(f *faultRun) {
		holder := f.start()
		f.settle()
		f.start()
		f.settle()
		f.arm()
		f.ending.Go(holder.terminate)
	},
	"it is taken over": func(f *faultRun) {
		holder := f.start()
		f.settle()
		f.start()
		f.settle()
		f.arm()
		f.ending.Go(holder.crash)
	},
	"it ends": func(f *faultRun) {
		one, other := f.start(), f.start()
		f.settle()
		f.arm()
		f.ending.Go(one.terminate)
		f.ending.Go(other.terminate)
		time.Sleep(100 * time.Millisecond)
		f.start()
	},
}

// faultRun is an episode of a singleton in which one message goes wrong.
type faultRun struct {
	*troupe
	at    int // the number of the message
	fault func(f *faultRun, n *troupeNode) meddling

	mu       sync.Mutex
	counting bool
	messages int // of the episode, so far
	what     string
	over     time.Time     // when what is wrong is over, at the latest
	killed   []*troupeNode // not replaced yet
}

// arm begins the episode.
func (f *faultRun) arm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counting, f.over = true, time.Now()
}

// settle waits until one acts, and the others stand by.
func (f *faultRun) settle() {
	if f.await(3*time.Second) == nil {
		f.t.Fatal("nobody acts")
	}
	time.Sleep(300 * time.Millisecond)
}

// meddle has the message with the number go wrong.
func (f *faultRun) meddle(at *simNode, what string) (m meddling) {
	f.mu.Lock()
	number, counting := f.messages, f.counting
	if counting {
		f.messages++
	}
	if number == f.at && counting {
		f.what = at.name + ": " + what
	}
	f.mu.Unlock()
	if number != f.at || !counting {
		return m
	}
	f.last(0)
	return f.fault(f, f.nodeAt(at))
}

// nodeAt returns the node that is at a place.
func (f *faultRun) nodeAt(at *simNode) *troupeNode {
	f.troupe.mu.Lock()
	defer f.troupe.mu.Unlock()
	i := slices.IndexFunc(f.all, func(n *troupeNode) bool { return n.simNode == at })
	return f.all[i]
}

// last notes how long something goes wrong.
func (f *faultRun) last(d time.Duration) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if end := time.Now().Add(d); end.After(f.over) {
		f.over = end
	}
	return d
}

func (f *faultRun) late(m meddling) meddling {
	f.last(m.there + m.back)
	return m
}

// kill ends a node, which is replaced by another one.
func (f *faultRun) kill(n *troupeNode) {
	f.last(0)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.killed = append(f.killed, n)
	f.ending.Go(n.crash)
}

// replace starts nodes for those that were killed.
func (f *faultRun) replace() {
	f.mu.Lock()
	n := len(f.killed)
	f.killed = nil
	f.mu.Unlock()
	for range n {
		f.start()
	}
}

// idle reports for how long nothing is wrong any more.
func (f *faultRun) idle() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.over)
}

// run goes through an episode, and on until nothing has been wrong for long enough.
func (f *faultRun) run(episode func(*faultRun)) {
	f.server.meddle = f.meddle
	episode(f)
	f.last(0)
	limit := f.leases[0] + time.Second
	for f.idle() < limit+500*time.Millisecond {
		time.Sleep(20 * time.Millisecond)
		f.replace()
		if late := f.idle(); f.check() == nil && late > limit {
			f.t.Errorf("nobody acts %v after the last fault", late)
			break
		}
	}
	f.mu.Lock()
	f.counting = false
	f.mu.Unlock()
	f.finish()
}
