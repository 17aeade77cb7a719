package book

import (
	"errors"
	"log/slog"
	"runtime"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// A listener is somebody's code, and what it does must not reach those who change the
// book: some registrant, or an actor that is ending and has links and supervisors to
// tell. So a round of telling has a goroutine of its own, which a runtime.Goexit may
// end, and the one who made the change waits for the round, but not for long.
const (
	waitFor   = time.Second     // how long a change waits for its listeners
	giveUpFor = 5 * time.Second // how long one call of a listener may take
)

// errStuck is why a listener is taken off that does not return.
var errStuck = errors.New("it has not returned")

// round is a goroutine that tells what is pending in a shard. There is one at a time,
// so that the changes of a key are told in their order. Calls and at are guarded by the
// shard's lock.
type round[K comparable] struct {
	sh    *keyShard[K]
	over  chan struct{} // closed when nothing is pending any more
	calls int           // so far
	at    item[K]       // that is being told
}

// unlock releases the lock after changes, and has them told unless another goroutine
// is at it: that one will find them. So a listener is called without the lock, and
// still in order: what is pending is taken under the lock, first things first, by one
// goroutine, which does not take the next before it has told one.
func (sh *keyShard[K]) unlock() {
	if sh.telling != nil || sh.news == nil || len(sh.news.pending) == 0 {
		sh.mu.Unlock()
		return
	}
	r := &round[K]{sh: sh, over: make(chan struct{})}
	sh.telling = r
	sh.mu.Unlock()
	go r.tellAll()
	r.wait()
}

// wait waits for the round, or leaves it to a watch. Most rounds are over after a turn
// or two of the scheduler, and need no timer.
func (r *round[K]) wait() {
	for range 8 {
		select {
		case <-r.over:
			return
		default:
			runtime.Gosched()
		}
	}
	limit := time.NewTimer(waitFor)
	defer limit.Stop()
	select {
	case <-r.over:
	case <-limit.C:
		r.watch()
	}
}

// watch sees to it that a round goes on though a listener does not return.
func (r *round[K]) watch() {
	r.sh.mu.Lock()
	defer r.sh.mu.Unlock()
	calls := r.calls
	time.AfterFunc(giveUpFor, func() {
		if r.pass(calls) {
			r.watch()
		}
	})
}

// pass reports whether the round goes on. If it is at the same call as before, another
// goroutine goes on in its place.
func (r *round[K]) pass(calls int) bool {
	r.sh.mu.Lock()
	if r.sh.telling != r || r.calls != calls {
		defer r.sh.mu.Unlock()
		return r.sh.telling == r
	}
	stuck, next := r.at, &round[K]{sh: r.sh, over: r.over}
	r.sh.telling = next
	r.sh.mu.Unlock()
	stuck.to.fail(stuck.Key, errStuck)
	go next.tellAll()
	next.watch()
	return false
}

// tellAll tells what is pending, until there is nothing or another round has taken
// over.
func (r *round[K]) tellAll() {
	finished := false
	defer func() {
		if !finished { // a listener called runtime.Goexit
			go r.tellAll()
		}
	}()
	for {
		it, ok := r.next()
		if !ok {
			break
		}
		it.to.tell(it.Change)
	}
	finished = true
}

// next takes what is to be told next.
func (r *round[K]) next() (it item[K], ok bool) {
	sh := r.sh
	sh.mu.Lock()
	defer sh.mu.Unlock()
	switch n := sh.news; {
	case sh.telling != r:
		return it, false
	case len(n.pending) == 0:
		n.pending = nil
		sh.telling = nil
		close(r.over)
		return it, false
	default:
		it = n.pending[0]
		n.pending[0] = item[K]{}
		n.pending = n.pending[1:]
		r.calls++
		r.at = it
		return it, true
	}
}

// tell calls the listener, unless it is off.
func (l *listener[K]) tell(c Change[K]) {
	if l.off.Load() {
		return
	}
	returned := false
	defer func() {
		switch v := recover(); {
		case v != nil:
			l.fail(c.Key, actor.Recovered(v))
		case !returned:
			l.fail(c.Key, actor.Goexit)
		}
	}()
	l.f(c)
	returned = true
}

// fail takes the listener off for good.
func (l *listener[K]) fail(key K, reason error) {
	if l.off.Load() {
		return
	}
	l.stop()
	if l.failed != nil {
		l.failed(reason)
	}
	actor.GuardLogger(slog.Default()).Error("listener of a registry failed and was taken off", "key", key, "reason", reason)
}
