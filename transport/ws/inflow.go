package ws

import (
	"sync"
	"sync/atomic"
	"time"
)

// inflowLimit is how many messages of a client may wait to be handled before its
// connection is not read any further.
const inflowLimit = 1024

// inflow bounds the messages of a connection: those that are read and not yet
// handled, and how fast they may come.
type inflow struct {
	pace      pace
	unhandled atomic.Int64
	mu        sync.Mutex
	gate      chan struct{} // what the reader waits for; nil if it does not
	opened    bool          // for good
}

// take counts a message that came at the time now and waits while there are too
// many, or while they come faster than rate. It reports false if giveUp was closed
// first; the message does not count then.
func (f *inflow) take(giveUp <-chan struct{}, now time.Duration, rate int) bool {
	for {
		wait := f.pace.take(now, rate)
		if wait == 0 {
			break
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			now += wait
		case <-giveUp:
			timer.Stop()
			return false
		}
	}
	if f.unhandled.Add(1) < inflowLimit {
		return true
	}
	f.mu.Lock()
	// Looked at again under the lock: done may have seen no gate to open.
	if f.opened || f.unhandled.Load() < inflowLimit {
		f.mu.Unlock()
		return true
	}
	if f.gate == nil {
		f.gate = make(chan struct{})
	}
	gate := f.gate
	f.mu.Unlock()
	select {
	case <-gate:
		return true
	case <-giveUp:
		f.done(1)
		return false
	}
}

// done tells that n messages need not be waited for any more.
func (f *inflow) done(n int64) {
	if n == 0 {
		return
	}
	left := f.unhandled.Add(-n)
	if left < inflowLimit/2 && left+n >= inflowLimit/2 {
		f.mu.Lock()
		f.openLocked()
		f.mu.Unlock()
	}
}

// open lets the reader through from now on.
func (f *inflow) open() {
	f.mu.Lock()
	f.opened = true
	f.openLocked()
	f.mu.Unlock()
}

func (f *inflow) openLocked() {
	if f.gate != nil {
		close(f.gate)
		f.gate = nil
	}
}
