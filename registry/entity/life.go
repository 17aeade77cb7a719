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
//	down      at a crash                                finders wait for the restart
//	leaving   when the entity has ended for good, or    nobody gets its ref any more, and no
//	          is about to be stopped                    incarnation starts; finders wait
//	over      when nothing of it runs                   the key is free; those that have
//	                                                    waited begin the next life
//
// A life goes to and fro between running and down, and never comes back from leaving.
type life[K comparable, M any] struct {
	keeper *keeper[K, M] // under which it was begun
	key    K
	number uint64 // in the order of the set's lives

	// What follows is set before the first start.
	id   string
	ref  supervisor.Ref[M]
	give func(actor.Ref[M]) // gives ref the incarnation that it stands for

	awaits *life[K, M] // the one that its Init waits for; guarded by the set's lock

	mu         sync.Mutex // guards what follows
	state      state
	attempting bool          // a start is under way, on its goroutine
	due        bool          // to be stopped for lack of holders, as soon as that may be
	started    int           // how many starts have succeeded
	changed    chan struct{} // closed at the next change of these; nil if nobody waits
	pid        actor.PID     // the latest incarnation, from before its Init
	former     actor.PID     // the one that has crashed, while the entity is down
	failure    error         // why that one has ended, or an attempt to start it has failed

	failures int           // in a row, for the back-off
	since    time.Duration // when the incarnation came up, or crashed, by the keeper's clock
	retry    *time.Timer   // while the entity waits for its restart

	holders, calls int         // that use it
	finders        int         // that wait for it
	linger         *time.Timer // while it has no holder any more
}

type state uint8

const (
	starting state = iota
	running
	down
	leaving
	over
)

// isUp reports whether the entity runs. The caller holds the lock.
func (l *life[K, M]) isUp() bool { return l.state == running && l.pid.Alive() }

// isSupervised reports whether the keeper lives. If it does not, the entity will soon be told
// to end. It needs no lock.
func (l *life[K, M]) isSupervised() bool { return l.keeper.self.PID().Alive() }

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

// leave begins the end of the life. It does nothing if that has begun. The caller holds the
// lock.
func (l *life[K, M]) leave() {
	if l.state >= leaving {
		return
	}
	up := l.isUp()
	l.state = leaving
	for _, timer := range []*time.Timer{l.linger, l.retry} {
		if timer != nil {
			timer.Stop()
		}
	}
	l.keeper.set.running.Unregister(l.key, l.pid)
	l.tell()
	go l.end(l.pid, up)
}

// lose records the end of an incarnation: one that has crashed is started again when its
// back-off is over. The caller holds the lock.
func (l *life[K, M]) lose(pid actor.PID, reason error) {
	if l.state != running || l.pid != pid {
		return
	}
	l.failure = reason
	if !pid.Crashed() {
		l.leave()
		return
	}
	l.state, l.former = down, pid
	l.keeper.lose(pid, l)
	now := time.Since(l.keeper.epoch)
	if now-l.since >= l.keeper.set.cfg.Backoff.Max {
		l.failures = 0
	}
	l.since = now
	l.retryAfter()
	l.tell()
}

// incarnation is a life as what an incarnation of its entity owns: it hears of the end before
// anybody else does.
type incarnation[K comparable, M any] life[K, M]

// Release implements [actor.Resource].
func (i *incarnation[K, M]) Release(pid actor.PID, reason error) {
	l := (*life[K, M])(i)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lose(pid, reason)
}
