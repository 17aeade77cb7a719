package supervisor

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// DynamicSpec describes a dynamic supervisor. The zero DynamicSpec is a good one.
type DynamicSpec struct {
	// MaxChildren is how many children there may be at a time; 0 means any number.
	// Those that wait for a restart to be tried again count.
	MaxChildren int

	// Intensity and Period are as in [Spec].
	Intensity int
	Period    time.Duration

	// OnRestart, if not nil, is called after each restart of a child.
	OnRestart func(Restarted)
}

// Dynamic is a supervisor of any number of children that have no IDs, no order and
// nothing to do with each other, as its clients see it: Elixir's
// DynamicSupervisor, OTP's simple_one_for_one. To start, stop or restart a child
// costs the same however many there are.
//
// One from [StartDynamic] or [DynamicOf] stands for one actor, one from
// [FollowDynamic] for a child over all its restarts. It is a small value, comparable,
// and safe to use after the supervisor's end; the zero Dynamic is nobody. What is
// said of the methods of [Tree] holds here, too.
type Dynamic struct{ at handle[dynamicRequest] }

// StartDynamic starts a dynamic supervisor, without children. It has no supervisor
// of its own: the system stops it at shutdown. The options are for its actor;
// leave its mailbox unbounded. If spec is bad, the error is a [*SpecError].
func StartDynamic(sys *actor.System, spec DynamicSpec, opts ...actor.Option) (Dynamic, error) {
	ref, err := actor.Spawn(sys, newDynamicActor(spec), opts...)
	if err != nil {
		return Dynamic{}, fmt.Errorf("supervisor: start dynamic: %w", bare(err))
	}
	return Dynamic{handle[dynamicRequest]{fixed: ref}}, nil
}

// DynamicSupervisor returns a child that is a dynamic supervisor. [FollowDynamic] and
// [DynamicOf] get at it. By default its Shutdown is [Infinity]. At a restart it starts
// anew, without children.
func DynamicSupervisor(id string, spec DynamicSpec, opts ...ChildOption) Child {
	d := newDraft(id, TypeSupervisor, opts)
	spawn := d.spawn
	d.Start = func(parent actor.Self) (actor.PID, error) {
		return spawned(actor.SpawnLink(parent, newDynamicActor(spec), spawn...))
	}
	return d.Child
}

// DynamicOf returns the dynamic supervisor with the given PID, which a listing or
// [actor.System.WhereIs] has told. It reports false if that actor is none.
func DynamicOf(pid actor.PID) (Dynamic, bool) {
	ref, ok := actor.RefOf[dynamicRequest](pid)
	return Dynamic{handle[dynamicRequest]{fixed: ref}}, ok
}

// PID returns the supervisor's identity: that of the incarnation that lives now, or
// the zero PID, if the Dynamic follows a child.
func (d Dynamic) PID() actor.PID { return d.at.now().PID() }

// String returns the supervisor's PID.
func (d Dynamic) String() string { return d.PID().String() }

// StartChild starts a child. If it does not start, nothing is kept of it, and the
// error wraps the reason: [actor.Ignore] if it did not want to. If there are
// MaxChildren already, the error wraps [ErrMaxChildren].
//
// A child is forgotten as soon as it has ended and is not to be restarted.
func (d Dynamic) StartChild(ctx context.Context, c Child) (actor.PID, error) {
	return ask(ctx, d.at.now(), "start child", c.ID, func(r actor.Reply[actor.PID]) dynamicRequest {
		return startDynamicChild{c, r}
	})
}

// TerminateChild stops a child, or ends the attempts to restart it, and forgets
// it, whatever its [Restart]; it returns when the child has ended. A child that is
// being restarted goes by its former PID. The error of an unknown PID wraps
// [ErrNotFound].
//
// The supervisor does nothing else until the child has ended. To end many
// children, or slow ones, ask them to end by themselves: see [actor.PID.Stop].
func (d Dynamic) TerminateChild(ctx context.Context, pid actor.PID) error {
	_, err := ask(ctx, d.at.now(), "terminate child", pid.String(), func(r actor.Reply[struct{}]) dynamicRequest {
		return terminateDynamicChild{pid, r}
	})
	return err
}

// Children lists the children in no order. It takes time and memory in proportion
// to their number.
func (d Dynamic) Children(ctx context.Context) ([]ChildInfo, error) {
	return ask(ctx, d.at.now(), "list children", "", func(r actor.Reply[[]ChildInfo]) dynamicRequest {
		return listDynamicChildren{r}
	})
}

// Count counts the children. It costs the same however many there are.
func (d Dynamic) Count(ctx context.Context) (Count, error) {
	return ask(ctx, d.at.now(), "count children", "", func(r actor.Reply[Count]) dynamicRequest {
		return countDynamicChildren{r}
	})
}

// Stop stops all children at once, waits for each as its own [Shutdown] allows,
// and ends the supervisor with reason [actor.Shutdown]. It returns when that is
// done. See [Tree.Stop].
func (d Dynamic) Stop(ctx context.Context) error { return stop(ctx, d.PID()) }
