package nats

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/actor"
)

// leases are the names that the actors of this node have, and how they keep them.
type leases struct {
	kv   jetstream.KeyValue
	term time.Duration
	log  *slog.Logger
	lost func(*holding) // called when a name has been lost, and not by its actor

	renewing, giving context.Context // of what runs in the background
	stop, hurry      context.CancelFunc
	busy             sync.WaitGroup

	mu     sync.Mutex
	held   map[string]*holding
	closed bool // nothing is added any more
	over   bool // nothing begins in the background any more
}

// holding is a name that an actor of this node has, or is about to get. It is an
// [actor.Resource] of that actor.
//
// It is held while it is in the table of leases. The goroutine that takes it out gives it
// up in the bucket, after what another goroutine is doing there for it.
type holding struct {
	leases *leases
	name   string
	pid    actor.PID
	value  []byte // what stands in the bucket; no other one's is the same

	remote   sync.Mutex  // held during calls of the bucket that change revision
	revision uint64      // of the last value that is known to be in the bucket; 0: none
	timer    *time.Timer // when the lease has ended for this node; nil until it is taken
}

var errHeld = errors.New("held by this node")

func newLeases(kv jetstream.KeyValue, term time.Duration, log *slog.Logger, lost func(*holding)) *leases {
	l := &leases{kv: kv, term: term, log: log, lost: lost, held: make(map[string]*holding)}
	l.renewing, l.stop = context.WithCancel(context.Background())
	l.giving, l.hurry = context.WithCancel(context.Background())
	l.busy.Go(l.run)
	return l
}

// add puts h into the table, and makes it the actor's. The other order would leave
// a name to an actor that has ended in between.
func (l *leases) add(h *holding) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return ErrClosed
	case l.held[h.name] != nil:
		return errHeld
	}
	l.held[h.name] = h
	if !h.pid.Alive() || !h.pid.Own(h) {
		delete(l.held, h.name)
		return actor.NoProc
	}
	return nil
}

// remove takes h out of the table. It reports whether it was there: only one of
// those who want to end a holding does.
func (l *leases) remove(h *holding) bool {
	l.mu.Lock()
	was := l.held[h.name] == h
	if was {
		delete(l.held, h.name)
	}
	l.mu.Unlock()
	if was {
		h.pid.Disown(h)
	}
	return was
}

func (l *leases) find(name string) *holding {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held[name]
}

func (l *leases) holds(h *holding) bool { return l.find(h.name) == h }

// background runs f on a goroutine that close waits for, unless that is over.
func (l *leases) background(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.busy.Go(f)
	}
}

// keyOf returns what a name is called in the bucket, where not any string may be.
func keyOf(name string) string { return "n" + base64.RawURLEncoding.EncodeToString([]byte(name)) }

// lookup returns who has the name.
func (l *leases) lookup(ctx context.Context, name string) (*owner, error) {
	e, err := l.kv.Get(ctx, keyOf(name))
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound): // or deleted
		return nil, actor.NoProc
	case err != nil:
		return nil, err
	}
	return ownerIn(e)
}

func ownerIn(e jetstream.KeyValueEntry) (*owner, error) {
	o := new(owner)
	return o, json.Unmarshal(e.Value(), o)
}

// take writes the name into the bucket. It returns the holder if there is one. If it
// fails or there is one, h is not held any more.
func (h *holding) take(ctx context.Context) (*owner, error) {
	l := h.leases
	h.remote.Lock()
	defer h.remote.Unlock()
	var holder *owner
	began := time.Now()
	revision, err := l.kv.Create(ctx, keyOf(h.name), h.value)
	for errors.Is(err, jetstream.ErrKeyExists) {
		if holder, err = l.lookup(ctx, h.name); err == actor.NoProc { // gone meanwhile
			began = time.Now()
			revision, err = l.kv.Create(ctx, keyOf(h.name), h.value)
		}
	}
	switch {
	case err == nil && holder == nil:
		h.revision = revision
		h.timer = time.AfterFunc(l.left(began), h.expire)
		if l.holds(h) {
			return nil, nil
		}
		// It has ended meanwhile; the goroutine that took it out may have looked for it
		// in the bucket before it was there. If this fails, the end of the lease does it.
		_ = h.strike(ctx)
		return nil, l.gone()
	case err != nil:
		l.background(h.drop) // it may be in the bucket, without our knowing
	}
	l.remove(h)
	return holder, err
}

// gone says why a holding has ended that nobody else has taken.
func (l *leases) gone() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	return actor.NoProc
}

// left returns for how long a lease goes on for this node, if it was asked for at
// the given time. For the bucket it lasts longer, by the way there and a tenth: so
// this node knows of its end before anybody else can have the name, although no two
// clocks run alike.
func (l *leases) left(asked time.Time) time.Duration {
	return l.term - l.term/10 - time.Since(asked)
}

