package entity

import (
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// life is one life of a key: from the begin of the entity's first start until the key is
// free again, over all restarts in between. There is one at a time for a key.
//
//	state     entered                                   what holds there
//	starting  by begin                                  finders wait for the first start
//	running   when a start has succeeded                it is found without a lock
//	down      at a crash, before its supervisor hears   finders wait for the restart
//	leaving   when the entity has ended for good, or    nobody gets its ref any more, and no
//	          is about to be stopped                    incarnation starts; finders wait
//	          until the key is free, and begin the next life
//
// A life goes to and fro between running and down, and never comes back from leaving.
//
// Each life has a [supervisor.Tree] with the entity as its one child, so that a slow Init
// keeps nobody waiting but those that want that key.
type life[K comparable, M any] struct {
	set  *Set[K, M]
	key  K
	over chan struct{} // closed when the key is free

	number uint64 // in the order of the set's lives

	// above are the tree and the set's supervisor. It is set before the first start, as is
	// ref.
	above [2]actor.PID
	ref   supervisor.Ref[M]

	awaits *life[K, M] // the one that its Init waits for; guarded by the set's lock

	mu      sync.Mutex // guards what follows
	state   state
	started int           // how many starts have succeeded
	changed chan struct{} // closed at the next change of these two; nil if nobody waits
	pid     actor.PID     // the latest incarnation, from before its Init
	failure error         // why that one has ended, or an attempt to start it has failed
	tree    supervisor.Tree

	holders, calls int         // that use it
	finders        int         // that wait for it
	due            bool        // to be stopped for lack of holders, as soon as that may be
	linger         *time.Timer // while it has no holder any more
}

type state uint8

const (
	starting state = iota
	running
	down
	leaving
)

// isUp reports whether the entity runs. The caller holds the lock.
func (l *life[K, M]) isUp() bool { return l.state == running && l.pid.Alive() }

// isSupervised reports whether those above the entity live. If one does not, the entity
// will soon be told to end. It needs no lock once the life has been running.
func (l *life[K, M]) isSupervised() bool { return l.above[0].Alive() && l.above[1].Alive() }

// lastError returns why the entity does not run, or nil. The caller holds the lock.
func (l *life[K, M]) lastError() error {
	if l.state == running {
		return l.pid.Err()
	}
	return l.failure
}

// nextChange returns what is closed at the next change. The caller holds the lock.
func (l *life[K, M]) nextChange() <-chan struct{} {
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

// tell tells those that wait of a change. The caller holds the lock.
func (l *life[K, M]) tell() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// leave begins the end of the life, and stops the entity and its tree. It does nothing if
// that has begun. The caller holds the lock.
func (l *life[K, M]) leave() {
	if l.state == leaving {
		return
	}
	l.state = leaving
	if l.linger != nil {
		l.linger.Stop()
	}
	l.set.running.Unregister(l.key, l.pid)
	l.tell()
	if !l.tree.PID().IsZero() { // otherwise start ends what there is
		go l.stop(l.pid, l.tree)
	}
}

// up records a start that has succeeded. It may come late for the first one: then there is
// another incarnation already.
func (l *life[K, M]) up(pid actor.PID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == leaving || l.pid != pid {
		return
	}
	l.state, l.failure = running, nil
	l.started++
	if !pid.Own((*incarnation[K, M])(l)) {
		l.lose(pid, pid.Err()) // it has ended already
	}
	// Refused if the entity is doomed: then it is not to be found.
	_ = l.set.running.RegisterValue(l.key, pid, l)
	l.tell()
	l.due = l.due && l.finders == 0
	l.stopIfDue()
}

// lose records the end of an incarnation: the tree restarts it if it has crashed, and is
// stopped otherwise. The caller holds the lock.
func (l *life[K, M]) lose(pid actor.PID, reason error) {
	if l.state != running || l.pid != pid {
		return
	}
	l.failure = reason
	if !pid.Crashed() {
		l.leave()
		return
	}
	l.state = down
	l.tell()
}

// incarnation is a life as what an incarnation of its entity owns: it hears of the end
// before the supervisor does.
type incarnation[K comparable, M any] life[K, M]

// Release implements [actor.Resource].
func (i *incarnation[K, M]) Release(pid actor.PID, reason error) {
	l := (*life[K, M])(i)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lose(pid, reason)
}

// household is a life as what its tree owns.
type household[K comparable, M any] life[K, M]

// Release implements [actor.Resource]. The tree has ended, and the entity with it, unless
// the tree was killed: then the entity is about to.
func (h *household[K, M]) Release(actor.PID, error) {
	l := (*life[K, M])(h)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tree = supervisor.Tree{} // there is nothing left to stop
	l.leave()
	go l.bury(l.pid)
}
