package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// epoch is the time from when a bucket was made until it is lost: with its server, deleted,
// or emptied. A record of it stands in the bucket, and is lost with it; so a bucket that has
// the record has all that was written since.
//
// In an epoch nobody is given a name until it is open, one lease after its beginning: by then
// those have stopped that had a name in the one before. Until then they may claim what they
// still have.
//
// All revisions of an epoch are above those of the ones before. So revisions are tokens.
type epoch struct {
	ID      string        `json:"id"`
	Floor   uint64        `json:"floor"`   // below all its revisions
	Longest time.Duration `json:"longest"` // of the leases of all nodes
	Open    bool          `json:"open"`
	Born    int64         `json:"born,omitempty"` // see bucket; of an intent to begin one, which has no ID
}

// ErrUnsettled says that it is not known yet who has which name, because NATS has lost its
// bucket, or never had it. Those that had a name have a lease's time to claim it.
var ErrUnsettled = errors.New("the bucket of the names is new, and has not settled yet")

// epochs are what a node knows of the epochs of a bucket.
type epochs struct {
	bucket
	term time.Duration    // of this node's leases
	wall func() time.Time // what the first revision of an epoch is taken from
	news func(e epoch)    // called for each epoch that this node begins
	turn turn             // held while the record is read and replaced

	begun atomic.Uint64 // how often that has begun
	found uint64        // the number of the last time that it has found an epoch; with turn

	mu      sync.Mutex
	known   epoch           // the last one that was seen
	at      entry           // its record
	former  map[string]bool // the IDs of those before
	since   time.Time       // when it was seen for the first time
	highest uint64          // of all revisions that this node knows to have been granted
	longest time.Duration   // of the leases of all epochs that this node has seen
	failure error           // of the last attempt that was answered, or of one before; nil if it did not fail
}

// epochKey is no name's; see keyOf.
const epochKey = "epoch"

func newEpochs(b bucket, term time.Duration, news func(epoch)) *epochs {
	return &epochs{bucket: b, term: term, wall: time.Now, news: news, turn: newTurn(), former: make(map[string]bool), longest: term}
}

// settled waits until the epoch is open.
func (b *epochs) settled(ctx context.Context) (epoch, error) {
	for {
		e, err := b.tend(ctx)
		if err != nil || e.Open {
			return e, err
		}
		sleep(ctx, min(b.left(), b.term/20)) // another node may be earlier
		if ctx.Err() != nil {
			return epoch{}, fmt.Errorf("%w: %w", ErrUnsettled, context.Cause(ctx))
		}
	}
}

// ask returns what stands under a key. If that is not what is wanted, settled says that it is so:
// the epoch was open. Otherwise a name may yet be claimed, whatever stands there.
func (b *epochs) ask(ctx context.Context, key string, wanted func(entry) bool) (e entry, settled bool, err error) {
	for {
		before := b.seen()
		e, err = b.get(ctx, key)
		switch {
		case err == nil && wanted(e):
			return e, false, nil
		case err != nil && !errors.Is(err, errNoBucket):
			return e, false, err
		}
		missed := err != nil
		now, err := b.tend(ctx)
		switch {
		case err != nil || !now.Open:
			return e, false, err
		case before.Open && before.ID == now.ID && !missed:
			return e, true, nil
		}
		// It may have been claimed since, and before the epoch was opened. Or there was a bucket
		// all the time, whose servers had no leader.
	}
}

// seen returns the last epoch that was seen.
func (b *epochs) seen() epoch {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known
}

// left returns for how long the epoch stays closed, as far as this node is concerned. No
// clocks are compared: a node counts from when it has seen the epoch.
func (b *epochs) left() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(b.longest-time.Since(b.since), 0)
}

// tend returns the epoch that the bucket is in. It begins one if the bucket was lost, and
// opens it when its time has come.
func (b *epochs) tend(ctx context.Context) (epoch, error) {
	for {
		e, err := b.attempt(ctx)
		again := errors.Is(err, errMoved) || errors.Is(err, context.DeadlineExceeded)
		if !again || ctx.Err() != nil {
			return e, err
		}
	}
}

// attempt is a part of tend that keeps others waiting, and so does not wait for an answer that
// was lost.
func (b *epochs) attempt(ctx context.Context) (epoch, error) {
	asked := b.begun.Load()
	// One at a time: two that begin an epoch at once would undo each other's.
	if err := b.turn.lock(ctx); err != nil {
		return epoch{}, b.because(err)
	}
	defer b.turn.unlock()
	// Those that have waited share what was found since they came: they may be many.
	if b.found > asked {
		return b.seen(), nil
	}
	number := b.begun.Add(1)
	once, cancel := context.WithTimeout(ctx, b.term/3)
	defer cancel()
	e, err := b.look(once)
	switch {
	case err == nil:
		b.found = number
	case ctx.Err() != nil && errors.Is(err, ctx.Err()) && !errors.Is(err, nats.ErrPermissionViolation):
		// which says nothing of the bucket
		return e, b.because(err)
	case errors.Is(err, errMoved):
		return e, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	// That there was no answer for a while says less than what was answered before.
	silent := errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrPermissionViolation)
	if !silent || b.failure == nil {
		b.failure = err
	}
	return e, err
}