// run renews the leases.
func (l *leases) run() {
	tick := time.NewTicker(l.term / 3)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.renewAll()
		case <-l.renewing.Done():
			return
		}
	}
}

// parallel is how many renewals are on their way at a time.
const parallel = 16

func (l *leases) renewAll() {
	l.mu.Lock()
	todo := make(chan *holding, len(l.held))
	for _, h := range l.held {
		todo <- h
	}
	l.mu.Unlock()
	close(todo)
	ctx, cancel := context.WithTimeout(l.renewing, l.term/3)
	defer cancel()
	var renewing sync.WaitGroup
	for range min(parallel, len(todo)) {
		renewing.Go(func() {
			for h := range todo {
				h.renew(ctx)
			}
		})
	}
	renewing.Wait()
}

// renew begins the lease anew. If that fails for want of an answer, there is time to
// try again until the timer strikes.
func (h *holding) renew(ctx context.Context) {
	l := h.leases
	h.remote.Lock()
	defer h.remote.Unlock()
	if h.revision == 0 || !l.holds(h) {
		return // not taken yet, or not held any more
	}
	began := time.Now()
	revision, err := l.kv.Update(ctx, keyOf(h.name), h.value, h.revision)
	if errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		// By a renewal whose answer was lost, or by somebody else.
		var e jetstream.KeyValueEntry
		e, err = l.kv.Get(ctx, keyOf(h.name))
		switch {
		case err == nil && bytes.Equal(e.Value(), h.value):
			began = time.Now()
			revision, err = l.kv.Update(ctx, keyOf(h.name), h.value, e.Revision())
		case err == nil, errors.Is(err, jetstream.ErrKeyNotFound):
			l.background(h.expire) // which waits for this one
			return
		}
	}
	if err != nil {
		if l.renewing.Err() == nil {
			l.log.Warn("lease of a name not renewed", "name", h.name, "pid", h.pid, "error", err)
		}
		return
	}
	h.revision = revision
	h.timer.Reset(l.left(began))
}

// expire ends a holding whose lease has ended.
func (h *holding) expire() {
	l := h.leases
	if !l.remove(h) {
		return
	}
	l.log.Error("lease of a name lost", "name", h.name, "pid", h.pid)
	l.background(h.drop) // a renewal may have come through after all
	l.lost(h)
}

// call calls a function of the program's, and logs if that fails. It does not wait for
// one that has not returned when the names are closed and there is no time left.
func (l *leases) call(failure, name string, f func()) {
	err := actor.Guard(l.giving, func() error {
		f()
		return nil
	})
	if err != nil && err != context.Cause(l.giving) {
		l.log.Error(failure, "name", name, "error", err)
	}
}

// Release gives the name up at the actor's end. It implements [actor.Resource].
func (h *holding) Release(actor.PID, error) {
	if h.leases.remove(h) {
		h.leases.background(h.drop)
	}
}

// drop is giveUp in the background. If it fails, the end of the lease does it.
func (h *holding) drop() {
	ctx, cancel := context.WithTimeout(h.leases.giving, h.leases.term)
	defer cancel()
	if err := h.giveUp(ctx); err != nil {
		h.leases.log.Warn("name not given up", "name", h.name, "pid", h.pid, "error", err)
	}
}

// giveUp takes the name out of the bucket, if it is there and this one's.
func (h *holding) giveUp(ctx context.Context) error {
	h.remote.Lock()
	defer h.remote.Unlock()
	return h.strike(ctx)
}

// strike is giveUp with the lock.
func (h *holding) strike(ctx context.Context) error {
	kv, key := h.leases.kv, keyOf(h.name)
	if h.timer != nil {
		h.timer.Stop()
	}
	if h.revision != 0 {
		err := kv.Delete(ctx, key, jetstream.LastRevision(h.revision))
		if !errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
			return err
		}
	}
	// Not known to be there, or not with that revision.
	e, err := kv.Get(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return nil
	case err != nil:
		return err
	case !bytes.Equal(e.Value(), h.value): // another one's
		return nil
	}
	return kv.Delete(ctx, key, jetstream.LastRevision(e.Revision()))
}

// close gives all names up, and waits for what runs in the background. It calls
// each for each of them.
func (l *leases) close(ctx context.Context, each func(*holding)) error {
	l.stop()
	l.mu.Lock()
	l.closed = true
	list := slices.Collect(maps.Values(l.held))
	l.mu.Unlock()
	var errs []error
	for _, h := range list {
		if l.remove(h) {
			each(h)
			errs = append(errs, h.giveUp(ctx))
		}
	}
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	defer context.AfterFunc(ctx, l.hurry)()
	l.busy.Wait()
	l.hurry()
	return errors.Join(append(errs, ctx.Err())...)
}
