package limit

import (
	"sync"
	"sync/atomic"
	"time"
)

// Inflow bounds the bytes of a client's messages that have been read and are not yet
// handled. A message counts for what it holds in memory, wherever it waits: on its way
// to the session, behind a slow channel, or for a Join. The zero Inflow is ready for
// use, by any number of goroutines.
type Inflow struct {
	unhandled atomic.Int64
	mu        sync.Mutex
	gate      chan struct{} // what the readers wait for; nil if none does, open after Open
}

// open is the gate of an Inflow that holds nothing back any more.
var open = make(chan struct{})

// Budget is what an Inflow lets through.
type Budget struct {
	Bytes    int           // that may be unhandled for one more message to be let in
	Patience time.Duration // for how long it is borne that nothing is handled
}

// leastWeight is what a message counts for if it is smaller: it takes more memory
// than its bytes.
const leastWeight = 1 << 10

// Weight returns what a message that came as data counts for.
func Weight(data []byte) int64 { return max(int64(len(data)), leastWeight) }

// Take counts a message that came as data. It waits before that while the budget is
// used up, and calls stuck whenever nothing has been handled for the budget's patience.
// It reports false if giveUp was closed first; the message does not count then.
//
// Each caller may exceed the budget by one message, so a message that is larger than
// the budget passes as well.
func (f *Inflow) Take(giveUp <-chan struct{}, data []byte, b Budget, stuck func()) bool {
	for f.unhandled.Load() >= int64(b.Bytes) {
		gate := f.closeGate(b)
		if gate == nil {
			break
		}
		if !f.wait(gate, giveUp, b.Patience, stuck) {
			return false
		}
	}
	f.unhandled.Add(Weight(data))
	return true
}

// closeGate returns what to wait for, or nil if there is nothing to wait for any more.
func (f *Inflow) closeGate(b Budget) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	// Looked at again under the lock: Done may have seen no gate to open.
	if f.gate == open || f.unhandled.Load() < int64(b.Bytes) {
		return nil
	}
	if f.gate == nil {
		f.gate = make(chan struct{})
	}
	return f.gate
}

// wait waits for the gate.
func (f *Inflow) wait(gate, giveUp <-chan struct{}, patience time.Duration, stuck func()) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for there := f.unhandled.Load(); ; {
		select {
		case <-gate:
			return true
		case <-giveUp:
			return false
		case <-timer.C:
			if now := f.unhandled.Load(); now < there {
				there = now
			} else {
				stuck()
			}
			timer.Reset(patience)
		}
	}
}

// Done tells that messages which count for n have been handled. The budget is that of
// Take; readers go on when half of it is free.
func (f *Inflow) Done(n int64, b Budget) {
	if n == 0 {
		return
	}
	half := int64(b.Bytes) / 2
	left := f.unhandled.Add(-n)
	if left <= half && left+n > half {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.releaseLocked(nil)
	}
}

// Open lets all readers through from now on, whatever is unhandled.
func (f *Inflow) Open() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.releaseLocked(open)
}

// releaseLocked lets those through that wait, and leaves the next gate.
func (f *Inflow) releaseLocked(next chan struct{}) {
	if f.gate == open {
		return
	}
	if f.gate != nil {
		close(f.gate)
	}
	f.gate = next
}
