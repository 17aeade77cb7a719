package actortest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Inbox keeps what arrives for a test until the test takes it. Any goroutine may put
// something in, so that Put serves as the callback of an observer or of a subscriber:
//
//	var events actortest.Inbox[actor.Event]
//	sys.Observe(events.Put)
//
// The zero Inbox is empty and ready for use. It must not be copied.
type Inbox[M any] struct {
	mu      sync.Mutex
	waiting []M           // what the test has not taken
	latest  []M           // the last that came, taken or not
	count   int           // how many have come
	changed chan struct{} // if not nil, closed when something comes
}

// remembered is how much of what came a failure shows.
const remembered = 20

// Put adds m. It does not wait.
func (b *Inbox[M]) Put(m M) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, m)
	if b.count++; len(b.latest) == remembered {
		b.latest = slices.Delete(b.latest, 0, 1)
	}
	b.latest = append(b.latest, m)
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// Take removes the first thing that matches and returns it, or reports false if none
// has come within limit. What does not match stays. match must not use the Inbox.
//
// Erlang: a selective receive with after.
func (b *Inbox[M]) Take(limit time.Duration, match func(M) bool) (m M, ok bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		m, ok, changed := b.take(match)
		if ok {
			return m, true
		}
		select {
		case <-changed:
		case <-timer.C:
			return m, false
		}
	}
}

// take is Take without waiting: if nothing matches, it returns what to wait for.
func (b *Inbox[M]) take(match func(M) bool) (m M, ok bool, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.IndexFunc(b.waiting, match); i >= 0 {
		m = b.waiting[i]
		b.waiting = slices.Delete(b.waiting, i, i+1)
		return m, true, nil
	}
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return m, false, b.changed
}

// Has reports whether something that matches is there, and leaves it there.
func (b *Inbox[M]) Has(match func(M) bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.waiting, match)
}

// Account describes what has come, for the message of a failure: how much, how much of
// it has not been taken, and the last 20, each as show prints it.
func (b *Inbox[M]) Account(show func(M) string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.count == 0 {
		return "nothing has come at all"
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%d have come in all", b.count)
	if n := len(b.waiting); n > 0 {
		fmt.Fprintf(&s, ", %d of them not taken", n)
	}
	if b.count > len(b.latest) {
		fmt.Fprintf(&s, ", of which the last %d", len(b.latest))
	}
	s.WriteString(":")
	for _, m := range b.latest {
		s.WriteString("\n  " + show(m))
	}
	return s.String()
}
