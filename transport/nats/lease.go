package nats

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// leases are the names that the actors of this node have, and how they keep them.
type leases struct {
	*epochs
	log   *slog.Logger
	lost  func(*holding)                          // called when a name has been lost, and not by its actor
	after func(time.Duration, func()) *time.Timer // time.AfterFunc, but in the model

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

	*Tenure

	remote   turn        // held during calls of the bucket that change revision
	revision uint64      // of the last value that is known to be in the bucket; 0: none
	epoch    string      // in which it was granted, or claimed again
	timer    *time.Timer // when the lease has ended for this node; nil until it is taken
}

func (l *leases) newHolding(name string, pid actor.PID, value []byte) *holding {
	return &holding{leases: l, name: name, pid: pid, value: value, Tenure: newTenure(), remote: newTurn()}
}

var errHeld = errors.New("held by this node")

func newLeases(b bucket, term time.Duration, log *slog.Logger, lost func(*holding)) *leases {
	l := &leases{log: log, lost: lost, after: time.AfterFunc, held: make(map[string]*holding)}
	l.epochs = newEpochs(b, term, func(e epoch) {
		log.Info("names begin in a new bucket", "epoch", e.ID, "none granted for", e.Longest)
	})
	l.renewing, l.stop = context.WithCancel(context.Background())
	l.giving, l.hurry = context.WithCancel(context.Background())
	return l
}

// start has the leases renewed, and the bucket looked after, until close.
func (l *leases) start() {
	l.busy.Go(func() { l.each(l.term/3, l.renewAll) })
	l.busy.Go(func() { l.each(l.term/3, l.tendNow) })
}

// each calls f again and again.
func (l *leases) each(d time.Duration, f func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f()
		case <-l.renewing.Done():
			return
		}
	}
}

