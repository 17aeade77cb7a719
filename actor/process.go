package actor

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// process is the part of an actor that does not depend on its message type:
// what PIDs, links, monitors, supervisors and the system deal with.
//
// An actor dies in two steps, of which death.go has the second. It is doomed when a lethal signal reaches it: from
// then on no handler starts, its context is cancelled, sends to it are dropped
// and calls fail. It has ended when the running handler, if any, has returned
// and it is cleaned up: names are free, links and monitors are told. An actor
// that ends by itself goes through both at once, after its Terminate.
type process struct {
	sys    *System
	typed  typed
	runner func() // typed.run, made once: a go statement with a receiver allocates
	serial uint64
	parent *process // who spawned it with a link; the system's root otherwise

	// doom is nil while the actor lives, then its reason: the first one to set it
	// wins, and only Abandon replaces it. A watchdog may leave a probe in it for a
	// while: see doomed.
	doom  atomic.Pointer[doom]
	flags atomic.Uint32
	born  uint32 // the system's age when it was spawned

	// rel is nil until first needed: most actors have few relations, many none.
	// It changes once, from nil.
	rel atomic.Pointer[relations]

	prev, next *process // in the system's list; guarded by its shard's lock
}

// typed is the part of an actor that knows the message type.
type typed interface {
	// run handles what waits. It is the runner, of which there is one at a time. If
	// the actor must end it returns its doom, and has run Terminate.
	run() *doom
	// start is run for an actor that has an Init, the first time.
	start(*startup) *doom
	// mark queues a signal in the order of messages.
	mark(signal)
	// close refuses messages from now on and makes the actor look.
	close()
	// discard turns what waits in the mailbox into dead letters.
	discard()
	// clear lets go of what an ended actor does not need, for there may be refs to
	// it.
	clear()
	// load returns the number of messages that wait, that of those taken ever, and
	// whether there is a runner.
	load() (waiting int, taken uint64, running bool)

	controlled
}

// newRunner returns p's runner as a function that can be started as it is. It is not
// the method value, because the runtime scans the name of each goroutine's first
// function when the goroutine starts and ends, and that of a generic type's
// method, or of a function inlined into one, is very long.
//
//go:noinline
func newRunner(p *process) func() {
	return func() {
		b := &p.sys.backlog
		if p.isCounted() {
			b.begin()
		}
		p.makeRoom()
		serve(p, nil)
		b.goOn()
	}
}

// serve is below every runner in its stack, so that runnerStack can tell whose it
// is: a stack does not show the receivers of a generic type's methods. It runs
// first, or the runner proper if that is nil, and buries the actor if it must end:
// here, where little is on the stack, or telling the others would make it overflow.
//
//go:noinline
func serve(p *process, first func() *doom) {
	var mark byte
	was := place(&mark)
	var end *doom
	if first != nil {
		end = first()
	} else {
		end = p.typed.run()
	}
	p.judgeDepth(place(&mark) != was)
	if end != nil {
		p.bury(end)
	}
	runtime.KeepAlive(p) // or p might be in a register only, and not be shown
}

// wake starts a runner. Only who was told to by the mailbox may.
func (p *process) wake() { p.sys.backlog.start(p) }

// doomed returns p's doom, or nil if p lives.
func (p *process) doomed() *doom {
	if d := p.doom.Load(); d != nil && !d.isProbe() {
		return d
	}
	return nil
}

// condemn gives p its doom. It reports false if p has one.
func (p *process) condemn(d *doom) bool {
	for {
		old := p.doom.Load()
		if old != nil && !old.isProbe() {
			return false
		}
		if p.doom.CompareAndSwap(old, d) {
			return true
		}
	}
}

