package nats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
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
// If NATS has lost the bucket, the monitor goes on when the holder has claimed its name, and
// reports ErrNoConnection when that has not come about within a lease.
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
	v := &vigil{leases: l, name: name, id: id, life: w.ctx, term: l.term}
	err := v.open(ctx)
	if errors.Is(err, errNoBucket) {
		if _, err = l.tend(ctx); err == nil {
			err = v.open(ctx)
		}
	}
	if err != nil {
		w.stop()
		return err
	}
	go func() {
		reason := v.keep()
		stopped := w.ctx.Err() != nil
		w.stop()
		if !stopped {
			l.call("the function of a monitor failed", name, func() { down(reason) })
		}
	}()
	return nil
}

// vigil is what a monitor knows of the holder.
//
// A watcher goes with its bucket, and says nothing of it. So when a renewal is overdue, there
// is another one, which begins with what stands there now.
type vigil struct {
	*leases
	name, id string
	life     context.Context // of the monitor

	watcher jetstream.KeyWatcher
	stop    context.CancelFunc // of watcher
	known   bool               // the watcher has told what stood there

	term  time.Duration // of the holder's lease
	heard time.Time     // when the holder was heard of
	fresh bool          // the watcher has begun since
}

// open begins to watch, within ctx.
func (v *vigil) open(ctx context.Context) error {
	life, stop := context.WithCancel(v.life)
	inTime := context.AfterFunc(ctx, stop)
	watcher, err := v.leases.bucket.watch(life, keyOf(v.name))
	if !inTime() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		stop() // and so the watcher, if there is one
		return err
	}
	v.watcher, v.stop, v.known = watcher, stop, false
	return nil
}

// errSilent says that nothing was heard of a holder for too long.
var errSilent = errors.New("nothing heard")

// keep returns why the holder does not have the name any more. It returns something or other
// when the monitor has been stopped.
func (v *vigil) keep() error {
	v.heard = time.Now()
	for {
		reason := v.await()
		v.stop()
		switch {
		case reason != errSilent:
			return reason
		case v.fresh || !v.reopen():
			return ErrNoConnection
		}
		v.fresh = true
	}
}

// reopen opens another watcher, while there is time.
func (v *vigil) reopen() bool {
	ctx, cancel := context.WithDeadline(v.life, v.heard.Add(v.term))
	defer cancel()
	for {
		err := v.open(ctx)
		if err == nil || errors.Is(err, nats.ErrConnectionClosed) {
			return err == nil
		}
		again := time.NewTimer(v.term / 20)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return false
		}
	}
}

// await returns why the holder does not have the name any more, or errSilent.
func (v *vigil) await() error {
	silence := time.NewTimer(v.patience())
	defer silence.Stop()
	for {
		select {
		case e, ok := <-v.watcher.Updates():
			if !ok {
				return errSilent // the watcher has ended, by stop or with its connection
			}
			if heard, reason := v.take(e); reason != nil {
				return reason
			} else if heard {
				v.heard, v.fresh = time.Now(), false
				silence.Reset(v.patience())
			}
		case <-silence.C:
			return errSilent
		case <-v.life.Done():
			return context.Cause(v.life)
		}
	}
}

// patience is for how long nothing need be heard. Renewals come three times in a lease.
func (v *vigil) patience() time.Duration {
	limit := v.term
	if !v.fresh {
		limit = 2 * v.term / 3
	}
	return time.Until(v.heard.Add(limit))
}

// take reports whether what the watcher tells is a sign of life, or returns why the holder
// does not have the name any more.
func (v *vigil) take(e jetstream.KeyValueEntry) (heard bool, reason error) {
	known := v.known
	v.known = true
	switch {
	case e == nil && (known || !v.vacant()): // this was all that there is
		return false, nil
	case e == nil:
		return false, actor.NoProc
	case e.Operation() == jetstream.KeyValuePurge: // by the end of the lease
		return false, ErrNoConnection
	case e.Operation() == jetstream.KeyValueDelete:
		return false, actor.NoProc
	}
	o, err := ownerIn(e.Value())
	if err != nil || o.ID != v.id {
		return false, actor.NoProc
	}
	if o.Lease > 0 {
		v.term = o.Lease
	}
	return true, nil
}

// vacant reports whether nobody has the name, if the bucket has nothing under it: in a new
// bucket the holder may not have claimed it yet.
func (v *vigil) vacant() bool {
	ctx, cancel := context.WithDeadline(v.life, v.heard.Add(v.term))
	defer cancel()
	now, err := v.tend(ctx)
	return err == nil && now.Open
}
