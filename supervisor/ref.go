package supervisor

import (
	"fmt"
	"reflect"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
)

// Ref is the typed address of a child that stays the same over its restarts. It is
// a small value, comparable, and safe to use before, between and after the child's
// incarnations; the zero Ref stands for nothing.
//
// A Ref knows the incarnation that lives now. It asks neither the supervisor nor a table,
// so it costs little more than an [actor.Ref]. A message is lost if it is sent between two
// incarnations, or if the child ends before it has handled the message. To know that it has
// been handled, make a call:
//
//	n, err := supervisor.Call(ctx, counter, func(r actor.Reply[int]) message { return get{r} })
//
// All methods may be called from any goroutine.
//
// OTP: {local, Name}.
type Ref[M any] struct{ seat *seat[M] }

// Follow returns the child, and a Ref that follows it, whichever supervisor starts it:
// the child may be in the Spec of a supervisor that is restarted itself. A child whose
// messages are not of type M does not start. [ActorRef] infers M.
//
// Follow is for children of which one lives at a time. If several are started from the
// same Child, the Ref is that of the latest.
func Follow[M any](c Child) (Child, Ref[M]) {
	return follow[M](c, fmt.Sprintf("an actor with messages of type %v", reflect.TypeFor[M]()))
}

// NewRef returns a Ref that stands for no actor yet, and what gives it one: a Ref for those
// that start and restart an actor themselves, as package entity does. The Ref stands for the
// latest actor that it was given, until that ends. The name is for errors.
func NewRef[M any](child string) (ref Ref[M], give func(actor.Ref[M])) {
	s := &struct { // one allocation: there may be very many
		seat[M]
		name string
	}{name: child}
	s.id.Store(&s.name)
	return Ref[M]{&s.seat}, s.take
}

// follow is Follow. If the child is no such actor, the error says that it is not what.
func follow[M any](c Child, what string) (Child, Ref[M]) {
	s := &seat[M]{what: what}
	s.rename(c.ID)
	return c.followedBy(s), Ref[M]{s}
}

// Now returns the address of the incarnation that lives now. If there is none, it is the
// zero address, to which a call fails with [actor.NoProc].
func (r Ref[M]) Now() actor.Ref[M] {
	if r.seat == nil {
		return actor.Ref[M]{}
	}
	if i := r.seat.holder.Load(); i != nil {
		return i.ref
	}
	return actor.Ref[M]{}
}

// Send sends m to the incarnation that lives now. If there is none, m is lost.
func (r Ref[M]) Send(m M) { r.Now().Send(m) }

// TrySend is Send that reports what it knows, see [actor.Ref.TrySend]. Between two
// incarnations it returns [actor.NoProc].
func (r Ref[M]) TrySend(m M) error { return r.Now().TrySend(m) }

// PID returns the PID of the incarnation that lives now, or the zero PID.
func (r Ref[M]) PID() actor.PID { return r.Now().PID() }

// String returns the PID of the incarnation that lives now.
func (r Ref[M]) String() string { return r.PID().String() }

// child says which child the Ref stands for, in the words of an error.
func (r Ref[M]) child() string {
	if r.seat == nil {
		return "no child"
	}
	return fmt.Sprintf("child %q", *r.seat.id.Load())
}

// seat is what all copies of a Ref share.
type seat[M any] struct {
	id     atomic.Pointer[string] // of the child
	what   string                 // what its holder must be, for errors
	holder atomic.Pointer[incarnation[M]]
}

func (s *seat[M]) rename(child string) { s.id.Store(&child) }

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

// Release implements [actor.Resource]: the actor has ended, and leaves the seat unless
// another one has taken it.
func (i *incarnation[M]) Release(actor.PID, error) { i.seat.holder.CompareAndSwap(i, nil) }
