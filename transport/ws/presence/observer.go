package presence

import (
	"errors"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
)

// observer calls OnDiff for a shard. It is apart from the teller, so that an OnDiff that
// takes long, or never returns, keeps no client from being told.
type observer struct{ shard *shard }

// told is a diff that the clients have been sent.
type told struct {
	notice
	joins, leaves map[string]string // what has been fetched
}

// observerLimit is how many diffs may wait for OnDiff.
var observerLimit = mailbox.Bounded(10_000, mailbox.Fail)

// Receive implements [actor.Behavior].
func (o *observer) Receive(ctx *actor.Context[told], d told) error {
	ctx.MayBlock()
	err := actor.Guard(ctx, func() error {
		o.shard.tracker.cfg.OnDiff(Diff{d.Topic, entriesOf(d.Joins, d.joins), entriesOf(d.Leaves, d.leaves), presentIn(d.present)})
		return nil
	})
	if err != nil && ctx.Err() == nil {
		o.shard.log.Error("presence: OnDiff failed", "topic", d.Topic, "error", err)
	}
	return nil
}

// observe passes a diff on to the observer.
func (t *teller) observe(d told) {
	const every = 10 * time.Second
	err := t.shard.observer.TrySend(d)
	if !errors.Is(err, actor.ErrFull) {
		return
	}
	t.lost++
	if now := time.Now(); now.Sub(t.lostLog) >= every {
		t.shard.log.Error("presence: OnDiff is too slow, and misses diffs", "topic", d.Topic, "missed", t.lost)
		t.lostLog = now
	}
}
