package actor

import (
	"runtime"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor/internal/queue"
)

// process is the part of an actor that does not depend on its message type:
// what PIDs, links, monitors, supervisors and the system deal with.
//
// An actor dies in two steps, see lifecycle.go. It is doomed when a lethal signal reaches
// it: from then on no handler starts, its context is cancelled, sends to it are dropped and
// calls fail. It has ended when the running handler, if any, has returned and it is cleaned
// up: names are free, links and monitors are told. An actor that ends by itself goes
// through both at once, after its Terminate.
type process struct {
	sys    *System
	typed  typed
	runner func() // typed.run, made once: a go statement with a receiver allocates
	serial uint64
	parent *process // the actor that spawned it with a link; the system's root otherwise

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
	// labeler returns the behavior if that is a Labeler. Only of an actor with the flag
	// labels may it be called.
	labeler() Labeler
	// shown returns the behavior for others to look at its type, or nil if it is too late.
	shown() any
	// load returns what can be seen of the mailbox.
	load() queue.Load
	// isRun reports whether there is a runner. It takes no lock.
	isRun() bool

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
// here, where little is on the stack, because telling the others takes a lot of it.
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

// wake starts a runner. Only the caller that the mailbox has told to may call it.
func (p *process) wake() { p.sys.backlog.start(p) }

const (
	trapsExits uint32 = 1 << iota
	listed            // is among the system's actors
	untold            // was, while observers were there: they have not been told of its end
	ended             // links and monitors have been told, or are being told now
	suspended         // by Suspend
	mayBlock          // is no business of watchdogs
	leaving           // bound to end by a signal that it has not handled yet
	starting          // its Init runs, and its spawner waits
	abandoned         // by Abandon, while a handler ran
	returned          // no handler runs any more
	inherits          // ends with the reason of its parent
	labels            // its behavior is, or was, a Labeler
	carrying          // a message for it carries something: see makeRoom
	announcing        // its spawn is being told
	endsEarly         // it has ended meanwhile, see announce
	profiled          // its runners have labels for profiles
	toldOf            // instruments were told of a handling of its runner, see judgeDepth

	depth     = 1 << 16 // see judgeDepth
	depthMask = 3 * depth
)
