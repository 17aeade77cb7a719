package entity

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/internal/quote"
	"github.com/troupe-go/troupe/supervisor"
)

// start starts the tree of a life and in it the entity, on a goroutine of its own: no
// finder's end may cut that short. It ends with the supervisors that it asks.
func (l *life[K, M]) start() {
	ctx := context.Background()
	id, err := l.id()
	if err != nil {
		l.startNothing(err)
		return
	}
	pid, err := l.set.sup.StartChild(ctx, supervisor.Supervisor(id, l.spec(), supervisor.Temporary))
	if err != nil {
		l.startNothing(errors.Unwrap(err)) // without what was to be done, which finders know
		return
	}
	tree, _ := supervisor.TreeOf(pid)
	if !l.settle(tree) {
		return
	}
	c := l.set.newChild(l, id)
	c.Start = l.watched(c.Start)
	c, l.ref = supervisor.Follow[M](c)
	pid, err = tree.StartChild(ctx, c)
	switch {
	case err == nil && pid.IsZero():
		l.fail(actor.Ignore)
	case err == nil:
		l.up(pid)
	case l.isSupervised():
		l.fail(errors.Unwrap(err))
	default:
		l.fail(nil) // finders try again
	}
}

// startNothing ends a life without a tree.
func (l *life[K, M]) startNothing(err error) {
	l.fail(err)
	l.set.forget(l)
}

// id returns what the entity is called. A key may have methods of its own, which make the
// text.
func (l *life[K, M]) id() (id string, err error) {
	err = actor.Guard(context.Background(), func() error {
		id = l.set.cfg.ID + " " + quote.Key(l.key)
		return nil
	})
	return id, err
}

// spec describes the tree of a life. It never gives up: the entity's back-off is what
// bounds the restarts, and no other entity has to pay for them.
func (l *life[K, M]) spec() supervisor.Spec {
	return supervisor.Spec{
		Intensity: math.MaxInt,
		Period:    time.Nanosecond,
		OnRestart: func(r supervisor.Restarted) { l.up(r.New) },
	}
}

// settle notes the tree. It reports false if that has ended.
func (l *life[K, M]) settle(tree supervisor.Tree) bool {
	info, _ := tree.PID().Info() // if it is ending, so is the life
	h := (*household[K, M])(l)
	l.mu.Lock()
	l.tree, l.above = tree, [2]actor.PID{tree.PID(), info.Parent}
	if l.state == leaving { // by Stop
		go l.stop(l.pid, tree)
	}
	l.mu.Unlock()
	if !tree.PID().Own(h) {
		h.Release(tree.PID(), nil)
		return false
	}
	return true
}

// fail ends a life whose first start has failed. If it is known why, that says more than
// err; if neither does, finders try again.
func (l *life[K, M]) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure == nil {
		l.failure = err
	}
	l.leave()
}

// watched returns a Start that does what start does and notes how that went.
func (l *life[K, M]) watched(start func(actor.Self) (actor.PID, error)) func(actor.Self) (actor.PID, error) {
	return func(parent actor.Self) (pid actor.PID, err error) {
		err = actor.Goexit // if start does not return
		defer func() { l.attempted(err) }()
		pid, err = start(parent)
		return pid, err
	}
}

// born is called before the Init of each incarnation.
func (l *life[K, M]) born(pid actor.PID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.due && l.calls == 0 && l.finders == 0 { // nobody has come while it was down
		l.leave()
	}
	if l.state == leaving {
		return actor.Ignore
	}
	l.pid = pid
	l.set.initBegins(pid, l)
	return nil
}

// attempted records that a start has succeeded or failed.
func (l *life[K, M]) attempted(err error) {
	l.note(err)
	if errors.Is(err, actor.Ignore) { // its tree would go on without it
		l.mu.Lock()
		defer l.mu.Unlock()
		l.leave()
	}
}

func (l *life[K, M]) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set.initEnds(l.pid)
	if err != nil && l.state != leaving && l.isSupervised() { // or it was cut short
		l.failure = err
	}
}
