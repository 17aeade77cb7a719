package ws

import (
	"context"
	"errors"
)

// BroadcastOption says how a recorded broadcast differs from others; see [History].
type BroadcastOption func(*broadcastOptions)

// broadcastOptions is what options are about.
type broadcastOptions struct {
	*broadcast
	within context.Context
}

// Unrecorded keeps a broadcast out of the log: for what is of no use later, such as that
// somebody is typing. It does nothing on a topic that is not recorded.
func Unrecorded() BroadcastOption { return func(o *broadcastOptions) { o.unrecorded = true } }

// Idempotent has clients get only the first broadcast of several with the same key, as long
// as the log remembers the key: for TTL, and Size keys. So a caller that does not know
// whether a broadcast has been made can make it again. The key has 256 bytes at most. On a
// topic that is not recorded, or with Unrecorded, the broadcast fails with [ErrNoHistory].
//
// What gets broadcasts in place of clients, see [Endpoint.Subscribe], may get it again if
// it is made again while the first is under way or after that has failed.
func Idempotent(key string) BroadcastOption {
	return func(o *broadcastOptions) { o.key, o.keyed = key, true }
}

// Within has a broadcast wait no longer than until ctx is done, for the [History]'s Store, or for
// other nodes to know that the topic is in use. It fails then with the cause of that, and may have
// been made nevertheless: [Idempotent] lets the caller make it again. A Store gets a context that
// is derived from ctx. A broadcast that has nothing of the kind to wait for is made, also if ctx is
// done. Of several, the last one counts. Broadcasts of a [Channel] end their waits with its actor as
// well, with Within or without.
func Within(ctx context.Context) BroadcastOption {
	return func(o *broadcastOptions) { o.within = ctx }
}

// ErrNoHistory says that a broadcast needs a topic that is recorded.
var ErrNoHistory = errors.New("the topic is not recorded")

// maxKey is how many bytes the key of a broadcast may have.
const maxKey = 256

// with applies options. The context that it returns is that of the broadcast's waits, and ends with ctx
// in any case. done is to be called when they are over.
func (b *broadcast) with(ctx context.Context, options []BroadcastOption) (within context.Context, done func()) {
	o := broadcastOptions{broadcast: b}
	for _, option := range options {
		option(&o)
	}
	switch {
	case o.within == nil:
		return ctx, func() {}
	case ctx.Done() == nil:
		return o.within, func() {}
	}
	within, cancel := context.WithCancelCause(o.within)
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	return within, func() {
		stop()
		cancel(nil)
	}
}
