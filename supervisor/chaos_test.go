package supervisor_test

import (
	"cmp"
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
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/supervisor"
)

var (
	chaosSeed  = flag.Uint64("chaos.seed", 1, "first seed of the chaos test")
	chaosSteps = flag.Int("chaos.steps", 0, "steps of the chaos test, in all; 0 for 2000, or 10000 with TROUPE_LONG=1")
)

// chaosRun is how many steps go with one seed.
const chaosRun = 250

// Whatever happens in whatever tree, all its actors end up as the rules say: the
// same, restarted, gone for good, or escalated. To repeat a failure run its subtest
// alone: -run 'Chaos/seed=7$'.
func TestChaosAgreesWithTheModel(t *testing.T) {
	steps := cmp.Or(*chaosSteps, long.Rounds(2000, 10_000))
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

	handles map[*node]func() actor.PID // what follows a child
	parts   map[*node]resizable        // of supervisors of partitions

	mu    sync.Mutex
	next  map[*node][]outcome   // of starts to come
	lives map[*node][]actor.PID // all incarnations
	late  bool                  // the next start takes so long that its caller gives up
}

// resizable is what does not depend on the type of the partitions.
type resizable interface {
	Len() int
	Resize(ctx context.Context, n int) error
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

		handles: map[*node]func() actor.PID{},
		parts:   map[*node]resizable{},
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
	var s supervisor.Spec
	newChild := func(i int) supervisor.Child {
		c := w.child(n.children[i])
		c.ID = n.id
		return c
	}
	switch {
	case n.partitions == 0:
		for _, c := range n.children {
			s.Children = append(s.Children, w.child(c))
		}
	case n.children[0].dynamic:
		var parts supervisor.Partitions[supervisor.Dynamic]
		s, parts = supervisor.PartitionDynamic(n.partitions, newChild)
		w.parts[n] = parts
		for i, c := range n.children {
			w.handles[c] = func() actor.PID { return parts.At(i).PID() }
		}
	default:
		var parts supervisor.Partitions[supervisor.Ref[any]]
		s, parts = supervisor.Partition[any](n.partitions, newChild)
		w.parts[n] = parts
		for i, c := range n.children {
			w.handles[c] = func() actor.PID { return parts.At(i).PID() }
		}
	}
	s.Strategy, s.AutoShutdown = n.strategy, n.auto
	s.Intensity, s.Period = n.intensity, n.period
	return s
}

