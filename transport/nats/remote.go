package nats

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Remote is the address of a named actor on some node. It is no [actor.Ref], because
// it promises less: what is sent arrives at most once, and it may be lost on the way,
// without a word. The zero Remote is nobody.
//
// It is comparable; the addresses of an actor and of the next one of that name differ.
type Remote[M any] struct {
	Node, Name string

	id    string // of the registration
	names *Names[M]
}

// TrySend sends m to the actor, or the next one of that name on the same node, and does not
// wait. What one goroutine sends arrives in order. The error says that m was not sent; it is
// nil if it was sent and got lost, or there is no such actor any more. With a [Method] one
// calls, and sends what has a context.
func (r Remote[M]) TrySend(m M) error {
	if r.names == nil {
		return fmt.Errorf("nats: send: %w", actor.NoProc)
	}
	if err := r.names.pubsub.DirectBroadcast(r.Node, topicOf(r.Name), m); err != nil {
		return fmt.Errorf("nats: send to %v: %w", r, err)
	}
	return nil
}

// String returns the name and the node.
func (r Remote[M]) String() string { return r.Name + "@" + r.Node }

// ErrNoConnection says that nothing has been heard of a node for as long as a lease
// lasts.
//
// OTP: noconnection.
var ErrNoConnection = errors.New("no connection to its node")

// Monitor has down called once, on a goroutine of its own, when the actor does not have its
// name any more. The reason is
//
//   - the actor's exit reason, if it has ended: [actor.Normal], [actor.Shutdown],
//     [actor.Killed] or [actor.Goexit] as they are, and any other one as a [*RemoteError] with
//     its text: a panic, an error, a reason that wraps one of these;
//   - [actor.NoProc], if it has ended or been unregistered before, or been unregistered, or has
//     ended and the reason is not known any more;
//   - an error that wraps [ErrNoConnection], if its node has shut its names down; or if
//     that, or this node, has been cut off for as long as a lease lasts. Then the actor may well
//     live, on its side of a split;
//   - an error that wraps [ErrClosed], if the names of this node are shut down.
//
// In each failure of the holder's node, of NATS, or of this node:
//
//   - SIGTERM: the exit reason, if its actors end before the connection is closed; otherwise it
//     is as with kill -9.
//   - kill -9, or the machine is gone: ErrNoConnection, when the lease has ended.
//   - Its node is cut off, or paused for longer than a lease: the same. If that was shorter the
//     monitor goes on.
//   - This node is cut off, or NATS stalls or is down: ErrNoConnection, when nothing has been
//     heard of the holder for a lease. If that was shorter, the monitor goes on, and tells
//     what has happened meanwhile, with the reason if the actor has ended less than a minute
//     ago.
//   - NATS has lost the bucket, restarted empty, or has it deleted: the monitor goes on when the
//     holder has claimed its name. If it has not within a lease, ErrNoConnection.
//   - This program is paused: it hears then what has happened meanwhile. Its own pause does not
//     count as the others' silence.
//
// A monitor that is stopped calls down no more, though a call that has begun may still run. If
// down panics or calls runtime.Goexit, that is logged.
//
// The leases' renewals are the heartbeats. All monitors of a node share what it is told of the
// bucket: one costs some hundred bytes here, and nothing in the server. ctx is for setting the
// monitor. Monitor panics if down is nil.
//
// OTP: erlang:monitor/2.
func (r Remote[M]) Monitor(ctx context.Context, down func(reason error)) (stop func(), err error) {
	if down == nil {
		panic("nats: Monitor: down is nil")
	}
	w := r.newWatch(down)
	return w.stop, r.monitor(ctx, w)
}

// MonitorTo is [Remote.Monitor] by an actor: the reason, as wrap makes it one of the
// actor's own messages, is sent to it, and the monitor is stopped at its end. It fails
// with an error that wraps [actor.NoProc] if the actor is dead. If wrap panics or calls
// runtime.Goexit, the actor gets an exit signal with that, as if its handler had.
// MonitorTo panics if wrap is nil.
func MonitorTo[W, M any](ctx context.Context, r Remote[M], ref actor.Ref[W], wrap func(reason error) W) (stop func(), err error) {
	if wrap == nil {
		panic("nats: MonitorTo: wrap is nil")
	}
	var w *watch
	stop = func() {
		ref.PID().Disown(w)
		w.stop()
	}
	w = r.newWatch(func(reason error) {
		stop()
		var m W
		err := actor.Guard(context.Background(), func() error {
			m = wrap(reason)
			return nil
		})
		if err != nil { // wrap is the actor's
			ref.PID().Exit(err)
			return
		}
		_ = ref.TrySend(m)
	})
	if !ref.PID().Own(w) {
		stop()
		return stop, fmt.Errorf("nats: monitor %v by %v: %w", r, ref, actor.NoProc)
	}
	if err = r.monitor(ctx, w); err != nil {
		stop()
	}
	return stop, err
}

func (r Remote[M]) newWatch(down func(error)) *watch {
	w := &watch{name: r.Name, key: keyOf(r.Name), id: r.id, down: down}
	if r.names != nil {
		w.mirror = r.names.leases.mirror
	}
	return w
}

func (r Remote[M]) monitor(ctx context.Context, w *watch) error {
	if r.names == nil {
		w.stop()
		return fmt.Errorf("nats: monitor: %w", actor.NoProc)
	}
	if err := r.names.leases.watch(ctx, w); err != nil {
		w.stop()
		return fmt.Errorf("nats: monitor %v: %w", r, err)
	}
	return nil
}

// watch is a monitor of a registration. It may be an [actor.Resource].
type watch struct {
	mirror        *mirror // nil if there is nobody to monitor
	name, key, id string
	down          func(reason error)
	over          atomic.Bool // it has been stopped, or has fired

	term  time.Duration // of the holder's lease, as far as is known
	heard time.Duration // when the holder was heard of, by the mirror's clock
}

func (w *watch) stop() {
	if !w.over.Swap(true) && w.mirror != nil {
		w.mirror.disarm(w)
	}
}

// Release implements [actor.Resource].
func (w *watch) Release(actor.PID, error) { w.stop() }

// down calls the function of a monitor.
func (l *leases) down(w *watch, reason error) {
	go l.call("the function of a monitor failed", w.name, func() { w.down(reason) })
}

// watch has a monitor wait for the end of its registration, or fire at once.
func (l *leases) watch(ctx context.Context, w *watch) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m := l.mirrored()
	if armed, err := m.arm(w); armed || err != nil {
		return err
	}
	// The mirror may be behind.
	e, settled, err := l.ask(ctx, w.key, func(e entry) bool { return e.isOf(w.id) })
	if err != nil {
		return err
	}
	armed, err := m.armBy(w, e, settled)
	if !armed && err == nil && !w.over.Swap(true) {
		l.down(w, actor.NoProc)
	}
	return err
}
