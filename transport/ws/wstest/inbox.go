package wstest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/troupe-go/troupe/transport/ws/internal/wire"
)

// inbox is what has come and has not been taken by an assertion. Any goroutine fills
// it, the test empties it.
type inbox struct {
	mu      sync.Mutex
	waiting []wire.Message
	history []string // the last that came, taken or not
	count   int
	changed chan struct{} // if not nil, closed when something comes
}

// remembered is how much of the history a failure shows.
const remembered = 20

func (b *inbox) put(m wire.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, m)
	if b.count++; len(b.history) == remembered {
		b.history = slices.Delete(b.history, 0, 1)
	}
	b.history = append(b.history, fmt.Sprintf("on %q: %s", m.Topic, show(m)))
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// await waits for a message and takes it. Those before it stay.
func (b *inbox) await(limit time.Duration, match func(wire.Message) bool) (m wire.Message, ok bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		b.mu.Lock()
		if i := slices.IndexFunc(b.waiting, match); i >= 0 {
			m = b.waiting[i]
			b.waiting = slices.Delete(b.waiting, i, i+1)
			b.mu.Unlock()
			return m, true
		}
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-timer.C:
			return m, false
		}
	}
}

// has reports whether there is a message, and leaves it there.
func (b *inbox) has(match func(wire.Message) bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.waiting, match)
}

// account tells what has come, for a failure.
func (b *inbox) account() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.count == 0 {
		return "nothing has come at all"
	}
	last := ""
	if b.count > len(b.history) {
		last = fmt.Sprintf(", of which the last %d", len(b.history))
	}
	return fmt.Sprintf("%d have come in all, %d of them not taken%s:\n  %s",
		b.count, len(b.waiting), last, strings.Join(b.history, "\n  "))
}

// show prints a message.
func show(m wire.Message) string {
	payload := string(m.JSON())
	if m.Binary {
		payload = fmt.Sprintf("%q", m.Data)
	}
	if m.Event == wire.EventReply {
		return fmt.Sprintf("reply %q to message %s: %s", m.Status, m.Ref, payload)
	}
	return fmt.Sprintf("%q %s", m.Event, payload)
}
