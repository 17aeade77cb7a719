package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/transport/ws/history"
)

// historyFeed is what a node hears of the topics of a History that it follows: a subscription
// for each, and one goroutine, which runs while there are any.
type historyFeed struct {
	mu     sync.Mutex
	topics map[string]*followedTopic // by the subject of what has been appended
	came   chan *nats.Msg
	end    chan struct{} // closed when nothing is followed any more
}

// followedTopic is one of them.
type followedTopic struct {
	sub       *nats.Subscription
	followers map[*historyFollower]struct{}
}

type historyFollower struct{ history.Follower }

// feedRoom is how many messages may wait to be handed to their topics. What there is no room
// for is read from the stream.
const feedRoom = 1024

// Follow implements [history.Store].
func (h *History) Follow(ctx context.Context, topic string, f history.Follower) (stop func(), err error) {
	if err := h.check(ctx); err != nil {
		return nil, err
	}
	one, subject := &historyFollower{f}, h.on(topic)
	if err := h.live.add(h.Conn, subject, one); err != nil {
		return nil, err
	}
	_, err = h.flushes.get(ctx, func(ctx context.Context) (struct{}, error) {
		if err := h.Conn.FlushWithContext(ctx); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, h.refused()
	})
	if err != nil {
		h.live.remove(subject, one)
		return nil, err
	}
	return func() { h.live.remove(subject, one) }, nil
}

// refused returns why what is subscribed to may be deaf. The server says it before it answers a
// flush, and the connection knows the last of what it was told, until it is made anew. Where the
// number of subscriptions is bounded nobody is told which was refused, and permissions are those
// of all topics: so one that is refused stands for all that ask meanwhile.
func (h *History) refused() error {
	err := h.Conn.LastError()
	if errors.Is(err, nats.ErrMaxSubscriptionsExceeded) ||
		errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), fmt.Sprintf("Subscription to \"%s.on.", h.stream())) {
		return fmt.Errorf("nats: follow a history: %w", err)
	}
	return nil
}

func (l *historyFeed) add(conn *nats.Conn, subject string, f *historyFollower) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.topics[subject]; t != nil {
		t.followers[f] = struct{}{}
		return nil
	}
	came, end := l.came, l.end
	if len(l.topics) == 0 {
		came, end = make(chan *nats.Msg, feedRoom), make(chan struct{})
	}
	sub, err := conn.ChanSubscribe(subject, came)
	if err != nil {
		return err
	}
	if len(l.topics) == 0 {
		l.topics, l.came, l.end = make(map[string]*followedTopic), came, end
		changes := conn.StatusChanged(nats.CONNECTED)
		go l.run(conn, changes, came, end)
	}
	l.topics[subject] = &followedTopic{sub, map[*historyFollower]struct{}{f: {}}}
	return nil
}

func (l *historyFeed) remove(subject string, f *historyFollower) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.topics[subject]
	if t == nil {
		return
	}
	if delete(t.followers, f); len(t.followers) > 0 {
		return
	}
	_ = t.sub.Unsubscribe() // fails if the connection is closed
	if delete(l.topics, subject); len(l.topics) == 0 {
		close(l.end)
	}
}

// run hands on what comes, and has all look for what they have missed when something was lost
// for sure.
func (l *historyFeed) run(conn *nats.Conn, changes chan nats.Status, came chan *nats.Msg, end chan struct{}) {
	defer conn.RemoveStatusListener(changes)
	full := false
	for {
		select {
		case m := <-came:
			full = full || len(came) == cap(came)-1 // it was full before this one
			l.deliver(m)
			if full && len(came) == 0 {
				full = false
				l.recheck()
			}
		case _, open := <-changes: // the connection is back
			if !open {
				changes = nil
			}
			l.recheck()
		case <-end:
			return
		}
	}
}

func (l *historyFeed) deliver(m *nats.Msg) {
	r, err := recordOf(m)
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.topics[m.Subject]
	if t == nil {
		return
	}
	for f := range t.followers { // they do not block
		if err != nil { // something is there, and not what it should be
			f.Recheck()
		} else {
			f.Deliver(r)
		}
	}
}

func (l *historyFeed) recheck() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.topics {
		for f := range t.followers {
			f.Recheck()
		}
	}
}
