package supervisor

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// DynamicSpec describes a dynamic supervisor. The zero DynamicSpec is a good one.
//
// Elixir: DynamicSupervisor.init/1.
type DynamicSpec struct {
	// MaxChildren is how many children there may be at a time; 0 means any number.
	// Children that wait for a restart count.
	MaxChildren int

	// Intensity and Period are as in [Spec].
	Intensity int
	Period    time.Duration

	// OnRestart, if not nil, is called after each restart of a child.
	OnRestart func(Restarted)
}

// Dynamic is a handle of a supervisor of any number of children that have no IDs, no
// order and nothing to do with each other. To start, stop or restart a child costs the
// same however many there are.
//
// A Dynamic from [StartDynamic] or [DynamicOf] stands for one actor, and one from
// [FollowDynamic] for a child over all its restarts. It is a small value, comparable,
// and safe to use after the supervisor's end; the zero Dynamic stands for nothing. The
// methods keep the rules of those of [Tree].
//
// OTP: simple_one_for_one.
// Elixir: DynamicSupervisor.
type Dynamic struct{ at handle[dynamicRequest] }

// StartDynamic starts a dynamic supervisor, without children. It has no supervisor
// of its own: the system stops it at shutdown. The options are for its actor;
// leave its mailbox unbounded. If spec is bad, the error wraps a [*SpecError].
//
// Elixir: DynamicSupervisor.start_link/1.
func StartDynamic(sys *actor.System, spec DynamicSpec, opts ...actor.Option) (Dynamic, error) {
	ref, err := actor.Spawn(sys, newDynamicActor(spec), opts...)
	if err != nil {
		return Dynamic{}, fmt.Errorf("supervisor: start dynamic: %w", bare(err))
	}
	return Dynamic{handle[dynamicRequest]{fixed: ref}}, nil
}

// DynamicSupervisor returns a child that is a dynamic supervisor. [FollowDynamic] gives
// a handle of it. By default its Shutdown is [Infinity]. After a restart it has no
// children.
func DynamicSupervisor(id string, spec DynamicSpec, opts ...ChildOption) Child {
	d := newDraft(id, TypeSupervisor, opts)
	spawn := d.spawn
	d.Start = func(parent actor.Self) (actor.PID, error) {
		return spawned(actor.SpawnLink(parent, newDynamicActor(spec), spawn...))
	}
	return d.Child
}

// DynamicOf returns a handle of the dynamic supervisor with the given PID, for example
// from a listing or [actor.System.WhereIs]. It reports false if that actor is none.
func DynamicOf(pid actor.PID) (Dynamic, bool) {
	ref, ok := actor.RefOf[dynamicRequest](pid)
	return Dynamic{handle[dynamicRequest]{fixed: ref}}, ok
}

// PID returns the PID of the supervisor. If the Dynamic follows a child, that is the PID
// of the incarnation that lives now, or the zero PID.
func (d Dynamic) PID() actor.PID { return d.at.now().PID() }

// String returns the supervisor's PID.
func (d Dynamic) String() string { return d.PID().String() }

// StartChild starts a child. If it does not start, nothing is kept of it, and the
// error wraps the reason, [actor.Ignore] if the child did not want to. If there are
// already MaxChildren, the error wraps [ErrMaxChildren].
//
// A child is forgotten as soon as it has ended and is not to be restarted.
//
// Elixir: DynamicSupervisor.start_child/2.
func (d Dynamic) StartChild(ctx context.Context, c Child) (actor.PID, error) {
	return ask(ctx, d.at.now(), "start child", c.ID, func(r actor.Reply[actor.PID]) dynamicRequest {
		return startDynamicChild{c, r}
	})
}

// TerminateChild stops a child, or ends the attempts to restart it, and forgets
// it, whatever its [Restart]; it returns when the child has ended. A child that is
// being restarted is known by its former PID. If the PID is unknown the error wraps
// [ErrNotFound].
//
// The supervisor does nothing else until the child has ended. To end many
// children, or slow ones, ask them to end by themselves: see [actor.PID.Stop].
//
// Elixir: DynamicSupervisor.terminate_child/2.
func (d Dynamic) TerminateChild(ctx context.Context, pid actor.PID) error {
	_, err := ask(ctx, d.at.now(), "terminate child", pid.String(), func(r actor.Reply[struct{}]) dynamicRequest {
		return terminateDynamicChild{pid, r}
	})
	return err
}

// Children lists the children in no order. It takes time and memory in proportion
// to their number.
//
// Elixir: DynamicSupervisor.which_children/1.
func (d Dynamic) Children(ctx context.Context) ([]ChildInfo, error) {
	return ask(ctx, d.at.now(), "list children", "", func(r actor.Reply[[]ChildInfo]) dynamicRequest {
		return listDynamicChildren{r}
	})
}

// Count counts the children. It costs the same however many there are.
//
// Elixir: DynamicSupervisor.count_children/1.
func (d Dynamic) Count(ctx context.Context) (Count, error) {
	return ask(ctx, d.at.now(), "count children", "", func(r actor.Reply[Count]) dynamicRequest {
		return countDynamicChildren{r}
	})
}

// Stop stops all children at once, waits for each as its own [Shutdown] allows,
// and ends the supervisor with reason [actor.Shutdown]. It returns when that is
// done. See [Tree.Stop].
//
// Elixir: DynamicSupervisor.stop/3.
func (d Dynamic) Stop(ctx context.Context) error { return stop(ctx, d.PID()) }
