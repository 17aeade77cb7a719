package ws

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// The figures of a drain, unless others are given; they are Phoenix's.
const (
	drainBatch    = 10_000
	drainInterval = 2 * time.Second
	drainLimit    = 30 * time.Second
)

// Drain closes the open connections in batches, with code 1012, and waits for a moment
// after each batch but the last, so that the clients do not all reconnect elsewhere at the
// same time; see [Config]. Channels that linger end at once: their tokens hold at this
// endpoint only, and their clients join anew, elsewhere. New connections are refused from the
// start, with status 503. [supervisor.Program] has a field for it.
//
// Drain returns when the last batch has been told, or with ctx's error, or after
// 30 s if ctx has no deadline. The end of the endpoint comes next, and closes what is
// left. An endpoint that is restarted instead lets clients in again.
func (e *Endpoint) Drain(ctx context.Context) error {
	batch, interval := cmp.Or(e.cfg.DrainBatch, drainBatch), cmp.Or(e.cfg.DrainInterval, drainInterval)
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, drainLimit)
		defer cancel()
	}
	in := e.current.Load()
	if in == nil {
		return fmt.Errorf("ws: drain: %w", actor.NoProc)
	}
	in.refuse()
	sockets, err := in.sockets.Children(ctx)
	if err != nil {
		return fmt.Errorf("ws: drain: %w", err)
	}
	lingering := int(e.lingering.Load())
	sockets = e.withConnection(sockets)
	if len(sockets) == 0 && lingering > 0 {
		e.drained(0, batch, 0, interval, lingering)
	}
	for i, socket := range sockets {
		if i > 0 && i%batch == 0 {
			pause := time.NewTimer(interval)
			select {
			case <-pause.C:
			case <-ctx.Done():
				pause.Stop()
				return fmt.Errorf("ws: drain: %d of %d connections are left: %w", len(sockets)-i, len(sockets), ctx.Err())
			}
		}
		if i%batch == 0 {
			e.drained(i, batch, len(sockets), interval, lingering)
			lingering = 0
		}
		if ref, ok := actor.RefOf[sessionMsg](socket.PID); ok {
			ref.Send(sessionMsg{op: opDrain})
		}
	}
	return nil
}

// withConnection returns the sessions that have a connection, of those given, and ends the
// others: the channels that linger there, which nobody can come back to.
func (e *Endpoint) withConnection(sessions []supervisor.ChildInfo) []supervisor.ChildInfo {
	gone := map[actor.PID]bool{}
	for s := range e.directory.all {
		if s.isGone() {
			gone[s.session.PID()] = true
			s.session.Send(sessionMsg{op: opDrain})
		}
	}
	return slices.DeleteFunc(sessions, func(c supervisor.ChildInfo) bool { return gone[c.PID] })
}

// drained tells the observers of the batch that begins with connection i of total.
func (e *Endpoint) drained(i, batch, total int, interval time.Duration, lingering int) {
	for m := range e.mounts {
		if s := &e.mounts[m]; s.Observe != nil {
			e.emitApart(s, Drained{
				Count: min(batch, total-i), Total: total,
				Index: i/batch + 1, Rounds: max(1, (total+batch-1)/batch),
				Interval: interval, Lingering: lingering,
			})
		}
	}
}
