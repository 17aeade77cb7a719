package nats

import (
	"strconv"
	"sync"
)

// topicHash stands for a topic in subjects, which cannot be any string. Two topics that have
// one share their subject and its numbers, and cost each other's nodes a message: no more.
type topicHash uint64

// hashOf returns a topic's hash, FNV-1a: all nodes must agree on it.
func hashOf(topic string) topicHash {
	h := uint64(14695981039346656037)
	for i := range len(topic) {
		h = (h ^ uint64(topic[i])) * 1099511628211
	}
	return topicHash(h)
}

// token is how the hash stands in a subject.
func (h topicHash) token() string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = digits[h>>(60-4*i)&15]
	}
	return string(b[:])
}

// topicNamed returns the hash that has the token.
func topicNamed(token string) (topicHash, bool) {
	if len(token) != 16 {
		return 0, false
	}
	h, err := strconv.ParseUint(token, 16, 64)
	return topicHash(h), err == nil
}

// follows counts how often each topic is followed by this node, from one membership to the
// next. What counts down before it counts up is below zero for a moment.
type follows struct {
	mu     sync.Mutex
	counts map[topicHash]int
	routes *routes // of the membership; nil if there is none that chooses
}

// Follow implements [pubsub.Router]. The server is told soon after, together with the other
// topics of that moment, and is waited for as long as a round trip takes, a second at most.
// While the node is away there is nothing to wait for: the server is told before it passes on
// anything else.
//
// What is known is the server that the node is connected to. If others send through another
// server of the cluster, that hears of it a moment later.
func (a *Adapter) Follow(topic string) (known <-chan struct{}) {
	h, f := hashOf(topic), &a.follows
	f.mu.Lock()
	defer f.mu.Unlock()
	switch f.add(h, 1); {
	case f.routes == nil:
		return nil
	case f.counts[h] == 1:
		return f.routes.want(h)
	}
	return f.routes.known(h)
}

// Unfollow implements [pubsub.Router]. The server is told some seconds later, unless the topic
// is followed again by then.
func (a *Adapter) Unfollow(topic string) {
	h, f := hashOf(topic), &a.follows
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.add(h, -1); f.counts[h] == 0 && f.routes != nil {
		f.routes.leave(h)
	}
}

func (f *follows) add(h topicHash, n int) {
	if f.counts == nil {
		f.counts = make(map[topicHash]int)
	}
	if f.counts[h] += n; f.counts[h] == 0 {
		delete(f.counts, h)
	}
}

// begin has a membership's routes lead to what is followed, from now on.
func (f *follows) begin(r *routes) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.routes = r
	for h, n := range f.counts {
		if n > 0 {
			r.want(h)
		}
	}
}

// end is the end of a membership.
func (f *follows) end(r *routes) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.routes == r {
		f.routes = nil
	}
}