const (
	trapsExits uint32 = 1 << iota
	listed            // is among the system's actors
	known             // has been: its spawn has been told, and its end will be
	ended             // links and monitors have been told, or are being told now
	suspended         // by Suspend
	mayBlock          // is no business of watchdogs
	leaving           // bound to end by a signal that it has not handled yet
	starting          // its Init runs, and its spawner waits
	abandoned         // by Abandon, while a handler ran
	returned          // no handler runs any more

	depth     = 1 << 16 // see isDeep
	depthMask = 3 * depth
)

func (p *process) has(flag uint32) bool { return p.flags.Load()&flag != 0 }

// relations is what ties an actor to others. All of it is guarded by mu.
type relations struct {
	mu     sync.Mutex
	sealed bool // what is owned is being released: nothing more may be
	closed bool // the actor has ended: nothing may be added
	taken  bool // somebody is telling all
	told   bool // all have been told

	ties
	owned smallMap[Resource, struct{}]
	calls pendingCalls

	seldom *seldom // nil until first needed
}

// seldom is what few of the actors that have relations have, too.
type seldom struct {
	name   string
	label  string
	ctx    context.Context // the actor's own; nil until asked for
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when all have been told; nil until asked for
	starts *startup      // those whose Init this actor waits for
	// releasing is what a dead actor owns and has not been released, if that is much.
	releasing []Resource
}

// few returns r's rarities, made if need be. The lock must be held.
func (r *relations) few() *seldom {
	if r.seldom == nil {
		r.seldom = new(seldom)
	}
	return r.seldom
}

// gone stands in for the relations of all actors that ended without any.
var gone = &relations{sealed: true, closed: true, taken: true, told: true}

// relations returns p's relations, made if need be.
func (p *process) relations() *relations {
	if r := p.rel.Load(); r != nil {
		return r
	}
	p.rel.CompareAndSwap(nil, new(relations))
	return p.rel.Load()
}

// kill dooms the actor, unless it is doomed already, and makes sure that it notices.
func (p *process) kill(d *doom) {
	if p.condemn(d) {
		p.shut(d)
	}
}

// shut is the rest of a kill: whoever dooms an actor calls it.
func (p *process) shut(d *doom) {
	p.typed.close()
	p.release(d.reason)
	if p.has(starting) {
		p.sys.tellStartup(p, func(s *startup) { s.tell(childDoomed) })
	}
}

// leave notes that p, which has been sent a signal that it traps but obeys, is bound to
// end, though not doomed: it still has to handle what came before. It passes that on to those that p is starting:
// it will not come to it before their Inits have returned.
func (p *process) leave() {
	p.flags.Or(leaving)
	forget(p, func(r *relations) { r.tellStarts(callerLeaving) })
}

// isLeaving reports whether p is bound to end, soon as a rule: a name that it has will
// be free.
func (p *process) isLeaving() bool { return p.doomed() != nil || p.has(leaving) }

// release cancels the actor's context, and ends the waits of others for it and of it
// for others.
func (p *process) release(reason error) {
	r := p.rel.Load()
	if r == nil {
		return
	}
	r.mu.Lock()
	var cancel context.CancelCauseFunc
	if r.seldom != nil {
		cancel = r.seldom.cancel
	}
	calls := r.calls.more
	r.calls.more = smallMap[*pendingCall, struct{}]{}
	r.tellStarts(callerDoomed)
	r.mu.Unlock()
	if cancel != nil {
		cancel(reason)
	}
	for c := range calls.all() {
		c.calleeEnded(reason)
	}
	if kept := r.calls.kept.Load(); kept != nil {
		kept.calleeEnded(reason)
	}
}

// context returns the actor's own context, which is cancelled when the actor is
// doomed, at the latest when it ends.
func (p *process) context() context.Context {
	r := p.relations()
	if r == gone {
		return cancelled
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.few()
	if s.ctx == nil {
		s.ctx, s.cancel = context.WithCancelCause(context.Background())
		if d := p.doomed(); d != nil {
			s.cancel(d.reason)
		}
	}
	return s.ctx
}

// cancelled serves the actors that ended before anybody asked for a context.
var cancelled = func() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(NoProc)
	return ctx
}()
