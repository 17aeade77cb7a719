package pool_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/supervisor/pool"
)

// watchRestarts returns a function that fails the test if the pool's restarts, and its
// giving up, have not been told of like this, and forgets them. An expected line may leave
// out PIDs: they are checked here.
func watchRestarts(f *floor) (expect func(want ...string)) {
	var got []string
	f.Cleanup(f.sys.Observe(func(e actor.Event) {
		switch e := e.(type) {
		case supervisor.Restarted:
			got = append(got, fmt.Sprintf("%q %v, %d of %d, took %v", e.Child, e.Reason, e.Restarts, e.Count, e.Took))
			if e.Supervisor != e.New.Parent() || e.Old == e.New || e.Old.Alive() || e.Old.Parent() != e.Supervisor {
				f.Errorf("%v restarts %v as %v, whose parents are %v and %v", e.Supervisor, e.Old, e.New, e.Old.Parent(), e.New.Parent())
			}
			if n := e.New.Restarts(); n != e.Restarts {
				f.Errorf("%v knows of %d restarts, the event of %d", e.New, n, e.Restarts)
			}
			if e.At != time.Now() {
				f.Errorf("it is said to have been at %v", e.At)
			}
		case supervisor.GaveUp:
			got = append(got, fmt.Sprintf("gave up: %q %v, %d in %v", e.Child, e.Reason, e.Intensity, e.Period))
			if e.Supervisor != f.tree.PID() || e.PID.Alive() {
				f.Errorf("%v gave up over %v", e.Supervisor, e.PID)
			}
		}
	}))
	return func(want ...string) {
		f.Helper()
		synctest.Wait()
		if !slices.Equal(got, want) {
			f.Errorf("told of:\n got %q\nwant %q", got, want)
		}
		got = nil
	}
}

// Observers are told of the restarts of workers and of a pool that gives up, as of those of
// supervisors.
func TestObserversSeeRestartsOfWorkers(t *testing.T) {
	cfg := pool.Config{ID: "ovens", Min: 2, Backoff: supervisor.Backoff{Min: time.Second}, Intensity: 3, Period: time.Minute}
	onFloor(t, cfg, func(f *floor) {
		expect := watchRestarts(f)
		expect()
		first := f.workers()[0]
		first.Exit(errBoom)
		time.Sleep(time.Second)
		expect(`"ovens worker" boom, 1 of 1, took 1s`)

		// The place keeps its count.
		workers := f.workers()
		second := workers[slices.IndexFunc(workers, func(p actor.PID) bool { return p.Restarts() == 1 })]
		second.Exit(errBoom)
		time.Sleep(2 * time.Second)
		expect(`"ovens worker" boom, 2 of 2, took 2s`)

		// One that does not start keeps its place vacant.
		f.setInit(func(*actor.Context[order]) error { return errBoom })
		f.fail("a", errBoom)
		time.Sleep(4 * time.Second)
		expect()
		f.setInit(nil)
		time.Sleep(8 * time.Second)
		expect(`"ovens worker" boom, 3 of 3, took 12s`)

		f.fail("b", errBoom)
		expect(`gave up: "ovens worker" boom, 3 in 1m0s`)
	})
}

// A worker that has done its last job is replaced as well. One that the pool grows by, or
// that it has told to end, is none.
func TestWhatIsNoRestart(t *testing.T) {
	onFloor(t, pool.Config{Min: 1, Max: 3, IdleAfter: time.Minute, Backoff: supervisor.Backoff{Min: time.Second}}, func(f *floor) {
		expect := watchRestarts(f)
		f.fail("a", actor.Stop)
		expect(`"pool worker" normal, 1 of 1, took 0s`)

		b, c := f.hold("b"), f.hold("c")
		expect() // it has grown
		c(errBoom)
		time.Sleep(time.Second)
		expect() // and does without
		c = f.hold("c")
		expect()
		b(nil)
		c(nil)
		time.Sleep(2 * time.Minute)
		expect() // it has shrunk
		f.ok(f.pool.Resize(f.Context(), 3, 3))
		expect()
		f.ok(f.pool.Resize(f.Context(), 1, 1))
		expect()
	})
}

// The history of a worker is that of its place: it has nothing of the other workers.
func TestAWorkerHasTheRestartsOfItsPlaceInItsHistory(t *testing.T) {
	cfg := pool.Config{ID: "ovens", Min: 2, Intensity: 9, Period: time.Minute}
	onFloor(t, cfg, func(f *floor) {
		line := []actor.PID{f.workers()[0]}
		other := f.workers()[1]
		for i := range 2 {
			line[i].Exit(fmt.Errorf("burnt %d, %w", i, errBoom))
			time.Sleep(time.Minute) // of the bubble's, for the back-off
			synctest.Wait()
			for _, pid := range f.workers() {
				if pid != other {
					line = append(line, pid)
				}
			}
		}
		got, err := supervisor.History(f.Context(), line[2])
		if err != nil || len(got) != 2 {
			t.Fatalf("it is %+v, %v", got, err)
		}
		for i, r := range got {
			if r.Old != line[i] || r.New != line[i+1] || r.Reason.Error() != fmt.Sprintf("burnt %d, boom", i) || r.Restarts != i+1 {
				t.Errorf("restart %d is %+v, of the line %v", i, r, line)
			}
		}
		if got, err := supervisor.History(f.Context(), other); err != nil || len(got) > 0 {
			t.Errorf("of the other it is %+v, %v", got, err)
		}
	})
}
