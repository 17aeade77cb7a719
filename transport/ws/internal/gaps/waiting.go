package gaps

import (
	"math"
	"sync"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// Waiting is the gap of one topic that waits for its actor to be told of it. Those that come
// meanwhile are added to it, so an actor that is slow has one to wait for it and no more.
// The zero Waiting is empty.
type Waiting struct {
	mu    sync.Mutex
	gap   pubsub.Gap
	waits bool
}

// Add adds a gap. It reports whether none was waiting: then the actor is to be sent what makes
// it call Take.
func (w *Waiting) Add(g pubsub.Gap) (first bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if first = !w.waits; first {
		w.gap, w.waits = g, true
		return first
	}
	w.gap.Anywhere = w.gap.Anywhere || g.Anywhere
	if w.gap.Messages += g.Messages; w.gap.Messages < g.Messages {
		w.gap.Messages = math.MaxUint64
	}
	return first
}

// Take returns the gap that has waited.
func (w *Waiting) Take() pubsub.Gap {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waits = false
	return w.gap
}