// because returns the end of a caller's time, with what has kept it waiting: the one whose turn it
// was has seen that, and this one may not have. It wraps the first only, since the other one may be
// the end of another caller's time.
func (b *epochs) because(end error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failure == nil {
		return end
	}
	return fmt.Errorf("%w; what has failed until then: %v", end, b.failure)
}

// look is what tend does, once. It fails with errMoved if another node was faster.
func (b *epochs) look(ctx context.Context) (epoch, error) {
	// Before anything is read: if another node begins an epoch after that, it lasts.
	floor := b.floor()
	e, at, err := b.read(ctx)
	if errors.Is(err, errNoBucket) {
		var made bool
		made, err = b.make(ctx, floor)
		switch {
		case err != nil:
			return epoch{}, err
		case made:
			return b.begin(ctx, floor, 0)
		}
		e, at, err = b.read(ctx)
	}
	if err == nil && at.revision == 0 { // another node may have made it just now, and be about to write the record
		sleep(ctx, min(b.term/30, recordWithin))
		e, at, err = b.read(ctx)
	}
	switch {
	case err != nil:
		return epoch{}, err
	case b.see(e, at):
		return b.advance(ctx, e, at.revision)
	}
	return b.reclaim(ctx, e, at.revision, floor)
}

// floor returns a revision for an epoch to begin with, above all that were granted before.
//
// Revisions begin with a node's time in nanoseconds, and are far fewer than nanoseconds go
// by: so they stay behind that clock. The next epoch begins a lease later at least, if a name
// was granted in this one. So this holds if the nodes' clocks differ by less than a lease; and
// if they do not, but this node has seen the last name that was granted.
func (b *epochs) floor() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(uint64(max(b.wall().UnixNano(), 1)), b.highest+1)
}

// read returns the record in the bucket; the zero epoch if there is none.
func (b *epochs) read(ctx context.Context) (e epoch, at entry, err error) {
	if at, err = b.get(ctx, epochKey); err != nil {
		return epoch{}, entry{}, err
	}
	if json.Unmarshal(at.value, &e) != nil {
		e = epoch{}
	}
	return e, at, nil
}

// see takes note of an epoch. It reports false if there is none, or none that can be used:
// one that has begun in a bucket that was lost before its record was written, or below what
// this node knows to have been granted; or one whose record was lost, and has come a second time.
func (b *epochs) see(e epoch, at entry) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case e.ID == "" || at.revision < e.Floor:
		return false
	case e.ID != b.known.ID:
		if b.former[e.ID] || !e.Open && e.Floor <= b.highest {
			return false
		}
		b.former[b.known.ID] = true
		b.since = time.Now()
	case at.revision < b.at.revision,
		at.revision == b.at.revision && !at.stored.Equal(b.at.stored), // the bucket counts anew
		b.known.Open && !e.Open:
		// Or it is what a server knows that has become the leader, and is behind: then nothing can be
		// put in its place.
		return false
	}
	b.known, b.at = e, at
	b.longest = max(b.longest, e.Longest)
	return true
}

// granted takes note of a revision with which a name was granted, or kept.
func (b *epochs) granted(revision uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.highest = max(b.highest, revision)
}

// advance opens an epoch when it is time, and has it last long enough for this node's leases.
func (b *epochs) advance(ctx context.Context, e epoch, revision uint64) (epoch, error) {
	b.mu.Lock()
	next := e
	next.Longest = b.longest
	next.Open = e.Open || time.Since(b.since) >= b.longest
	stale := b.highest > revision+staleAfter
	b.mu.Unlock()
	if next == e && !stale {
		return e, nil
	}
	return b.replace(ctx, next, revision)
}

// staleAfter is how many revisions may follow before the record is written anew: a server
// keeps account of all gaps after the oldest revision that it has.
const staleAfter = 1 << 16

// replace writes a record, and reads it: that is how NATS tells when it was stored.
func (b *epochs) replace(ctx context.Context, next epoch, after uint64) (epoch, error) {
	revision, err := b.write(ctx, next, after)
	if err != nil {
		return epoch{}, err
	}
	e, at, err := b.read(ctx)
	switch {
	case err != nil:
		return epoch{}, err
	case at.revision != revision || !b.see(e, at):
		return epoch{}, errMoved // by a node that was faster, or the bucket was lost once more
	}
	return e, nil
}

func (b *epochs) write(ctx context.Context, e epoch, after uint64) (uint64, error) {
	value, err := json.Marshal(e)
	if err != nil {
		return 0, err
	}
	return b.put(ctx, epochKey, value, after, 0)
}
