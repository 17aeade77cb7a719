package nats

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// persistent is a bucket that is asked again when it has not answered for a while: what is sent
// while its servers elect a leader has no answer, ever. The first answer counts, also a late
// one to an earlier request: so a slow server is not taken for one that is away.
//
// A request that comes through twice does no harm: each write is after a revision, and the
// second one is told that another stands there.
type persistent struct {
	bucket
	after time.Duration
}

// mostUnanswered is how many requests are open at a time for one answer.
const mostUnanswered = 4

// persist calls f, and again whenever there has been no answer for a while, until there is one.
// Others that come are discarded.
func persist[T any](ctx context.Context, after time.Duration, f func(context.Context) (T, error), discard func(T)) (T, error) {
	ctx, cancel := context.WithCancel(ctx) // the others, when one has answered
	defer cancel()
	type answer struct {
		v   T
		err error
	}
	answers := make(chan answer, 1)
	var open []context.CancelFunc
	var answered atomic.Bool
	var running atomic.Int32 // f returns late while the connection is stalled, whatever ctx says
	again := time.NewTicker(after)
	defer again.Stop()
	for {
		if len(open) == mostUnanswered {
			open[1]() // never the first, which a server may answer that is slower than that
			open = append(open[:1], open[2:]...)
		}
		// The first one also if ctx is done: it is what returns the error.
		if len(open) == 0 || ctx.Err() == nil && running.Load() < 2*mostUnanswered {
			once, giveUp := context.WithCancel(ctx)
			open = append(open, giveUp)
			running.Add(1)
			go func() {
				defer running.Add(-1)
				v, err := f(once)
				if err != nil && once.Err() != nil {
					if ctx.Err() == nil {
						return // given up for a later one
					}
					if !errors.Is(err, ctx.Err()) { // else it may say more
						err = ctx.Err()
					}
				}
				if !answered.Swap(true) {
					answers <- answer{v, err}
				} else if err == nil {
					discard(v)
				}
			}()
		}
		select {
		case a := <-answers:
			return a.v, a.err
		case <-again.C:
		}
	}
}

func (b persistent) make(ctx context.Context, first uint64) (bool, error) {
	return persist(ctx, b.after, func(ctx context.Context) (bool, error) { return b.bucket.make(ctx, first) }, drop)
}

func (b persistent) get(ctx context.Context, key string) (entry, error) {
	return persist(ctx, b.after, func(ctx context.Context) (entry, error) { return b.bucket.get(ctx, key) }, drop)
}

func (b persistent) put(ctx context.Context, key string, value []byte, after uint64, ttl time.Duration) (uint64, error) {
	return persist(ctx, b.after, func(ctx context.Context) (uint64, error) {
		return b.bucket.put(ctx, key, value, after, ttl)
	}, drop)
}

func (b persistent) remove(ctx context.Context, key string, note []byte, after uint64) (uint64, error) {
	return persist(ctx, b.after, func(ctx context.Context) (uint64, error) {
		return b.bucket.remove(ctx, key, note, after)
	}, drop)
}

func (b persistent) born(ctx context.Context) (int64, error) {
	return persist(ctx, b.after, b.bucket.born, drop)
}

func (b persistent) raise(ctx context.Context, first uint64, born int64) error {
	_, err := persist(ctx, b.after, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, b.bucket.raise(ctx, first, born)
	}, drop)
	return err
}

func (b persistent) mayRaise(ctx context.Context, first uint64) error {
	_, err := persist(ctx, b.after, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, b.bucket.mayRaise(ctx, first)
	}, drop)
	return err
}

func (b persistent) follow(ctx context.Context, every time.Duration) (*feed, error) {
	return persist(ctx, b.after, func(ctx context.Context) (*feed, error) { return b.bucket.follow(ctx, every) }, func(f *feed) { f.stop() })
}

// drop is for answers that hold nothing.
func drop[T any](T) {}
