package entity

import (
	"context"

	"github.com/troupe-go/troupe/actor"
)

// Call finds the entity under key, starting it if there is none, and calls it, as
// [actor.Call] does. While the call lasts the entity is not stopped for lack of holders.
// If the entity has ended before the request could be made, Call finds it anew; the request
// is made once at most. One that waits behind what ends the entity fails with the reason,
// because it may have been carried out.
//
//	n, err := entity.Call(ctx, rooms, "lobby", func(r actor.Reply[int]) message { return count{r} })
//
// The error wraps the [*actor.CallError] of the call, or is that of [Set.Find].
//
// OTP: gen_server:call/2.
func Call[K comparable, M, R any](
	ctx context.Context, set *Set[K, M], key K, newRequest func(actor.Reply[R]) M,
) (R, error) {
	for since := uint64(0); ; {
		answer, l, err := callOnce(ctx, set, key, newRequest)
		if l == nil || !l.again(&since) {
			return answer, err
		}
	}
}

// callOnce is Call to the entity that is there. If that had ended before there was a request
// it returns its life.
func callOnce[K comparable, M, R any](
	ctx context.Context, set *Set[K, M], key K, newRequest func(actor.Reply[R]) M,
) (answer R, ended *life[K, M], err error) {
	l, err := set.enter(ctx, "call", key, calling)
	if err != nil {
		return answer, nil, err
	}
	defer l.drop(calling)
	made := false
	answer, err = actor.Call(ctx, l.ref.Now(), func(r actor.Reply[R]) M {
		made = true
		return newRequest(r)
	})
	if failed, ok := err.(*actor.CallError); ok {
		if err = (&callError{set.cfg.ID, key, failed}); !made && failed.Err == actor.NoProc {
			ended = l
		}
	}
	return answer, ended, err
}

// Send finds the entity under key, starting it if there is none, and sends it m, as
// [actor.Ref.SendContext] does. If the entity ends before m is in its mailbox, Send finds it
// anew.
func (s *Set[K, M]) Send(ctx context.Context, key K, m M) error {
	for since := uint64(0); ; {
		l, err := s.enter(ctx, "send to", key, calling)
		if err != nil {
			return err
		}
		err = l.ref.Now().SendContext(ctx, m)
		l.drop(calling)
		if err == nil {
			return nil
		}
		if err != actor.NoProc || !l.again(&since) {
			return &failure{"send to", s.cfg.ID, key, err, nil}
		}
	}
}

// again reports whether to find anew what l was found for, because its entity had ended. It
// says no to a life that has begun after the first such question, in since, and is over:
// entities that end as soon as they have started would follow one another as fast as they
// can.
func (l *life[K, M]) again(since *uint64) bool {
	if *since == 0 {
		*since = l.keeper.set.newest()
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.number <= *since || l.state < leaving
}
