package supervisor

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/actor"
)

// Tree is a handle of a supervisor whose children have IDs and an order. A Tree from
// [Start] or [TreeOf] stands for one actor, and one from [FollowTree] for a child over all
// its restarts. It is a small value, comparable, and safe to use after the supervisor's
// end; the zero Tree stands for nothing.
//
// All methods may be called from any goroutine, but not from the Init of a child, because
// the supervisor waits for that. They wait until ctx is done and then return ctx's error;
// the request may still be carried out. But a child that is being started when its caller
// gives up is stopped again, as by TerminateChild, and a StartChild leaves nothing of it.
// If the supervisor has ended, the error wraps [actor.NoProc].
//
// OTP: supervisor.
type Tree struct{ at handle[treeRequest] }

// Start starts a supervisor and its children, and returns when all of them have
// been started. It has no supervisor of its own: the system stops it at shutdown.
// The options are for its actor; leave its mailbox unbounded. A whole program is better
// started as a [Program].
//
// If spec is bad, the error wraps a [*SpecError]. If a child does not start, the children
// before it are stopped in reverse order and the error wraps that child's.
//
// OTP: supervisor:start_link/2.
func Start(sys *actor.System, spec Spec, opts ...actor.Option) (Tree, error) {
	ref, err := actor.Spawn(sys, newTreeActor(spec), opts...)
	if err != nil {
		return Tree{}, fmt.Errorf("supervisor: start: %w", bare(err))
	}
	return Tree{handle[treeRequest]{fixed: ref}}, nil
}

// Supervisor returns a child that is a supervisor itself. [FollowTree] gives a handle of
// it. By default its Shutdown is [Infinity], so that it has the time that its children
// need. After a restart it has the children in spec.
func Supervisor(id string, spec Spec, opts ...ChildOption) Child {
	d := newDraft(id, TypeSupervisor, opts)
	spawn := d.spawn
	spec = spec.namedAfter(id)
	d.Start = func(parent actor.Self) (actor.PID, error) {
		return spawned(actor.SpawnLink(parent, newTreeActor(spec), spawn...))
	}
	return d.Child
}

// TreeOf returns a handle of the supervisor with the given PID, for example from a listing
// or [actor.System.WhereIs]. It reports false if that actor is none.
func TreeOf(pid actor.PID) (Tree, bool) {
	ref, ok := actor.RefOf[treeRequest](pid)
	return Tree{handle[treeRequest]{fixed: ref}}, ok
}

// PID returns the PID of the supervisor. If the Tree follows a child, that is the PID of
// the incarnation that lives now, or the zero PID.
func (t Tree) PID() actor.PID { return t.at.now().PID() }

// String returns the supervisor's PID.
func (t Tree) String() string { return t.PID().String() }

// StartChild adds a child after all others and starts it. If it does not start, it
// is not kept, and the error wraps the reason. If the ID is taken, the error wraps
// an [*AlreadyStartedError] or [ErrAlreadyPresent]. A child that did not want to
// start, see [actor.Ignore], has the zero PID.
//
// OTP: supervisor:start_child/2.
func (t Tree) StartChild(ctx context.Context, c Child) (actor.PID, error) {
	return ask(ctx, t.at.now(), "start child", c.ID, func(r actor.Reply[actor.PID]) treeRequest {
		return startChild{c, r}
	})
}

// TerminateChild stops a child, or ends the attempts to restart it, and returns
// when it has ended. Its description stays, for RestartChild, unless it is
// Temporary. If the ID is unknown the error wraps [ErrNotFound].
//
// OTP: supervisor:terminate_child/2.
func (t Tree) TerminateChild(ctx context.Context, id string) error {
	_, err := ask(ctx, t.at.now(), "terminate child", id, func(r actor.Reply[struct{}]) treeRequest {
		return terminateChild{id, r}
	})
	return err
}

// RestartChild starts a child that is at rest: one that was terminated, that has
// ended for good, or that did not want to start. If it does not start, the error
// wraps the reason and the child stays at rest. For other children the error wraps
// [ErrNotFound], [ErrRunning] or [ErrRestarting].
//
// OTP: supervisor:restart_child/2.
func (t Tree) RestartChild(ctx context.Context, id string) (actor.PID, error) {
	return ask(ctx, t.at.now(), "restart child", id, func(r actor.Reply[actor.PID]) treeRequest {
		return restartChild{id, r}
	})
}

