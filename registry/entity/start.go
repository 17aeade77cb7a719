package entity

import (
	"errors"
	"log/slog"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/internal/quote"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/supervisor/roll"
)

// attempt starts the entity, or restarts it, on a goroutine of its own: no finder's end may
// cut that short. It is what attempting says.
func (l *life[K, M]) attempt() {
	o := outcome[M]{err: actor.Goexit} // if users' code does not return
	defer func() {
		if v := recover(); v != nil {
			o = outcome[M]{err: actor.Recovered(v)}
		}
		l.attempted(o)
	}()
	l.mu.Lock()
	former := l.pid
	l.mu.Unlock()
	if former.IsZero() {
		l.name()
	} else {
		<-former.Done()
		l.keeper.reportLost(former) // if it has unlinked itself
	}
	o.ref, o.err = l.keeper.set.spawn(l)
	if o.err != nil {
		_, o.logged = o.err.(interface{ Logged() bool })
		o.err = errors.Unwrap(o.err) // without what was to be done, which finders know
		o.ignored = errors.Is(o.err, actor.Ignore)
	}
}

// outcome is what an attempt has come to.
type outcome[M any] struct {
	ref     actor.Ref[M]
	err     error
	ignored bool // the entity does not want to start
	logged  bool // package actor has logged the failure as a crash
}

// name sets what the entity is called, and its Ref. A key may have methods of its own, which
// make the text, so this is without the lock.
func (l *life[K, M]) name() {
	id := l.keeper.set.cfg.ID + " " + quote.Key(l.key)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.id = id
	l.ref, l.give = supervisor.NewRef[M](id)
}

// born is called before the Init of each incarnation.
func (l *life[K, M]) born(pid actor.PID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.due && l.calls == 0 && l.finders == 0 { // nobody has come while it was down
		l.leave()
	}
	if l.state >= leaving {
		return actor.Ignore
	}
	l.pid = pid
	l.keeper.set.initBegins(pid, l)
	return nil
}

// attempted records how an attempt has gone, and decides what follows.
func (l *life[K, M]) attempted(o outcome[M]) {
	if l.isRetried(o) {
		level := slog.LevelError
		if o.logged {
			level = slog.LevelInfo
		}
		l.keeper.report(level, "supervisor: child did not start", l.id, actor.PID{}, o.err)
	}
	if r := l.settle(o); r.Restarts > 0 {
		l.keeper.restarted(r) // without the lock, for users' code hears of it
	}
}

// settle is the part of attempted that needs the lock. It returns the restart that the
// attempt was, if it was one.
func (l *life[K, M]) settle(o outcome[M]) (r supervisor.Restarted) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keeper.set.initEnds(l.pid)
	l.attempting = false
	switch {
	case l.state >= leaving:
		l.tell()
	case o.err == nil:
		if l.started > 0 {
			r = supervisor.Restarted{
				Child: l.id, Old: l.former, New: l.pid, Reason: l.former.Err(),
				Count: l.failures, Took: time.Since(l.keeper.epoch) - l.since, Restarts: l.started,
			}
		}
		l.up(o.ref)
	case l.retries(o):
		l.failure = o.err
		l.retryAfter()
	default:
		if l.isSupervised() { // otherwise it was cut short, and finders try again
			l.failure = o.err
		}
		l.leave()
	}
	return r
}

func (l *life[K, M]) isRetried(o outcome[M]) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return o.err != nil && l.retries(o)
}

// retries reports whether another attempt follows one that has failed: not after the first
// one, whose error the finders get. The caller holds the lock.
func (l *life[K, M]) retries(o outcome[M]) bool {
	return l.state == down && !o.ignored && l.isSupervised()
}

// up records a start that has succeeded. The caller holds the lock.
func (l *life[K, M]) up(ref actor.Ref[M]) {
	l.state, l.failure, l.former = running, nil, actor.PID{}
	l.started++
	l.since = time.Since(l.keeper.epoch)
	l.give(ref)
	if !l.pid.Own((*incarnation[K, M])(l)) {
		l.lose(l.pid, l.pid.Err()) // it has ended already
	}
	// Refused if the entity is doomed: then it is not to be found.
	_ = l.keeper.set.running.RegisterValue(l.key, l.pid, l)
	l.tell()
	l.due = l.due && l.finders == 0
	l.stopIfDue()
}

// retryAfter has the entity started again when its back-off is over. The caller holds the
// lock.
func (l *life[K, M]) retryAfter() {
	var timer *time.Timer
	timer = time.AfterFunc(l.keeper.set.cfg.Backoff.Wait(l.failures), func() {
		l.mu.Lock()
		due := l.retry == timer && l.state == down // or it came too late to be stopped
		if due {
			l.retry, l.attempting = nil, true
		}
		l.mu.Unlock()
		if due {
			l.attempt()
		}
	})
	l.failures++
	l.retry = timer
}

// listed returns what a snapshot shows of the entity, if it has been started.
func (l *life[K, M]) listed() (roll.Child, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pid.IsZero() {
		return roll.Child{}, false
	}
	c := roll.Child{ID: l.id, PID: l.pid, Restarts: max(l.started-1, 0)}
	if l.state == down && !l.pid.Alive() {
		c.PID = actor.PID{}
	}
	return c, true
}
