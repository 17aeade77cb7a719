package ws

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// recorder stands between what is broadcast on a topic and the topic's channels here: it
// gives each message a place in its log, and hands it to them with that position. A message
// of another node comes to it as one of this node does.
//
// The order of the log is the order in which each channel gets the messages, see audience, and a
// channel that reads the log and begins to hear under the lock misses none and gets none twice.
// Nothing of the users' is called under the lock, and under those of the audience's rows only
// the serializers, which have a second.
type recorder struct {
	endpoint *Endpoint
	archive  *archive
	topic    string
	history  *History

	begin sync.Once
	begun chan struct{} // closed when it hears its topic, or cannot; set by begin
	fault error         // then, why it cannot

	mu    sync.Mutex
	log   *historyLog
	turns int  // how often the log has become another one
	over  bool // what it hears is not all any more

	audience audience

	replica *replica // keeps the log as that of a Store; nil: the log is its own

	used atomic.Bool // a message has come to its log; not taken back, for the positions hold when that is gone

	// These are guarded by the archive's lock.
	read  bool          // somebody may know a position of the log, and come back with that
	users int           // channels, and what else needs it
	since time.Duration // when the last of them has gone
	idle  *list.Element // among all idlers; nil: it is not idle
	empty *list.Element // among those of them that were not used; nil: it is not there
}

// Deliver implements pubsub.Subscriber.
func (r *recorder) Deliver(_ string, b *broadcast) {
	if r.replica != nil {
		r.pass(b)
		return
	}
	about, err := "", error(nil)
	if !b.unrecorded {
		about, err = r.history.keyOf(b)
	}
	if err != nil {
		r.endpoint.log.Error("key of a broadcast not made: it is not recorded", "topic", r.topic, "event", b.Event, "error", err)
	}
	r.tell(func() (*broadcast, bool) {
		now := r.endpoint.now()
		switch {
		case b.unrecorded:
		case b.keyed && r.log.known(b.key, now):
			return nil, false
		case err != nil:
			r.log.interrupt()
		default:
			r.log.append(&b.Message, about, now)
			r.mark(b)
		}
		return b, true
	})
}

// mark notes that a message has come to the log, and sees to it that those learn of its position
// that do not get it as its ref.
func (r *recorder) mark(b *broadcast) {
	if !r.used.Load() { // to store is dearer
		r.used.Store(true) // under the recorder's lock, so the first message does
		r.archive.filled(r)
	}
	if b.Payload.IsBinary() {
		b.pair()
	}
	if !b.from.IsZero() || b.sender != "" {
		b.position = r.endpoint.sharedAs(b.where())
	}
}

// pass hands on what has not come through the store, and so has no position.
func (r *recorder) pass(b *broadcast) {
	if b.stored {
		return // the replica has
	}
	r.tell(func() (*broadcast, bool) { return b, true })
}

// sharedAs returns a message as one that many clients get.
func (e *Endpoint) sharedAs(m wire.Message) *broadcast {
	return &broadcast{Message: m, frames: make([]onceFrame, len(e.encodings))}
}

// replayed returns a message of the log as a broadcast.
func (r *recorder) replayed(m wire.Message) *broadcast {
	m.Topic = r.topic
	b := r.endpoint.sharedAs(m)
	if b.Payload.IsBinary() {
		b.pair()
	}
	return b
}

// gapOf hears that messages of other nodes were lost.
type gapOf struct{ *recorder }

// Deliver implements pubsub.Subscriber.
func (g gapOf) Deliver(string, pubsub.Gap) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.log.interrupt()
}

// confirmed reports whether a broadcast with a key has been sent to everybody.
func (r *recorder) confirmed(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log.trim(r.endpoint.now())
	k := r.log.keys[text]
	return k != nil && k.sent
}

// confirm notes that it has been.
func (r *recorder) confirm(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.log.keys[text]; k != nil {
		k.sent = true
	}
}

// end has the topic's channels here join anew: the recorder hears nothing any more.
func (r *recorder) end() {
	r.tell(func() (*broadcast, bool) {
		r.over = true
		if r.replica != nil {
			r.replica.end()
		}
		return nil, true
	})
}

