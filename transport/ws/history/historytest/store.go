// Package historytest has a [history.Store] in memory, with faults on demand, and tests that
// each store must pass.
package historytest

import (
	"bytes"
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/transport/ws/history"
)

// Store is a [history.Store] in the memory of a test: endpoints that share one are nodes of a
// cluster. The zero Store keeps everything. Topics share one numbering, as they do on JetStream.
type Store struct {
	// Keep is how many records of a topic are kept; all if 0.
	Keep int

	mu     sync.Mutex
	fail   func(ctx context.Context, operation, topic string) error
	lose   func(topic string, r history.Record) bool
	epoch  string
	top    uint64
	topics map[string]*log
	reads  map[string]int
}

// log is a topic.
type log struct {
	records   []history.Record
	keys      map[string]bool
	lost      uint64
	last      uint64
	followers map[*follower]struct{}
}

type follower struct{ history.Follower }

// Fail has f called before each operation, "append", "appended", which is when a record has been
// kept and its appender has not been told, "since" and "follow". It may block, panic or fail, as
// the store then does. nil ends that.
func (s *Store) Fail(f func(ctx context.Context, operation, topic string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

// Lose has f decide whether followers are not told of a record. nil ends that.
func (s *Store) Lose(f func(topic string, r history.Record) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose = f
}

func (s *Store) fault(ctx context.Context, operation, topic string) error {
	s.mu.Lock()
	f := s.fail
	s.mu.Unlock()
	if f == nil {
		return context.Cause(ctx)
	}
	return f(ctx, operation, topic)
}

// topic returns a log, under the lock.
func (s *Store) topic(name string) *log {
	if s.topics == nil {
		s.topics, s.reads = map[string]*log{}, map[string]int{}
	}
	if s.epoch == "" {
		s.epoch = rand.Text()
	}
	l := s.topics[name]
	if l == nil {
		l = &log{keys: map[string]bool{}, followers: map[*follower]struct{}{}}
		s.topics[name] = l
	}
	return l
}

// Append implements [history.Store].
func (s *Store) Append(ctx context.Context, topic, key string, data []byte) error {
	if err := s.fault(ctx, "append", topic); err != nil {
		return err
	}
	s.append(topic, key, data)
	return s.fault(ctx, "appended", topic)
}

func (s *Store) append(topic, key string, data []byte) {
	s.mu.Lock()
	l := s.topic(topic)
	if key != "" && l.keys[key] {
		s.mu.Unlock()
		return
	}
	l.keys[key] = true
	s.top++
	r := history.Record{Offset: s.top, Previous: l.last, At: time.Now(), Data: bytes.Clone(data)}
	l.records = append(l.records, r)
	l.last = s.top
	for s.Keep > 0 && len(l.records) > s.Keep {
		l.lost = l.records[0].Offset
		l.records = l.records[1:]
	}
	followers, lose := slices.Collect(maps.Keys(l.followers)), s.lose
	s.mu.Unlock()
	if lose != nil && lose(topic, r) {
		return
	}
	for _, f := range followers {
		f.Deliver(r)
	}
}

// Since implements [history.Store].
func (s *Store) Since(ctx context.Context, topic string, after uint64, limit int) (history.Span, error) {
	if err := s.fault(ctx, "since", topic); err != nil {
		return history.Span{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.topic(topic)
	s.reads[topic]++
	span := history.Span{Epoch: s.epoch, Lost: l.lost, Top: s.top}
	for _, r := range l.records {
		switch {
		case r.Offset <= after:
		case len(span.Records) == limit:
			span.More, span.Top = true, span.Records[limit-1].Offset
			return span, nil
		default:
			r.Previous = 0
			span.Records = append(span.Records, r)
		}
	}
	return span, nil
}

// Follow implements [history.Store].
func (s *Store) Follow(ctx context.Context, topic string, f history.Follower) (stop func(), err error) {
	if err := s.fault(ctx, "follow", topic); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one, l := &follower{f}, s.topic(topic)
	l.followers[one] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(l.followers, one)
	}, nil
}

// Forget has the store lose all that it has, and begin anew. Followers go on.
func (s *Store) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch, s.top = "", 0
	for _, l := range s.topics {
		l.records, l.lost, l.last, l.keys = nil, 0, 0, map[string]bool{}
	}
}

// Recheck has all followers of a topic look for what they may have missed.
func (s *Store) Recheck(topic string) {
	s.mu.Lock()
	followers := slices.Collect(maps.Keys(s.topic(topic).followers))
	s.mu.Unlock()
	for _, f := range followers {
		f.Recheck()
	}
}

// Reads returns how often a topic has been read.
func (s *Store) Reads(topic string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads[topic]
}

// Followers returns how many follow a topic.
func (s *Store) Followers(topic string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.topic(topic).followers)
}

// Top returns the offset of the last record of a topic, and up to which some are lost.
func (s *Store) Top(topic string) (last, lost uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.topic(topic)
	return l.last, l.lost
}