// child describes n, and makes a handle that follows it.
func (w *world) child(n *node) supervisor.Child {
	var c supervisor.Child
	switch {
	case n.dynamic:
		var sup supervisor.Dynamic
		c, sup = supervisor.FollowDynamic(supervisor.DynamicSupervisor(n.id, supervisor.DynamicSpec{Intensity: n.intensity, Period: n.period}))
		w.handles[n] = sup.PID
	case n.supervisor:
		var sup supervisor.Tree
		c, sup = supervisor.FollowTree(supervisor.Supervisor(n.id, w.spec(n)))
		w.handles[n] = sup.PID
	default:
		var ref supervisor.Ref[any]
		c, ref = supervisor.Follow[any](supervisor.Actor(n.id, func() prey { return prey{traps: n.traps} }))
		w.handles[n] = ref.PID
	}
	c.Restart, c.Significant = n.restart, n.notable
	start := c.Start
	c.Start = func(parent actor.Self) (actor.PID, error) {
		how, late := w.nextOutcome(n)
		if late {
			time.Sleep(2 * patience)
		}
		switch how {
		case fails:
			return actor.PID{}, errFlat
		case panics:
			panic(errFlat)
		case panicsInInit:
			ref, err := actor.SpawnLink(parent, func() prey { return prey{bad: true} })
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

// patience is how long a caller waits that is going to give up.
const patience = time.Millisecond

// givesUp makes a request whose caller gives up while a child is started, if one is.
func (w *world) givesUp(request func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	w.setLate(true)
	err := request(ctx)
	time.Sleep(2 * patience)
	w.setLate(false)
	return err
}

func (w *world) setLate(late bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late = late
}

func (w *world) nextOutcome(n *node) (how outcome, late bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	late, w.late = w.late, false
	list := w.next[n]
	if len(list) == 0 {
		return goesWell, late
	}
	w.next[n] = list[1:]
	return list[0], late
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
	if w.rnd.IntN(3) == 0 { // a child whose next starts fail
		if n := w.pick(func(n *node) bool { return n != w.root && len(n.next) == 0 }); n != nil {
			for range 1 + w.rnd.IntN(3) {
				n.next = append(n.next, outcome(w.rnd.IntN(int(numOutcomes))))
			}
			w.mu.Lock()
			w.next[n] = n.next // which the model only cuts
			w.mu.Unlock()
		}
	}
	switch w.rnd.IntN(13) {
	case 0, 1:
		w.request()
		return
	case 2:
		w.fill()
		return
	case 3:
		if n := w.pick(func(n *node) bool { return n.alive && n.partitions > 0 }); n != nil {
			w.resize(n)
			return
		}
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
		c := w.child(n)
		n.known = true
		if w.rnd.IntN(4) == 0 {
			if err := w.givesUp(func(ctx context.Context) error {
				_, err := sup.StartChild(ctx, c)
				return err
			}); !errors.Is(err, context.DeadlineExceeded) {
				w.Errorf("start of %s, given up: got error %v", n.id, err)
			}
			n.start() // DYN-3: and it is forgotten
			n.stop()
			n.known = false
			return
		}
		_, err := sup.StartChild(w.Context(), c)
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
	request := []func(supervisor.Tree, *node) (err, want error){w.terminate, w.restart, w.restartGivenUp, w.delete, w.change}
	if err, want := request[w.rnd.IntN(len(request))](sup, n); !errors.Is(err, want) {
		w.Errorf("%s: got error %v, want %v", w.did, err, want)
	}
}

func (w *world) terminate(sup supervisor.Tree, n *node) (err, want error) {
	w.did = "terminate " + n.id
	err = sup.TerminateChild(w.Context(), n.id)
	n.stopped()
	return err, nil
}

func (w *world) restart(sup supervisor.Tree, n *node) (err, want error) {
	w.did = "restart " + n.id
	_, err = sup.RestartChild(w.Context(), n.id)
	if n.alive {
		return err, supervisor.ErrRunning
	}
	if !n.start() {
		if err == nil {
			w.Errorf("%s has succeeded", w.did)
		}
		return nil, nil
	}
	return err, nil
}

func (w *world) restartGivenUp(sup supervisor.Tree, n *node) (err, want error) {
	w.did = "restart, given up, " + n.id
	err = w.givesUp(func(ctx context.Context) error {
		_, err := sup.RestartChild(ctx, n.id)
		return err
	})
	if n.alive {
		return err, supervisor.ErrRunning
	}
	if n.start() {
		n.stopped()
	}
	return err, context.DeadlineExceeded
}

func (w *world) delete(sup supervisor.Tree, n *node) (err, want error) {
	w.did = "delete " + n.id
	err = sup.DeleteChild(w.Context(), n.id)
	if n.alive {
		return err, supervisor.ErrRunning
	}
	n.known = false
	return err, nil
}

// change describes n differently. A worker is described from scratch; the handle that
// it had goes on.
func (w *world) change(sup supervisor.Tree, n *node) (err, want error) {
	n.now = randomly(w.rnd, n.parent)
	w.did = fmt.Sprintf("change %s to %+v", n.id, n.now)
	var c supervisor.Child
	if n.supervisor {
		if c, err = sup.ChildSpec(w.Context(), n.id); err != nil {
			return err, nil
		}
	} else {
		handle := w.handles[n]
		c = w.child(n)
		w.handles[n] = handle
	}
	c.Restart, c.Significant = n.now.restart, n.now.notable
	return sup.ChangeChild(w.Context(), c), nil
}

// resize changes the number of partitions of n.
func (w *world) resize(n *node) {
	size := 1 + w.rnd.IntN(len(n.children))
	w.did = fmt.Sprintf("resize %s from %d to %d", n.id, n.size, size)
	err := w.parts[n].Resize(w.Context(), size)
	if ok := n.resize(size); ok != (err == nil) {
		w.Errorf("%s: got error %v", w.did, err)
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
		if n != w.root {
			var want actor.PID
			if n.alive {
				want = lives[len(lives)-1]
			}
			if handle := w.handles[n]; handle != nil && handle() != want {
				w.Errorf("after %s: the handle of %s leads to %v, want %v", w.did, n.id, handle(), want)
			}
		}
		if parts := w.parts[n]; n.alive && parts != nil && parts.Len() != n.size {
			w.Errorf("after %s: %s has %d partitions, want %d", w.did, n.id, parts.Len(), n.size)
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
	sup, _ := supervisor.TreeOf(w.pid(n))
	for _, c := range n.children {
		one, err := sup.Child(w.Context(), c.id)
		if !c.known {
			if !errors.Is(err, supervisor.ErrNotFound) {
				w.Errorf("after %s: %s has %+v, %v", w.did, n.id, one, err)
			}
			continue
		}
		var want actor.PID
		if c.alive {
			want = w.pid(c)
		}
		if err != nil || one.ID != c.id || one.PID != want {
			w.Errorf("after %s: %s has %+v, %v; want %s %v", w.did, n.id, one, err, c.id, want)
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
		return sup.Children(ctx)
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
