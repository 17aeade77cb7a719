package pubsub

import (
	"context"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
)

// following is a topic that this node wants from the others: what keeps the adapter, which is
// a [Router], told of it. It is on its topic from the first subscription to the last one.
type following[T any] struct {
	link *link[T]

	// known is closed when the network knows of it, or is not to be waited for any more. The
	// one that has put it on the topic sees to that.
	known chan struct{}
}

// followFor is how long a subscription waits for the network.
const followFor = time.Second

// follow has the topic followed by a link, if there is one that has a Router, and it is not
// yet. It is called under the lock, and reports whether begin is to be called without it.
func (t *topic[T]) follow(l *link[T]) bool {
	if t.following != nil || l == nil || l.cluster.router == nil {
		return false
	}
	t.following = &following[T]{l, make(chan struct{})}
	return true
}

// begin tells the adapter, and waits as well: for the network, or the owner's end.
func (f *following[T]) begin(topic string, owner actor.PID) {
	known := f.tell(topic)
	if known == nil {
		close(f.known)
		return
	}
	limit := time.NewTimer(followFor)
	select {
	case <-known:
	case <-limit.C:
	case <-owner.Done(): // others may wait for it as well
		go func() {
			select {
			case <-known:
			case <-limit.C:
			}
			close(f.known)
		}()
		return
	}
	limit.Stop()
	close(f.known)
}

// tell tells the adapter, and returns what it is to be waited for.
func (f *following[T]) tell(topic string) <-chan struct{} {
	l := f.link
	known, err := foreign.Value(context.Background(), &l.tellingOfTopics, func(context.Context) (<-chan struct{}, error) {
		return l.cluster.router.Follow(l.name + nameEnd + topic), nil
	})
	if err != nil {
		l.ps.logger().Error("the adapter does not follow a topic", "topic", topic, "node", l.cluster.node, "error", err)
	}
	return known
}

// wait waits for begin, or the owner's end. There is nothing to wait for if f is nil.
func (f *following[T]) wait(owner actor.PID) {
	if f == nil {
		return
	}
	select {
	case <-f.known:
	default:
		select {
		case <-f.known:
		case <-owner.Done():
		}
	}
}

// end has the adapter told that the topic is not wanted any more. It does nothing if f is nil. It
// does not wait for the adapter, which may take its time and has nothing to answer: a Follow that
// comes meanwhile may be told first, for they count. So an owner with many topics ends at once.
func (f *following[T]) end(topic string) {
	if f == nil {
		return
	}
	w := &f.link.unwanted
	w.mu.Lock()
	defer w.mu.Unlock()
	w.topics = append(w.topics, topic)
	if !w.telling {
		w.telling = true
		go f.link.tellUnwanted()
	}
}

// unwanted are topics that the adapter is to be told to give up: by one goroutine, which runs while
// there are any. If all were told at once, one pause could make more calls late than topicsMost.
type unwanted struct {
	mu      sync.Mutex
	topics  []string
	telling bool // the goroutine runs
}

// tellUnwanted is the goroutine.
func (l *link[T]) tellUnwanted() {
	for {
		topics := l.unwanted.take()
		if len(topics) == 0 {
			return
		}
		for _, topic := range topics {
			l.giveUp(topic)
		}
	}
}

// take returns what there is. If that is nothing the goroutine is to end.
func (w *unwanted) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	topics := w.topics
	w.topics, w.telling = nil, len(topics) > 0
	return topics
}

// giveUp tells the adapter that the topic is not wanted any more.
func (l *link[T]) giveUp(topic string) {
	err := l.tellingOfTopics.Call(context.Background(), func(context.Context) error {
		l.cluster.router.Unfollow(l.name + nameEnd + topic)
		return nil
	})
	if err != nil {
		l.ps.logger().Error("the adapter does not give up a topic", "topic", topic, "node", l.cluster.node, "error", err)
	}
}

// begun are topics that have just come to be followed, by name.
type begun[T any] map[string]*following[T]

// followAll has the topics followed that there are when a PubSub is connected.
func (ps *PubSub[T]) followAll(l *link[T]) begun[T] {
	started := make(begun[T])
	if l.cluster.router == nil {
		return started
	}
	for i := range ps.shards {
		sh := &ps.shards[i]
		sh.mu.Lock()
		for name, t := range sh.topics.All {
			if t.n > t.wide && t.follow(l) {
				started[name] = t.following
			}
		}
		sh.mu.Unlock()
	}
	return started
}

// begin tells the adapter of all of them, and waits for the network once.
func (b begun[T]) begin() {
	waits := make([]<-chan struct{}, 0, len(b))
	for name, f := range b {
		if known := f.tell(name); known != nil {
			waits = append(waits, known)
		}
	}
	limit := time.NewTimer(followFor)
	defer limit.Stop()
	for late := false; len(waits) > 0 && !late; waits = waits[1:] {
		select {
		case <-waits[0]:
		case <-limit.C:
			late = true
		}
	}
	for _, f := range b {
		close(f.known)
	}
}

// unfollowAll gives up all topics that a link follows, which is not the PubSub's any more.
func (ps *PubSub[T]) unfollowAll(l *link[T]) {
	for i := range ps.shards {
		sh := &ps.shards[i]
		var over []string
		sh.mu.Lock()
		for name, t := range sh.topics.All {
			if t.following != nil {
				over, t.following = append(over, name), nil
			}
		}
		sh.mu.Unlock()
		for _, name := range over {
			l.giveUp(name)
		}
	}
}