// DeleteChild removes the description of a child that is at rest. For other children the
// error wraps [ErrNotFound], [ErrRunning] or [ErrRestarting].
//
// OTP: supervisor:delete_child/2.
func (t Tree) DeleteChild(ctx context.Context, id string) error {
	_, err := ask(ctx, t.at.now(), "delete child", id, func(r actor.Reply[struct{}]) treeRequest {
		return deleteChild{id, r}
	})
	return err
}

// ChangeChild gives the child with the ID of c the description c. A child that runs
// goes on; c decides what its next end means, how long it may take to stop, and what is
// started at the next restart. A restart that waits for the Backoff of the old description
// is tried at once. To replace a running child call TerminateChild and then RestartChild.
//
// A child that is at rest stays so, even if c is Temporary. Handles that follow the
// child, such as a [Ref], also follow what c starts. Like all changes by request, this one
// is lost when the supervisor is restarted itself and starts with its Spec.
//
//	c, err := tree.ChildSpec(ctx, "store")
//	…
//	c.Shutdown = supervisor.Shutdown(time.Minute)
//	err = tree.ChangeChild(ctx, c)
//
// If c is bad the error wraps a [*SpecError] and nothing has changed. If the ID is unknown
// it wraps [ErrNotFound].
//
// OTP: supervisor:code_change/3.
func (t Tree) ChangeChild(ctx context.Context, c Child) error {
	_, err := ask(ctx, t.at.now(), "change child", c.ID, func(r actor.Reply[struct{}]) treeRequest {
		return changeChild{c, r}
	})
	return err
}

// Child returns what Children lists of one child. If the ID is unknown the error wraps
// [ErrNotFound].
//
// OTP: supervisor:which_child/2.
func (t Tree) Child(ctx context.Context, id string) (ChildInfo, error) {
	return ask(ctx, t.at.now(), "find child", id, func(r actor.Reply[ChildInfo]) treeRequest {
		return whichChild{id, r}
	})
}

// ChildSpec returns the description of a child with defaults filled in. If the ID is
// unknown the error wraps [ErrNotFound].
//
// OTP: supervisor:get_childspec/2.
func (t Tree) ChildSpec(ctx context.Context, id string) (Child, error) {
	return ask(ctx, t.at.now(), "describe child", id, func(r actor.Reply[Child]) treeRequest {
		return childSpec{id, r}
	})
}

// Children lists the children, newest first.
//
// OTP: supervisor:which_children/1.
func (t Tree) Children(ctx context.Context) ([]ChildInfo, error) {
	return ask(ctx, t.at.now(), "list children", "", func(r actor.Reply[[]ChildInfo]) treeRequest {
		return listChildren{r}
	})
}

// Count counts the children.
//
// OTP: supervisor:count_children/1.
func (t Tree) Count(ctx context.Context) (Count, error) {
	return ask(ctx, t.at.now(), "count children", "", func(r actor.Reply[Count]) treeRequest {
		return countChildren{r}
	})
}

// Stop stops the children in reverse order, then the supervisor, with reason
// [actor.Shutdown], and returns when it has ended. See [actor.PID.Stop] for the
// errors. If ctx is done first the supervisor goes on stopping; a kill cuts it
// short. If an actor below the supervisor had to be abandoned, now or earlier, and its
// handler still runs, the error is a [*StuckError]; nil means that nothing runs.
func (t Tree) Stop(ctx context.Context) error { return stop(ctx, t.PID()) }

func stop(ctx context.Context, pid actor.PID) error {
	if err := pid.Stop(ctx, actor.Shutdown); err != nil {
		cause := errors.Unwrap(err)
		if _, byItself := cause.(*ending); !byItself { // that is a shutdown, too
			return fmt.Errorf("supervisor: stop %s: %w", subject(pid), cause)
		}
	}
	if stuck := pid.Stuck(); len(stuck) > 0 {
		return &StuckError{pid, stuck}
	}
	return nil
}

// ChildInfo is what Children lists of a child.
type ChildInfo struct {
	ID         string    // "" in a dynamic supervisor
	PID        actor.PID // zero if the child does not run
	Restarting bool      // a restart will be tried: it failed before, or must wait
	Type       Type
	Restarts   int // how often its supervisor has restarted it
}

// Count is what the Count methods return.
type Count struct {
	Specs       int // all children, whether they run or not
	Active      int // those that run
	Supervisors int // those of TypeSupervisor, whether they run or not
	Workers     int // those of TypeWorker, whether they run or not
}