// tendNow looks after the bucket, so that one that was lost is settled before a name is asked
// for.
func (l *leases) tendNow() {
	ctx, cancel := context.WithTimeout(l.renewing, l.term/3)
	defer cancel()
	if _, err := l.tend(ctx); err != nil && l.renewing.Err() == nil {
		l.log.Warn("bucket of the names not reached", "error", err)
	}
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

// remove takes h out of the table, and ends its tenure. It reports whether it was there:
// only one of those that want to end a holding does.
func (l *leases) remove(h *holding, why error) bool {
	l.mu.Lock()
	was := l.held[h.name] == h
	if was {
		delete(l.held, h.name)
		h.end(h.name, why)
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
	e, err := l.get(ctx, keyOf(name))
	switch {
	case err == nil && e.value != nil:
		return ownerIn(e.value)
	case err != nil && !errors.Is(err, errNoBucket):
		return nil, err
	}
	now, err := l.tend(ctx)
	switch {
	case err != nil:
		return nil, err
	case !now.Open:
		return nil, ErrUnsettled
	}
	return nil, actor.NoProc
}

func ownerIn(value []byte) (*owner, error) {
	o := new(owner)
	return o, json.Unmarshal(value, o)
}

// take gets the name. It returns the holder if there is one. If it fails or there is one, h
// is not held any more.
func (h *holding) take(ctx context.Context) (*owner, error) {
	l := h.leases
	if err := h.remote.lock(ctx); err != nil {
		l.remove(h, actor.NoProc)
		return nil, err
	}
	defer h.remote.unlock()
	holder, err := h.grant(ctx)
	switch {
	case err == nil && holder == nil:
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
	l.remove(h, actor.NoProc)
	return holder, err
}

// grant writes the name into the bucket, in an epoch that is open, and sees that it is in that
// epoch still when it has come there: so it is not in a bucket that was made meanwhile, where
// a former holder could still be at work.
func (h *holding) grant(ctx context.Context) (*owner, error) {
	l := h.leases
	for {
		before, err := l.settled(ctx)
		if err != nil {
			return nil, err
		}
		asked := time.Now()
		holder, revision, err := h.create(ctx)
		switch {
		case holder != nil:
			return holder, nil
		case err != nil && !errors.Is(err, errNoBucket):
			return nil, err
		}
		h.revision = revision // 0 if there is no bucket
		now, failed := l.tend(ctx)
		switch {
		case failed != nil:
			return nil, failed
		case now.ID != before.ID || !now.Open:
			if err := h.strike(ctx); err != nil {
				return nil, err
			}
			h.revision = 0
			continue // the bucket was lost meanwhile
		case err != nil:
			return nil, err // there is one, but it is out of order
		}
		h.token, h.epoch = revision, now.ID
		h.extend(asked)
		return nil, nil
	}
}

// create writes the name into the bucket, if nobody has it there.
func (h *holding) create(ctx context.Context) (holder *owner, revision uint64, err error) {
	l, after := h.leases, uint64(0)
	for {
		revision, err = l.put(ctx, keyOf(h.name), h.value, after, l.term)
		if !errors.Is(err, errMoved) {
			return nil, revision, err
		}
		e, err := l.get(ctx, keyOf(h.name))
		if err != nil {
			return nil, 0, err
		}
		if e.value != nil && !bytes.Equal(e.value, h.value) {
			holder, err := ownerIn(e.value)
			return holder, 0, err
		}
		after = e.revision // it has gone meanwhile, and has left a marker
	}
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

// extend has the lease last from when it was asked for.
//
// For the bucket it lasts longer, by the way there and a tenth: so this node knows of its end
// before anybody else can have the name, although no two clocks run alike.
func (h *holding) extend(asked time.Time) {
	l := h.leases
	l.granted(h.revision)
	end := asked.Add(l.term - l.term/10)
	h.ends.Store(&end)
	if left := time.Until(end); h.timer == nil {
		h.timer = l.after(left, h.expire)
	} else {
		h.timer.Reset(left)
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
	if !h.remote.tryLock() {
		return // it is being taken, or given up
	}
	defer h.remote.unlock()
	if h.revision == 0 || !l.holds(h) {
		return // not taken yet, or not held any more
	}
	asked := time.Now()
	revision, err := l.put(ctx, keyOf(h.name), h.value, h.revision, l.term)
	if errors.Is(err, errMoved) || errors.Is(err, errNoBucket) {
		asked, revision, err = h.recover(ctx)
	}
	switch {
	case err == nil:
		h.revision = revision
		h.extend(asked)
	case errors.Is(err, ErrLost):
		l.background(h.expire) // which waits for this one
	case l.renewing.Err() == nil:
		l.log.Warn("lease of a name not renewed", "name", h.name, "pid", h.pid, "error", err)
	}
}

// recover renews a lease that is not in the bucket, or not with the revision that is known: by
// a renewal whose answer was lost, by somebody else, or since the bucket was lost. It fails
// with ErrLost if that is the end.
func (h *holding) recover(ctx context.Context) (asked time.Time, revision uint64, err error) {
	l := h.leases
	e, err := l.get(ctx, keyOf(h.name))
	if err != nil && !errors.Is(err, errNoBucket) {
		return asked, 0, err
	}
	now, err := l.tend(ctx)
	if err != nil {
		return asked, 0, err
	}
	mine, again := bytes.Equal(e.value, h.value), now.ID == h.epoch
	switch {
	case again && !mine:
		return asked, 0, ErrLost
	case !again && (now.Open || !h.Valid()):
		return asked, 0, ErrLost // others may have had it since
	}
	// Whatever stands there in an epoch that is not open: nobody else has the name.
	asked = time.Now()
	revision, err = l.put(ctx, keyOf(h.name), h.value, e.revision, l.term)
	if err != nil || again {
		return asked, revision, err
	}
	return asked, revision, h.claimed(ctx, now.ID)
}

// claimed sees that a name has come into a new epoch before that was opened. Until then nobody
// has been granted a name in it; from then on the name is taken.
func (h *holding) claimed(ctx context.Context, id string) error {
	now, err := h.leases.tend(ctx)
	switch {
	case err != nil:
		return err
	case now.ID != id || now.Open:
		return errMoved // what that means is found out next time
	}
	h.epoch = id
	return nil
}

// expire ends a holding whose lease has ended.
func (h *holding) expire() {
	l := h.leases
	if !l.remove(h, ErrLost) {
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
	if h.leases.remove(h, actor.NoProc) {
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
	if err := h.remote.lock(ctx); err != nil {
		return err
	}
	defer h.remote.unlock()
	return h.strike(ctx)
}

// strike is giveUp with the lock.
func (h *holding) strike(ctx context.Context) error {
	l, key := h.leases, keyOf(h.name)
	if h.timer != nil {
		h.timer.Stop()
	}
	after := h.revision
	for {
		if after != 0 {
			_, err := l.put(ctx, key, nil, after, 0)
			if !errors.Is(err, errMoved) {
				return unlessLost(err)
			}
		}
		// Not known to be there, or not with that revision.
		e, err := l.get(ctx, key)
		if err != nil || !bytes.Equal(e.value, h.value) { // another one's, or nobody's
			return unlessLost(err)
		}
		after = e.revision
	}
}

// unlessLost returns nil for a bucket that is lost: then nothing stands in it.
func unlessLost(err error) error {
	if errors.Is(err, errNoBucket) {
		return nil
	}
	return err
}
