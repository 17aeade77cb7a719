package supervisor_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

var (
	chaosSeed  = flag.Uint64("chaos.seed", 1, "first seed of the chaos test")
	chaosSteps = flag.Int("chaos.steps", 10_000, "steps of the chaos test, in all")
)

// chaosRun is how many steps go with one seed.
const chaosRun = 250

// Whatever happens in whatever tree, all its actors end up as the rules say: the
// same, restarted, gone for good, or escalated. To repeat a failure run its subtest
// alone: -run 'Chaos/seed=7$'.
func TestChaosAgreesWithTheModel(t *testing.T) {
	steps := *chaosSteps
	if testing.Short() {
		steps /= 10
	}
	for i := range (steps + chaosRun - 1) / chaosRun {
		seed := *chaosSeed + uint64(i)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 0))
			for left := chaosRun; left > 0; {
				synctest.Test(t, func(t *testing.T) { left = chaos(t, rnd, left) })
				if t.Failed() {
					return
				}
			}
		})
	}
}

// world is a random tree that lives, along with the model of it.
type world struct {
	*testing.T
	rnd  *rand.Rand
	sys  *actor.System
	root *node
	top  supervisor.Tree
	did  string // the last step, for failures

	mu    sync.Mutex
	next  map[*node][]outcome   // of starts to come
	lives map[*node][]actor.PID // all incarnations
}

// chaos grows a tree and goes on with it until its root has ended, or for the
// given number of steps. It returns how many are left.
func chaos(t *testing.T, rnd *rand.Rand, steps int) int {
	w := &world{
		T:     t,
		rnd:   rnd,
		sys:   newLoggingSystem(t, slog.DiscardHandler),
		root:  &node{id: "0"},
		next:  map[*node][]outcome{},
		lives: map[*node][]actor.PID{},
	}
	size := 10
	for size < 1000 && rnd.IntN(3) > 0 {
		size *= 10
	}
	w.root.grow(rnd, 1+rnd.IntN(6), size)
	w.root.intensity += 3 // or many trees would not live long
	top, err := supervisor.Start(w.sys, w.spec(w.root))
	if err != nil {
		t.Fatal(err)
	}
	w.top = top
	w.lives[w.root] = []actor.PID{top.PID()}
	w.root.start()
	w.did = "start"
	w.check()
	w.fill()
	w.check()
	for steps > 0 && w.root.alive {
		steps--
		time.Sleep(time.Duration(rnd.IntN(4)) * 500 * time.Millisecond)
		w.step()
		w.check()
		if t.Failed() {
			return 0
		}
	}
	if w.root.alive {
		w.storm()
	}
	return steps
}

// spec describes n, a supervisor, and all below it.
func (w *world) spec(n *node) supervisor.Spec {
	s := supervisor.Spec{
		Strategy:     n.strategy,
		Intensity:    n.intensity,
		Period:       n.period,
		AutoShutdown: n.auto,
	}
	for _, c := range n.children {
		s.Children = append(s.Children, w.child(c))
	}
	return s
}

func (w *world) child(n *node) supervisor.Child {
	var c supervisor.Child
	switch {
	case n.dynamic:
		c = supervisor.DynamicSupervisor(n.id, supervisor.DynamicSpec{Intensity: n.intensity, Period: n.period}, n.restart)
	case n.supervisor:
		c = supervisor.Supervisor(n.id, w.spec(n), n.restart)
	default:
		c = supervisor.Actor(n.id, func() actor.Behavior[any] { return prey{traps: n.traps} }, n.restart)
	}
	c.Significant = n.notable
	start := c.Start
	c.Start = func(parent actor.Self) (actor.PID, error) {
		switch w.nextOutcome(n) {
		case fails:
			return actor.PID{}, errFlat
		case panics:
			panic(errFlat)
		case panicsInInit:
			ref, err := actor.SpawnLink(parent, func() actor.Behavior[any] { return prey{bad: true} })
			return ref.PID(), err
		case ignores:
			return actor.PID{}, actor.Ignore
		}
		pid, err := start(parent)
		if err == nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.lives[n] = append(w.lives[n], pid)
		}
		return pid, err
	}
	return c
}

func (w *world) nextOutcome(n *node) outcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.next[n]
	if len(list) == 0 {
		return goesWell
	}
	w.next[n] = list[1:]
	return list[0]
}

