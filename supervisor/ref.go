package supervisor

import (
	"fmt"
	"reflect"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
)

// Ref is the typed address of a child that stays the same over its restarts. It is
// a small value, comparable, and safe to use whenever; the zero Ref is nobody.
// OTP has names for this.
//
// A Ref knows the incarnation that lives now and costs little more to use than an
// [actor.Ref]: it asks neither the supervisor nor a table. Between two incarnations
// there is nobody, and so there is for a message that the child's end overtakes.
// Who must know that a message was handled makes a call:
//
//	n, err := actor.Call(ctx, counter.Now(), func(r actor.Reply[int]) message { return get{r} })
//
// All methods may be called from any goroutine.
type Ref[M any] struct{ seat *seat[M] }

// Follow returns the child, and with it a Ref that follows it, whichever supervisor
// starts it: it may be in the Spec of one that is restarted itself. The child's
// messages must be of type M, or it does not start.
//
// It is for children of which one lives at a time. If several are started from the
// same Child, the Ref is that of the latest.
func Follow[M any](c Child) (Child, Ref[M]) {
	return follow[M](c, fmt.Sprintf("an actor with messages of type %v", reflect.TypeFor[M]()))
}

// follow is Follow for a child of which is said what it must be.
func follow[M any](c Child, what string) (Child, Ref[M]) {
	s := &seat[M]{what: what}
	return c.followedBy(s), Ref[M]{s}
}

// Now returns the address of the incarnation that lives now, or the zero one if
// none does: a call to it fails with [actor.NoProc].
func (r Ref[M]) Now() actor.Ref[M] {
	if r.seat == nil {
		return actor.Ref[M]{}
	}
	if i := r.seat.holder.Load(); i != nil {
		return i.ref
	}
	return actor.Ref[M]{}
}

// Send sends m to the incarnation that lives now. If there is none m is lost.
func (r Ref[M]) Send(m M) { r.Now().Send(m) }

// TrySend is Send that reports what it knows: see [actor.Ref.TrySend]. Between two
// incarnations it is [actor.NoProc].
func (r Ref[M]) TrySend(m M) error { return r.Now().TrySend(m) }

// PID returns the identity of the incarnation that lives now, or the zero PID.
func (r Ref[M]) PID() actor.PID { return r.Now().PID() }

// String returns the PID of the incarnation that lives now.
func (r Ref[M]) String() string { return r.PID().String() }

// seat is what all copies of a Ref share.
type seat[M any] struct {
	what   string // its holder must be
	holder atomic.Pointer[incarnation[M]]
}

// follow implements [follower].
func (s *seat[M]) follow(start starter) starter {
	return func(parent actor.Self) (actor.PID, error) {
		pid, err := start(parent)
		if err != nil || pid.IsZero() {
			return pid, err
		}
		ref, ok := actor.RefOf[M](pid)
		if !ok {
			parent.Unlink(pid)
			parent.Exit(pid, actor.Kill)
			return actor.PID{}, fmt.Errorf("%v is not %s", pid, s.what)
		}
		s.take(ref)
		return pid, nil
	}
}

// incarnation is an actor that holds a seat until it ends.
type incarnation[M any] struct {
	ref  actor.Ref[M]
	seat *seat[M]
}

func (s *seat[M]) take(ref actor.Ref[M]) {
	i := &incarnation[M]{ref, s}
	s.holder.Store(i)
	if pid := ref.PID(); !pid.Own(i) {
		i.Release(pid, nil) // it has ended already
	}
}

// Release implements [actor.Resource]: the actor has ended, and lets go of the seat
// unless another one has taken it.
func (i *incarnation[M]) Release(actor.PID, error) { i.seat.holder.CompareAndSwap(i, nil) }
