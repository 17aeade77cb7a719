package nats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

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

// Monitor has down called once, on a goroutine of its own, when the actor does not have
// its name any more. The reason is
//
//   - [actor.NoProc], if it has ended or been unregistered, or had before;
//   - [ErrNoConnection], if its node, or this one, has been cut off for as long as a lease
//     lasts. The actor may well live, on its side of a split.
//
// A monitor that is stopped calls down no more, though a call that has begun may still
// run. If down panics or calls runtime.Goexit, that is logged.
//
// The leases' renewals are the heartbeats. A monitor costs a goroutine here and a
// consumer in the server: monitor a service, not each user. It does not see why the
// actor has ended. ctx is for setting the monitor. Monitor panics if down is nil.
func (r Remote[M]) Monitor(ctx context.Context, down func(reason error)) (stop func(), err error) {
	if down == nil {
		panic("nats: Monitor: down is nil")
	}
	w := newWatch()
	return w.stop, r.monitor(ctx, w, down)
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
	w := newWatch()
	stop = func() {
		ref.PID().Disown(w)
		w.stop()
	}
	if !ref.PID().Own(w) {
		stop()
		return stop, fmt.Errorf("nats: monitor %v by %v: %w", r, ref, actor.NoProc)
	}
	err = r.monitor(ctx, w, func(reason error) {
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
	if err != nil {
		stop()
	}
	return stop, err
}

func (r Remote[M]) monitor(ctx context.Context, w *watch, down func(reason error)) error {
	if r.names == nil {
		w.stop()
		return fmt.Errorf("nats: monitor: %w", actor.NoProc)
	}
	if err := r.names.leases.watch(ctx, w, r.Name, r.id, down); err != nil {
		return fmt.Errorf("nats: monitor %v: %w", r, err)
	}
	return nil
}

// watch is a monitor. It may be an [actor.Resource].
type watch struct {
	ctx  context.Context // done when the monitor is stopped, or has fired
	stop context.CancelFunc
}

func newWatch() *watch {
	w := new(watch)
	w.ctx, w.stop = context.WithCancel(context.Background())
	return w
}

// Release implements [actor.Resource].
func (w *watch) Release(actor.PID, error) { w.stop() }

// watch watches what stands under the name, beginning with what stands there now.
func (l *leases) watch(ctx context.Context, w *watch, name, id string, down func(error)) error {
	inTime := context.AfterFunc(ctx, w.stop)
	watcher, err := l.kv.Watch(w.ctx, keyOf(name))
	if !inTime() && err == nil {
		_ = watcher.Stop()
		err = context.Cause(ctx)
	}
	if err != nil {
		w.stop()
		return err
	}
	go func() {
		reason := l.await(w.ctx, watcher, id)
		stopped := w.ctx.Err() != nil
		_ = watcher.Stop()
		w.stop()
		if !stopped {
			l.call("the function of a monitor failed", name, func() { down(reason) })
		}
	}()
	return nil
}

// await returns why the holder with the given ID does not have the name any more. It
// returns something or other when watching is over.
func (l *leases) await(watching context.Context, w jetstream.KeyWatcher, id string) error {
	silence := time.NewTimer(l.term)
	defer silence.Stop()
	for known := false; ; known = true {
		select {
		case e, ok := <-w.Updates():
			switch {
			case !ok: // the watcher has ended, by stop or with its connection
				return ErrNoConnection
			case e == nil && known: // this was all that there is
				continue
			case e == nil: // there is nothing
				return actor.NoProc
			case e.Operation() == jetstream.KeyValuePurge: // by the end of the lease
				return ErrNoConnection
			case e.Operation() == jetstream.KeyValueDelete:
				return actor.NoProc
			}
			if o, err := ownerIn(e); err != nil || o.ID != id {
				return actor.NoProc
			}
			silence.Reset(l.term)
		case <-silence.C:
			return ErrNoConnection
		case <-watching.Done():
			return context.Cause(watching)
		}
	}
}
