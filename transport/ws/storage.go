package ws

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/transport/ws/history"
)

// storage calls the Store of a History, which is not trusted: each call ends in time, whatever
// the store does.
type storage struct {
	store history.Store
	calls foreign.Calls
}

// How long a call of a store may take, how many that take longer there may be before no more
// are made, and how many records are read at once.
const (
	storePatience = 5 * time.Second
	storeStuck    = 1000
	storePart     = 256
)

func newStorage(s history.Store) *storage {
	return &storage{store: s, calls: foreign.Calls{Limit: storePatience, Most: storeStuck}}
}

func (s *storage) append(ctx context.Context, topic, key string, data []byte) error {
	err := s.calls.Call(ctx, func(ctx context.Context) error { return s.store.Append(ctx, topic, key, data) })
	if err != nil {
		return fmt.Errorf("the store: %w", err)
	}
	return nil
}

// since reads a part of a log.
func (s *storage) since(ctx context.Context, topic string, after uint64) (history.Span, error) {
	span, err := foreign.Value(ctx, &s.calls, func(ctx context.Context) (history.Span, error) {
		return s.store.Since(ctx, topic, after, storePart)
	})
	if err == nil {
		err = span.Check(after)
	}
	return span, err
}

// follow has a follower told of new records, until the returned function is called. It may be
// called once.
func (s *storage) follow(ctx context.Context, topic string, f history.Follower) (stop func(), err error) {
	made := make(chan func(), 1)
	var settled atomic.Bool // of the store and a caller that gives up, the one that comes second stops it
	err = s.calls.Call(ctx, func(ctx context.Context) error {
		stop, err := s.store.Follow(ctx, topic, f)
		made <- stop
		if settled.Swap(true) {
			s.unfollow(<-made)
		}
		return err
	})
	switch {
	case err == nil:
		stop := <-made
		return func() { s.unfollow(stop) }, nil
	case settled.Swap(true):
		s.unfollow(<-made)
	}
	return nil, err
}

func (s *storage) unfollow(stop func()) {
	if stop == nil {
		return
	}
	_ = s.calls.Call(context.Background(), func(context.Context) error {
		stop()
		return nil
	})
}

// recordVersion begins what is in a store: the size of the sender and that, and the message as
// it goes between nodes.
const recordVersion = 1

// recordOf returns a broadcast as it is in a store.
func (e *Endpoint) recordOf(b *broadcast) ([]byte, error) {
	message, err := broadcastCodec{e}.Encode(b.Topic, b)
	if err != nil {
		return nil, err
	}
	sender := ""
	if !b.from.IsZero() {
		sender = e.senderOf(b.from)
	}
	data := make([]byte, 0, 2+len(sender)+len(message))
	data = append(binary.AppendUvarint(append(data, recordVersion), uint64(len(sender))), sender...)
	return append(data, message...), nil
}

// broadcastFrom returns what is in a store as a broadcast.
func (e *Endpoint) broadcastFrom(topic string, data []byte) (*broadcast, error) {
	if len(data) == 0 || data[0] != recordVersion {
		return nil, fmt.Errorf("%w: another version", errBroadcast)
	}
	sender, message, ok := cutSized(data[1:])
	if !ok {
		return nil, fmt.Errorf("%w: no sender", errBroadcast)
	}
	b, err := broadcastCodec{e}.parse(topic, message)
	if err != nil {
		return nil, err
	}
	if b.stored = true; strings.HasPrefix(sender, e.id) {
		b.sender = sender
	}
	return b, nil
}

// senderOf returns an actor as the sender of a record.
func (e *Endpoint) senderOf(p actor.PID) string { return e.id + p.String() }

// isOf reports whether a broadcast comes from a store, and is one that this actor is left out of.
func (e *Endpoint) isOf(b *broadcast, p actor.PID) bool {
	return b.sender != "" && b.sender == e.senderOf(p)
}
