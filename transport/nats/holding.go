package nats

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// holding is a name that an actor of this node has, or is about to get. It is an
// [actor.Resource] of that actor.
//
// It is held while it is in the table of leases. The goroutine that takes it out gives it
// up in the bucket, after what another goroutine is doing there for it.
type holding struct {
	leases *leases
	name   string
	pid    actor.PID
	owner  // what stands in the bucket

	*Tenure

	remote   turn        // held during calls of the bucket that change these
	value    []byte      // owner, encoded
	asked    time.Time   // when the name was asked for
	revision uint64      // of the last value that is known to be in the bucket; 0: none
	epoch    string      // in which it was granted, or claimed again
	timer    *time.Timer // when the lease has ended for this node; nil until it is taken

	failure error // of the last renewal; of the goroutine that renews
}

// newHolding returns a registration of a name, by a node, with an ID that no other one has.
func (l *leases) newHolding(name string, pid actor.PID, node, id string) (*holding, error) {
	h := &holding{leases: l, name: name, pid: pid, owner: owner{Node: node, ID: id, Lease: l.term}, Tenure: newTenure(), remote: newTurn()}
	return h, h.follows(nil)
}

// follows has h tell, with its own name, why the holder before it has gone: a monitor that is
// behind has not seen the marker, which h replaces.
func (h *holding) follows(before *farewell) (err error) {
	h.Before = before
	h.value, err = json.Marshal(h.owner)
	return err
}

// write writes h into the bucket.
func (h *holding) write(ctx context.Context, after uint64) (uint64, error) {
	l, key := h.leases, keyOf(h.name)
	revision, err := l.put(ctx, key, h.value, after, l.term)
	if err == nil {
		l.mirror.learn(key, entry{value: h.value, revision: revision})
	}
	return revision, err
}

// take gets the name. It returns the holder if there is one. If it fails or there is one, h
// is not held any more.
func (h *holding) take(ctx context.Context) (*owner, error) {
	l := h.leases
	if err := h.remote.lock(ctx); err != nil {
		l.remove(h, actor.NoProc)
		return nil, l.because(err)
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
		_ = h.strike(ctx, h.bye(classFree))
		return nil, errors.Unwrap(h.Err())
	case err != nil:
		l.background(func() { h.drop(h.bye(classFree)) }) // it may be in the bucket, without our knowing
	}
	l.remove(h, actor.NoProc)
	return holder, err
}

// grant writes the name into the bucket, again while NATS's servers have no leader for it.
func (h *holding) grant(ctx context.Context) (holder *owner, err error) {
	l := h.leases
	p := l.untilLed()
	for {
		holder, err = h.attempt(ctx)
		if err == nil || !leaderless(err) {
			return holder, err
		}
		p.next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case !l.holds(h): // the actor has ended meanwhile, or the names have been shut down
			return nil, cmp.Or(errors.Unwrap(h.Err()), err)
		}
	}
}

// untilLed returns the pauses between attempts while NATS's servers elect a leader.
func (l *leases) untilLed() pause { return pause{least: l.term / 60, most: l.term / 15} }

// attempt writes the name into the bucket, in an epoch that is open, and sees that it is in that
// epoch still when it has come there: so it is not in a bucket that was made meanwhile, where
// a former holder could still be at work.
func (h *holding) attempt(ctx context.Context) (*owner, error) {
	l := h.leases
	for {
		before, err := h.settled(ctx)
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
			if err := unlessLost(h.strike(ctx, nil)); err != nil {
				return nil, err
			}
			h.revision = 0
			continue // with the same ID: the bucket was lost meanwhile
		case err != nil:
			return nil, err // there is one, whose servers had no leader
		}
		if time.Since(asked) >= l.lasts() {
			return nil, ErrLost // it has ended meanwhile
		}
		h.token, h.epoch, h.asked = revision, now.ID, asked
		h.extend(asked)
		return nil, nil
	}
}

// settled waits until the epoch is open, which may take the longest lease, but no longer than h is
// held: its actor may end, or the names be shut down.
func (h *holding) settled(ctx context.Context) (epoch, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-h.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	e, err := h.leases.settled(ctx)
	if end := h.Err(); err != nil && end != nil {
		return epoch{}, errors.Unwrap(end)
	}
	return e, err
}

// create writes the name into the bucket, if nobody has it there.
func (h *holding) create(ctx context.Context) (holder *owner, revision uint64, err error) {
	l, after := h.leases, uint64(0)
	for {
		revision, err = h.write(ctx, after)
		if !errors.Is(err, errMoved) {
			return nil, revision, err
		}
		e, err := l.get(ctx, keyOf(h.name))
		if err != nil {
			return nil, 0, err
		}
		if e.value != nil && !e.isOf(h.ID) {
			holder, err := ownerIn(e.value)
			return holder, 0, err
		}
		if e.value == nil { // it has gone meanwhile, and has left a marker
			if err := h.follows(farewellIn(e.note)); err != nil {
				return nil, 0, err
			}
		}
		after = e.revision
	}
}

