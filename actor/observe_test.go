package actor_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
)

// nth is an event that has a number.
type nth int

func (nth) ActorEvent() {}

// numbers returns an observer that writes down the numbers of events.
func numbers(j *journal) func(actor.Event) {
	return func(e actor.Event) {
		if n, ok := e.(nth); ok {
			j.add("%d", n)
		}
	}
}

// A failure of one observer costs the others nothing, wherever it stands among them: they
// are told of that event, and of those that come, in order.
func TestObserversBesideOneThatFails(t *testing.T) {
	for name, fail := range failures {
		for place := range 3 {
			t.Run(fmt.Sprint(name, " ", place), func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					release := make(chan struct{})
					var calls atomic.Int32
					good := make([]journal, 2)
					for i := range 3 {
						switch {
						case i == place:
							sys.Observe(func(actor.Event) { calls.Add(1); fail(release) })
						case i < place:
							sys.Observe(numbers(&good[i]))
						default:
							sys.Observe(numbers(&good[i-1]))
						}
					}
					began := time.Now()
					for i := range 3 {
						sys.Emit(nth(i))
					}
					blocked := time.Duration(0)
					if name == "blocks" {
						blocked = 5 * time.Second
					}
					if took := time.Since(began); took != blocked {
						t.Errorf("the caller has waited for %v", took)
					}
					for i := range good {
						good[i].expect(t, "0", "1", "2")
					}
					close(release)
					synctest.Wait()
					sys.Emit(nth(3))
					want := int32(1)
					if name == "blocks" {
						want = 2 // it has returned, and is told again
					}
					if n := calls.Load(); n != want {
						t.Errorf("called %d times, want %d", n, want)
					}
				})
			})
		}
	}
}

// Five seconds are each observer's own, and begin with its call, however long the calls
// before have taken.
func TestObserverHasFiveSecondsForEachEvent(t *testing.T) {
	bubble(t, func(t *testing.T, _ *actor.System) {
		var log logBuffer
		sys := loggedSystem(t, &log)
		var j journal
		for range 3 {
			sys.Observe(func(e actor.Event) {
				time.Sleep(time.Duration(e.(nth)) * time.Millisecond)
				j.add("%d", e)
			})
		}
		for _, ms := range []int{4900, 0, 3000, 4999} {
			began := time.Now()
			sys.Emit(nth(ms))
			if took, want := time.Since(began), 3*time.Duration(ms)*time.Millisecond; took != want {
				t.Errorf("%v, want %v", took, want)
			}
			j.expect(t, fmt.Sprint(ms), fmt.Sprint(ms), fmt.Sprint(ms))
		}
		if log.String() != "" {
			t.Errorf("the log says: %s", &log)
		}
		began := time.Now()
		sys.Emit(nth(5001)) // one after the other is left alone
		if took := time.Since(began); took != 15*time.Second {
			t.Errorf("the caller has waited for %v", took)
		}
		if n := strings.Count(log.String(), "observer hangs"); n != 3 {
			t.Errorf("%d lines, want 3: %s", n, &log)
		}
		time.Sleep(time.Second) // the last one comes back
	})
}

// What was left alone keeps its event, and comes back for no other, though thousands have
// been told meanwhile by the same means.
func TestObserverThatWasLeftAloneIsOnItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		release, hang := make(chan struct{}), make(chan bool, 8)
		var slow, quick journal
		sys.Observe(func(e actor.Event) {
			select {
			case <-hang:
				<-release
			default:
			}
			slow.add("%d", e)
		})
		sys.Observe(numbers(&quick))
		sys.Emit(nth(0))
		slow.expect(t, "0")
		var callers sync.WaitGroup
		for i := range 8 {
			hang <- true
			callers.Go(func() { sys.Emit(nth(i + 1)) })
		}
		callers.Wait()
		for i := range 1000 {
			sys.Emit(nth(100 + i))
		}
		slow.expect(t)
		if n := len(quick.take()); n != 1009 {
			t.Errorf("the other was told %d times", n)
		}
		close(release)
		synctest.Wait()
		lines := slow.take()
		if len(lines) != 8 {
			t.Errorf("it has come back with %q", lines)
		}
		seen := map[string]bool{}
		for _, line := range lines {
			if n := len(line); n != 1 || seen[line] {
				t.Errorf("it has come back with %q", lines)
			}
			seen[line] = true
		}
		sys.Emit(nth(9))
		slow.expect(t, "9")
	})
}

// An observer may do to the system what others may: what it causes is told before it
// returns.
func TestObserverThatCausesEvents(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		var stop func()
		stop = sys.Observe(func(e actor.Event) {
			n, ok := e.(nth)
			if !ok {
				j.add("%T", e)
				return
			}
			j.add("%d", n)
			switch n {
			case 3:
				start(t, sys, &script{})
			case 0:
				sys.Observe(numbers(&j))
				stop()
				sys.Emit(nth(-1))
				return
			}
			sys.Emit(n - 1)
			j.add("told %d", n-1)
		})
		sys.Emit(nth(3))
		j.expect(t, "3", "actor.Spawned", "2", "1", "0", "-1", "told 0", "told 1", "told 2")
	})
}

// An observer that is taken off while an event is being told to another is not called.
func TestObserverTakenOffMeanwhile(t *testing.T) {
	sys := newSystem(t)
	var stop func()
	var j journal
	sys.Observe(func(actor.Event) { stop() })
	stop = sys.Observe(numbers(&j))
	sys.Observe(numbers(&j))
	sys.Emit(nth(1))
	j.expect(t, "1")
}

// Whatever others do beside it, an observer is told of each event once.
func TestObserversComeAndGoBesideEvents(t *testing.T) {
	sys := newSystem(t)
	const emitters = 4
	events := long.Rounds(200, 5000)
	var told [emitters]atomic.Int64 // sums
	sys.Observe(func(e actor.Event) {
		if n, ok := e.(nth); ok {
			told[int(n)%emitters].Add(int64(n))
		}
	})
	var emitting, changing sync.WaitGroup
	over := make(chan struct{})
	for _, fail := range []func(){func() {}, func() { failures["panic"](nil) }, func() { failures["Goexit"](nil) }} {
		changing.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				called := make(chan struct{})
				var once sync.Once
				stop := sys.Observe(func(actor.Event) { once.Do(func() { close(called) }); fail() })
				select {
				case <-called:
				case <-over:
				}
				stop()
			}
		})
	}
	var want [emitters]int64
	for e := range emitters {
		for i := range events {
			want[e] += int64(i*emitters + e)
		}
		emitting.Go(func() {
			for i := range events {
				sys.Emit(nth(i*emitters + e))
			}
		})
	}
	emitting.Wait()
	close(over)
	changing.Wait()
	for e := range emitters {
		if n := told[e].Load(); n != want[e] {
			t.Errorf("emitter %d: the sum is %d, want %d", e, n, want[e])
		}
	}
}

// To tell of an event takes no memory.
func TestTellingAllocatesNothing(t *testing.T) {
	if long.Race {
		t.Skip("sync.Pool drops items at random under the race detector")
	}
	sys := newSystem(t)
	sys.Observe(func(actor.Event) {})
	var e actor.Event = nth(1)
	sys.Emit(e)
	if n := testing.AllocsPerRun(1000, func() { sys.Emit(e) }); n >= 1 {
		t.Errorf("%v allocations for each event", n)
	}
}
