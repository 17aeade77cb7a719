package nats

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"time"
)

// An epoch begins with its record, which is created, and never put in the place of one that counts:
// of the nodes that find a lost bucket at once, one begins an epoch, and the others find it there.
//
// The node that has made the bucket has chosen its first revision, and needs nothing but the record.
// In a bucket that was there, revisions may be too low. Only a purge raises them, which takes what is
// below; what is sent may come late, and must take nothing of an epoch that has begun meanwhile. So
// a purge is announced by an intent, a record that has a floor and no ID:
//
//   - An intent stands where the record will, and each is written only if the other is not there.
//   - A node that finds an intent does what it says, with the same floor, and so does not wait for
//     the node that has left it. All purge up to that floor, and when an epoch has begun above it, a
//     purge that comes late takes nothing.
//   - An intent that was sent to another bucket, and has come late, is replaced. Servers that were
//     all restarted have a bucket be born when it was before: so is one that is older than a lease,
//     since an epoch may have begun with it there, granted names, and been lost. In one lease none
//     can. A purge is not sent to another bucket either; one that is under way when the bucket is
//     lost may end the epoch that begins there.
//
// So is one below what this node knows to have been granted, if clocks are further apart than they
// may be. If the purge of an intent that was replaced comes after that and takes the later one away,
// and another node begins an epoch before the later purge, that epoch ends with it, as by one more
// loss of the bucket.

// recordWithin is for how long at most a node waits for the record of another one, which has made
// the bucket.
const recordWithin = 500 * time.Millisecond

// begin creates the record of an epoch. after is the revision of what stands in its place.
func (b *epochs) begin(ctx context.Context, floor, after uint64) (epoch, error) {
	b.mu.Lock()
	e := epoch{ID: rand.Text(), Floor: floor, Longest: b.longest}
	b.mu.Unlock()
	e, err := b.replace(ctx, e, after)
	if err == nil {
		b.news(e)
	}
	return e, err
}

// reclaim begins an epoch in a bucket that was there, where e, with its revision, is no record that
// can be used, or none. It was emptied, or made again as it was; or the node that has made it has
// crashed.
func (b *epochs) reclaim(ctx context.Context, e epoch, revision, floor uint64) (epoch, error) {
	born, err := b.born(ctx)
	if err != nil {
		return epoch{}, err
	}
	if b.shares(e, born, floor) {
		floor = e.Floor
	} else {
		floor = max(floor, revision+1)
		// Not after the intent, which keeps others from beginning: one of them may need no purge.
		if err := b.mayRaise(ctx, floor); err != nil {
			return epoch{}, raiseError(err)
		}
		if revision, err = b.write(ctx, epoch{Floor: floor, Born: born}, revision); err != nil {
			return epoch{}, err
		}
	}
	if err := b.raise(ctx, floor, born); err != nil {
		return epoch{}, raiseError(err)
	}
	if revision < floor {
		revision = 0 // it was purged
	}
	return b.begin(ctx, floor, revision)
}

func raiseError(err error) error {
	return fmt.Errorf("have a bucket go on that is there, for which some node needs the right to purge it: %w", err)
}

// shares reports whether e is an intent, in a bucket of that birth, whose floor can be that of this
// node, which would choose another one. It is younger than a lease: so if the bucket was made again
// since, with the birth that it had, no name was granted in between.
func (b *epochs) shares(e epoch, born int64, floor uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return e.ID == "" && e.Born == born && e.Floor > b.highest && e.Floor <= math.MaxInt64 &&
		e.Floor+uint64(b.longest) > floor
}
