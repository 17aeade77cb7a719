package entity

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// Hold is [Set.Find] that keeps the entity as well: until the actor holder has ended or
// release is called, whichever comes first. When the last holder has gone the entity runs
// on for [Config].Linger. If no other comes meanwhile it is then stopped, as by [Set.Stop];
// a Find, a Hold or a [Call] that comes too late for that waits and gets the next one.
//
// An actor may hold an entity several times; each has a release of its own. That may be
// called from any goroutine and more than once; an actor that holds the entity for its
// whole life needs none. An entity that crashes and is restarted stays held; one that has
// ended for good is not started again for those that hold it: to hear of that, monitor the
// PID of the Ref.
//
// An entity that was never held runs until it ends by itself or is stopped.
func (s *Set[K, M]) Hold(ctx context.Context, holder actor.PID, key K) (ref supervisor.Ref[M], release func(), err error) {
	l, err := s.enter(ctx, "hold", key, holding)
	if err != nil {
		return ref, func() {}, err
	}
	h := &hold{drop: func() { l.drop(holding) }}
	if !holder.Own(h) {
		h.end()
		return ref, func() {}, &failure{"hold", s.cfg.ID, key, errNoHolder, nil}
	}
	release = func() {
		holder.Disown(h)
		h.end()
	}
	return l.ref, release, nil
}

// hold is one holder's hold. It is owned by the holder.
type hold struct {
	drop  func()
	ended atomic.Bool
}

// Release implements [actor.Resource]: the holder has ended.
func (h *hold) Release(actor.PID, error) { h.end() }

func (h *hold) end() {
	if !h.ended.Swap(true) {
		h.drop()
	}
}

// stake is how a life is used.
type stake uint8

const (
	finding stake = iota // it may end
	calling              // it may not end by lack of holders while the call lasts
	holding
)

// take uses the life. It reports false if the life is about to be over.
func (l *life[K, M]) take(as stake) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state >= leaving || l.state != starting && !l.isSupervised() {
		return false
	}
	switch as {
	case finding:
		l.finders++
	case calling:
		l.calls++
	case holding:
		l.holders++
		l.due = false
		if l.linger != nil {
			l.linger.Stop()
			l.linger = nil
		}
	}
	return true
}

// drop ends a use of the life.
func (l *life[K, M]) drop(as stake) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch as {
	case finding:
		l.finders--
	case calling:
		l.calls--
	case holding:
		if l.holders--; l.holders == 0 && l.state < leaving {
			l.lingers()
		}
	}
	l.stopIfDue()
}

// lingers has the life end when the time has come. The caller holds the lock.
func (l *life[K, M]) lingers() {
	if l.keeper.set.cfg.Linger == 0 {
		l.due = true
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(l.keeper.set.cfg.Linger, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.linger == timer { // or it came too late to be stopped
			l.linger, l.due = nil, true
			l.stopIfDue()
		}
	})
	l.linger = timer
}

// stopIfDue stops an entity that has had holders and has no user any more. One that is down
// keeps its key until its back-off is over, or the next one would start without, see
// [life.born]. The caller holds the lock.
func (l *life[K, M]) stopIfDue() {
	if l.due && l.calls == 0 && l.state == running {
		l.leave()
	}
}