// extend has the lease last from when it was asked for.
//
// For the bucket it lasts longer, by the way there and a tenth: so this node knows of its end
// before anybody else can have the name, although no two clocks run alike.
func (h *holding) extend(asked time.Time) {
	l := h.leases
	l.granted(h.revision)
	end := asked.Add(l.lasts())
	h.ends.Store(&end)
	if left := time.Until(end); h.timer == nil {
		h.timer = l.after(left, h.expire)
	} else {
		h.timer.Reset(left)
	}
}

// renew begins the lease anew. If that fails for want of an answer, there is time to
// try again until the timer strikes.
func (h *holding) renew(ctx context.Context) error {
	l := h.leases
	if !h.remote.tryLock() {
		return nil // it is being taken, or given up
	}
	defer h.remote.unlock()
	if h.revision == 0 || !l.holds(h) {
		return nil // not taken yet, or not held any more
	}
	// Then it is to be given up, which waits for this.
	ctx, cancel := context.WithDeadline(ctx, *h.ends.Load())
	defer cancel()
	asked := time.Now()
	if h.Before != nil && asked.Sub(h.asked) > l.term { // a monitor that is behind so far has fired
		_ = h.follows(nil) // what could be encoded can be with less
	}
	revision, err := h.write(ctx, h.revision)
	if errors.Is(err, errMoved) || errors.Is(err, errNoBucket) {
		asked, revision, err = h.recover(ctx)
	}
	switch {
	case err == nil:
		h.revision = revision
		h.extend(asked)
	case errors.Is(err, ErrLost):
		l.background(h.expire) // which waits for this one
		return nil
	}
	return err
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
	now, failed := l.tend(ctx)
	if failed != nil {
		return asked, 0, failed
	}
	mine, again := e.isOf(h.ID), now.ID == h.epoch
	switch {
	case again && err != nil:
		return asked, 0, err // the bucket is there: its servers had no leader
	case again && !mine:
		return asked, 0, ErrLost
	case !again && (now.Open || !h.Valid()):
		return asked, 0, ErrLost // others may have had it since
	}
	// Whatever stands there in an epoch that is not open: nobody else has the name.
	asked = time.Now()
	revision, err = h.write(ctx, e.revision)
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
	// A renewal may have come through after all.
	l.background(func() { h.drop(h.bye(classLost)) })
	l.lost(h)
}

// Release gives the name up at the actor's end. It implements [actor.Resource].
func (h *holding) Release(_ actor.PID, reason error) {
	l := h.leases
	if l.remove(h, actor.NoProc) {
		l.background(func() { h.drop(l.farewellTo(h.ID, reason)) })
	}
}

// drop is giveUp in the background. If it fails, the end of the lease does it.
func (h *holding) drop(note []byte) {
	ctx, cancel := context.WithTimeout(h.leases.giving, h.leases.term)
	defer cancel()
	if err := h.giveUp(ctx, note); err != nil {
		h.leases.log.Warn("name not given up", "name", h.name, "pid", h.pid, "error", err)
	}
}

// giveUp takes the name out of the bucket, if it is there and this one's, and leaves a note for
// those that have a monitor. Without an error it is not there.
func (h *holding) giveUp(ctx context.Context, note []byte) error {
	if err := h.remote.lock(ctx); err != nil {
		return err
	}
	defer h.remote.unlock()
	l := h.leases
	p := l.untilLed()
	for known := h.epoch; ; {
		err := h.strike(ctx, note)
		if !leaderless(err) {
			return err
		}
		// That there is no bucket is what is heard while its servers have no leader, too.
		if now, failed := l.tend(ctx); failed == nil && now.ID != known {
			known = now.ID // it was lost, with all that stood there; or h may be in this one already
			continue
		}
		if p.next(ctx); ctx.Err() != nil {
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// strike is giveUp with the lock, once. It fails with errNoBucket if there is none, or no leader.
func (h *holding) strike(ctx context.Context, note []byte) error {
	l, key := h.leases, keyOf(h.name)
	if h.timer != nil {
		h.timer.Stop()
	}
	after := h.revision
	for {
		if after != 0 {
			revision, err := l.bucket.remove(ctx, key, note, after)
			if err == nil {
				l.mirror.learn(key, entry{revision: revision, note: note})
			}
			if !errors.Is(err, errMoved) {
				return err
			}
		}
		// Not known to be there, or not with that revision.
		e, err := l.get(ctx, key)
		if err != nil || !e.isOf(h.ID) { // another one's, or nobody's
			return err
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
