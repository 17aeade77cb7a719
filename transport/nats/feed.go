package nats

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// feed is what a bucket tells one that follows it: what stands there, then each change, or of
// several of one key the last, in the order of their revisions.
type feed struct {
	changes <-chan change // closed when something has been lost
	stop    func()        // called when nothing more is read
}

// change is something that a bucket tells.
type change struct {
	key string // "" if it is but a sign of life
	entry

	upTo uint64 // what stands in the bucket with a revision up to this has been told
	all  bool   // and that is all, for now
}

// kvFeed hears from a consumer in the server, which pushes what it has.
//
// nats.go has such consumers that begin again by themselves. But here one must know when
// something was lost, and they would follow another stream of the same name.
type kvFeed struct {
	changes chan change
	life    context.Context // done when nobody reads any more
	prefix  string          // of the subjects
	count   uint64          // of the messages there have been
	ended   bool            // changes is closed
}

// follow implements [bucket].
func (b *kvBucket) follow(ctx context.Context, every time.Duration) (*feed, error) {
	if b.stream.Load() == nil {
		return nil, errNoBucket
	}
	life, cancel := context.WithCancel(context.Background())
	f := &kvFeed{changes: make(chan change, 256), life: life, prefix: "$KV." + b.name + "."}
	inbox := b.js.Conn().NewInbox()
	sub, err := b.js.Conn().Subscribe(inbox, f.take)
	if err != nil {
		cancel()
		return nil, err
	}
	stop := func() {
		cancel()
		_ = sub.Unsubscribe() // the server ends the consumer some seconds later
	}
	_, err = b.js.CreatePushConsumer(ctx, "KV_"+b.name, jetstream.ConsumerConfig{
		DeliverSubject: inbox,
		FilterSubject:  f.prefix + "*",
		DeliverPolicy:  jetstream.DeliverLastPerSubjectPolicy,
		AckPolicy:      jetstream.AckNonePolicy,
		MaxDeliver:     1,
		IdleHeartbeat:  every,
		MemoryStorage:  true,
		Replicas:       1,
	})
	if err != nil {
		stop()
		return nil, bucketError(err)
	}
	return &feed{f.changes, stop}, nil
}

// take is called for each message, one after the other.
func (f *kvFeed) take(m *nats.Msg) {
	if f.ended {
		return
	}
	c, ok := f.read(m)
	if !ok {
		f.ended = true
		close(f.changes)
		return
	}
	select {
	case f.changes <- c:
	case <-f.life.Done():
	}
}

// read makes a change of a message. It reports false if one before it is missing.
func (f *kvFeed) read(m *nats.Msg) (c change, ok bool) {
	if len(m.Data) == 0 && m.Header.Get("Status") != "" {
		// A heartbeat: there is nothing that the server has not sent.
		count, err := strconv.ParseUint(m.Header.Get("Nats-Last-Consumer"), 10, 64)
		upTo, failed := strconv.ParseUint(m.Header.Get("Nats-Last-Stream"), 10, 64)
		return change{upTo: upTo, all: true}, err == nil && failed == nil && count == f.count
	}
	meta, err := m.Metadata()
	key, is := strings.CutPrefix(m.Subject, f.prefix)
	if err != nil || !is || meta.Sequence.Consumer != f.count+1 {
		return c, false
	}
	f.count++
	c = change{key: key, upTo: meta.Sequence.Stream, all: meta.NumPending == 0}
	c.revision = meta.Sequence.Stream
	c.entry.read(m.Header, m.Data)
	return c, true
}