// show shows what the recorder hands on to a channel: a message, or nil for the end. It runs
// under the lock of a row.
func (h *hearer) show(b *broadcast) {
	c := h.channel
	flags := c.flags.Load()
	switch {
	case flags&flagOverrun != 0: // what it gets from now on would be behind something that it has not got
		return
	case flags&flagDirect == 0 && c.tether().isAway() && (b == nil || b.Ref != "" || c.tether().lingers()): // the log keeps it, or nobody does
		return
	case b == nil:
		c.loseTrack("the topic's log has ended, or is another one")
		return
	case b.from == h.pid, b.sender != "" && b.sender == c.replay().self:
		if b = b.position; b == nil || !c.replay().tracks {
			return
		}
	}
	if c.interceptsAny() { // all of them, or one would overtake another
		c.hand(b, channelMsg{op: opOut, info: b, hearer: h.number.Load()})
		return
	}
	c.show(b)
}

// show sends a broadcast to the client, unless that is away: then the log keeps it. It may run
// while the channel goes from one connection to another, which may have another serializer.
func (c *Channel) show(b *broadcast) {
	l, t := c.line(), c.tether()
	if t != nil && b.Ref == "" { // it may come behind a state that Resumed has shown
		t.deliver(c, b)
		return
	}
	if t != nil {
		if l = t.present(); l == nil {
			return
		}
	}
	f, ok := c.recordedFrameOf(l, l.encoding.Load(), b, c.replay().tracks)
	switch {
	case !ok:
	case t != nil:
		t.sendIf(c, l, f)
	default:
		c.sendOver(l, f)
	}
}

// loseTrack ends a channel that could miss something otherwise. Its client joins anew.
func (c *Channel) loseTrack(why string) {
	if c.mark(flagOverrun) {
		c.line().endpoint.aside.Warn("channel cannot go on", "topic", c.topic, "reason", why)
		c.line().session.Send(sessionMsg{op: opOverdue, channel: c.ctx.PID()})
	}
}

// start has the recorder begin, and waits for that.
func (r *recorder) start(ctx context.Context) error {
	r.begin.Do(func() {
		if r.endpoint.cfg.Cluster == nil { // there is nothing to wait for
			r.begun, r.fault = closed, r.subscribe()
			return
		}
		r.begun = make(chan struct{})
		r.archive.stay(r) // or it could be forgotten before it is subscribed
		go func() {
			defer close(r.begun)
			r.fault = r.subscribe()
			r.archive.leave(r)
		}()
	})
	if err := r.hasBegun(ctx); err != nil {
		return fmt.Errorf("ws: record %q: %w", r.topic, err)
	}
	return nil
}

// hasBegun waits until the recorder hears its topic, or cannot. It does not fail for its context if
// there is nothing to wait for.
func (r *recorder) hasBegun(ctx context.Context) error {
	select {
	case <-r.begun:
		return r.fault
	default:
	}
	select {
	case <-r.begun:
		return r.fault
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-r.archive.owner.Done():
		return actor.NoProc
	}
}

// subscribe subscribes the recorder to its topic, as long as the archive's actor lives.
func (r *recorder) subscribe() error {
	topics, owner := &r.endpoint.topics, r.archive.owner
	if r.replica != nil {
		defer r.replica.Recheck()
	} else if err := topics.SubscribeGaps(owner, r.topic, gapOf{r}); err != nil {
		return err
	}
	return topics.Subscribe(owner, r.topic, r)
}

// broadcastRecorded is publish on a topic that has a history.
func (e *Endpoint) broadcastRecorded(ctx context.Context, h *History, b *broadcast) error {
	if b.keyed && b.unrecorded {
		return ErrNoHistory
	}
	if b.keyed && (b.key == "" || len(b.key) > maxKey) {
		return fmt.Errorf("its key has %d bytes, and not 1 to %d", len(b.key), maxKey)
	}
	if h.storage != nil {
		return e.store(ctx, h, b)
	}
	a := e.archive.Load()
	if a == nil { // the endpoint is down
		return e.publish(b)
	}
	if h.Mode == Stream && !b.keyed {
		return e.publish(b)
	}
	// It has the value for the first client, and knows the key from now on.
	r, err := a.recorderFor(ctx, b.Topic, h, h.Mode != Stream)
	if err != nil {
		return err
	}
	defer a.leave(r)
	if b.keyed && r.confirmed(b.key) {
		return nil
	}
	if err := e.publish(b); err != nil || !b.keyed {
		return err
	}
	r.confirm(b.key)
	return nil
}

// store has a broadcast go through the History's Store.
func (e *Endpoint) store(ctx context.Context, h *History, b *broadcast) error {
	if b.unrecorded {
		return e.publish(b)
	}
	data, err := e.recordOf(b)
	if err != nil {
		return err
	}
	return h.storage.append(ctx, b.Topic, b.key, data)
}