// pid returns the latest incarnation of n.
func (w *world) pid(n *node) actor.PID {
	w.mu.Lock()
	defer w.mu.Unlock()
	lives := w.lives[n]
	return lives[len(lives)-1]
}

// prey is a worker. It ends as it is told.
type prey struct{ traps, bad bool }

func (p prey) Init(ctx *actor.Context[any]) error {
	if p.bad {
		panic(errFlat)
	}
	ctx.TrapExit(p.traps)
	return nil
}

func (p prey) Receive(_ *actor.Context[any], m any) error {
	if m == "panic" {
		panic(m)
	}
	return m.(error)
}

// pick returns a random node for which want holds, or nil.
func (w *world) pick(want func(*node) bool) *node {
	var list []*node
	w.root.all(func(n *node) {
		if want(n) {
			list = append(list, n)
		}
	})
	if len(list) == 0 {
		return nil
	}
	return list[w.rnd.IntN(len(list))]
}

// step does something to the tree and to the model.
func (w *world) step() {
	if w.rnd.IntN(3) == 0 { // bad luck for somebody's next starts
		if n := w.pick(func(n *node) bool { return n != w.root && len(n.next) == 0 }); n != nil {
			for range 1 + w.rnd.IntN(3) {
				n.next = append(n.next, outcome(w.rnd.IntN(int(numOutcomes))))
			}
			w.mu.Lock()
			w.next[n] = n.next // which the model only cuts
			w.mu.Unlock()
		}
	}
	switch w.rnd.IntN(12) {
	case 0, 1:
		w.request()
		return
	case 2:
		w.fill()
		return
	}
	n := w.pick(func(n *node) bool { return n.alive })
	if w.rnd.IntN(2) == 0 {
		// Inner nodes, which are few, get their share.
		n = w.pick(func(n *node) bool { return n.alive && n.supervisor })
	}
	pid, clean := w.pid(n), false
	how := w.rnd.IntN(5)
	if n == w.root && w.rnd.IntN(20) > 0 {
		how = 4
	}
	switch {
	case how == 4:
		w.did = fmt.Sprintf("a stranger's exit to %s", n.id)
		pid.Exit(errFlat)
		if n.supervisor || n.traps { // SUP-26
			return
		}
	case how == 0:
		w.did = fmt.Sprintf("kill %s", n.id)
		pid.Exit(actor.Kill)
	case n.supervisor:
		w.did = fmt.Sprintf("stop %s", n.id)
		if err := pid.Stop(w.Context(), actor.Shutdown); err != nil {
			w.Error(err)
		}
		clean = true
	default:
		m := []any{1: "panic", 2: errFlat, 3: actor.Stop}[how]
		w.did = fmt.Sprintf("%v in %s", m, n.id)
		ref, _ := actor.RefOf[any](pid)
		ref.Send(m)
		clean = m == actor.Stop
	}
	n.ended(clean, time.Now())
}

// fill starts what is missing in dynamic supervisors.
func (w *world) fill() {
	w.did = "fill"
	w.root.all(func(n *node) {
		if n.parent == nil || !n.parent.dynamic || !n.parent.alive || n.known {
			return
		}
		sup, _ := supervisor.DynamicOf(w.pid(n.parent))
		_, err := sup.StartChild(w.Context(), w.child(n))
		n.known = true
		if n.known = n.start() && n.known; n.known != (err == nil) {
			w.Errorf("start of %s: got error %v", n.id, err)
		}
	})
}

// request makes a request of a supervisor.
func (w *world) request() {
	n := w.pick(func(n *node) bool { return n != w.root && n.parent.alive && n.known })
	if n == nil {
		return
	}
	if n.parent.dynamic {
		w.did = "terminate " + n.id
		sup, _ := supervisor.DynamicOf(w.pid(n.parent))
		if err := sup.TerminateChild(w.Context(), w.pid(n)); err != nil {
			w.Errorf("%s: %v", w.did, err)
		}
		n.stopped()
		return
	}
	sup, _ := supervisor.TreeOf(w.pid(n.parent))
	var err, want error
	switch w.rnd.IntN(3) {
	case 0:
		w.did = "terminate " + n.id
		err = sup.TerminateChild(w.Context(), n.id)
		if n.alive {
			n.stopped()
		}
	case 1:
		w.did = "restart " + n.id
		_, err = sup.RestartChild(w.Context(), n.id)
		if n.alive {
			want = supervisor.ErrRunning
		} else if !n.start() {
			if err == nil {
				w.Errorf("%s has succeeded", w.did)
			}
			return
		}
	case 2:
		w.did = "delete " + n.id
		err = sup.DeleteChild(w.Context(), n.id)
		if n.alive {
			want = supervisor.ErrRunning
		} else {
			n.known = false
		}
	}
	if !errors.Is(err, want) {
		w.Errorf("%s: got error %v, want %v", w.did, err, want)
	}
}

