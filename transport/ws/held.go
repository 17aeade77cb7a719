package ws

import (
	"sync"

	"github.com/troupe-go/troupe/transport/ws/internal/frame"
)

// held keeps what is broadcast on a channel's topic from when the channel is
// subscribed until its client has been sent the answer to its join: the answer comes
// first, however long it takes to encode, and nothing in between is lost.
type held struct {
	mu     sync.Mutex
	frames []frame.Sealed
	bytes  int
	over   bool // the answer has been sent: nothing is kept any more
}

// passed is what all channels have whose answer has been sent. It is not nil, so that a
// Listen which comes too late finds that there was one, and holds nothing up.
var passed = &held{over: true}

// keep takes a frame that must wait. If it must not wait any more, it reports false;
// if there is no room for it within limit bytes, fits is false. Like a connection's
// queue, this one counts from its second frame.
func (h *held) keep(f frame.Sealed, limit int) (kept, fits bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.over:
		return false, true
	case h.bytes > 0 && h.bytes+f.Len() > limit:
		return true, false
	}
	h.frames = append(h.frames, f)
	h.bytes += f.Len()
	return true, true
}

// release sends what comes first, the answer, if there is one, and what comes next, and then
// what has waited for it. What comes meanwhile on other goroutines waits for the lock, and so
// does not overtake.
func (h *held) release(to transport, first frame.Sealed, next ...frame.Sealed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if first.Messages() > 0 {
		to.send(first)
	}
	for _, f := range next {
		to.send(f)
	}
	for _, f := range h.frames {
		to.send(f)
	}
	h.frames, h.over = nil, true
}