// check compares the tree with the model.
func (w *world) check() {
	w.Helper()
	synctest.Wait()
	alive := 0
	w.root.all(func(n *node) {
		if n.alive {
			alive++
		}
		lives := w.lives[n]
		if len(lives) != n.starts {
			w.Errorf("after %s: %s was started %d times, want %d", w.did, n.id, len(lives), n.starts)
			return
		}
		for i, pid := range lives {
			if want := n.alive && i == n.starts-1; pid.Alive() != want {
				w.Errorf("after %s: incarnation %d of %s: alive is %v, want %v (%v)",
					w.did, i+1, n.id, !want, want, pid.Err())
			}
		}
		if n.starts > 1 { // all but the last have been looked at
			w.lives[n] = lives[len(lives)-1:]
			n.starts = 1
		}
	})
	if got := w.sys.Count(); got != alive {
		w.Errorf("after %s: there are %d actors, want %d", w.did, got, alive)
	}
	if w.Failed() {
		return
	}
	if n := w.pick(func(n *node) bool { return n.alive && n.supervisor }); n != nil {
		w.checkListing(n)
	}
}

// checkListing compares what a supervisor tells of its children with the model.
func (w *world) checkListing(n *node) {
	list, err := listing(w.Context(), w.pid(n))
	if err != nil {
		w.Error(err)
	}
	if n.dynamic {
		w.checkMembers(n, list)
		return
	}
	for _, c := range n.children {
		if !c.known {
			continue
		}
		var want actor.PID
		if c.alive {
			want = w.pid(c)
		}
		last := len(list) - 1
		if last < 0 || list[last].ID != c.id || list[last].PID != want || list[last].Restarting {
			w.Errorf("after %s: %s lists %v, want %s %v as the next", w.did, n.id, list, c.id, want)
			return
		}
		list = list[:last]
	}
	if len(list) > 0 {
		w.Errorf("after %s: %s lists %v, too", w.did, n.id, list)
	}
}

// checkMembers is checkListing for a dynamic supervisor, whose children are in no
// order.
func (w *world) checkMembers(n *node, list []supervisor.ChildInfo) {
	members := map[actor.PID]bool{}
	for _, c := range list {
		members[c.PID] = true
	}
	known := 0
	for _, c := range n.children {
		if !c.known {
			continue
		}
		known++
		if !members[w.pid(c)] {
			w.Errorf("after %s: %s does not list %s", w.did, n.id, c.id)
		}
	}
	if len(list) != known {
		w.Errorf("after %s: %s lists %v, want %d children", w.did, n.id, list, known)
	}
}

// listing lists the children of a supervisor of either kind; those of others are
// none.
func listing(ctx context.Context, pid actor.PID) ([]supervisor.ChildInfo, error) {
	if sup, ok := supervisor.TreeOf(pid); ok {
		return sup.WhichChildren(ctx)
	}
	if sup, ok := supervisor.DynamicOf(pid); ok {
		return sup.Children(ctx)
	}
	return nil, nil
}

// storm kills many at once. There is no telling what becomes of them, but what is
// left must hang together: no actor is lost, and none is left behind.
func (w *world) storm() {
	w.root.all(func(n *node) {
		if n.alive && w.rnd.IntN(10) == 0 {
			w.pid(n).Exit(actor.Kill)
		}
	})
	synctest.Wait()
	var count func(actor.PID) int
	count = func(pid actor.PID) int {
		total := 1
		list, err := listing(w.Context(), pid)
		if err != nil {
			w.Errorf("after the storm: %v", err)
		}
		for _, c := range list {
			if c.Restarting || !c.PID.IsZero() && !c.PID.Alive() {
				w.Errorf("after the storm: %v has not settled", c)
			}
			if !c.PID.IsZero() {
				total += count(c.PID)
			}
		}
		return total
	}
	want := 0
	if w.top.PID().Alive() {
		want = count(w.top.PID())
	}
	if got := w.sys.Count(); got != want {
		w.Errorf("after the storm: there are %d actors, want %d", got, want)
	}
}
