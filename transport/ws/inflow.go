package ws

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// inflow bounds the messages of a connection: the bytes that are read and not yet
// handled, and how fast messages may come. What counts is what they hold in memory,
// wherever they wait: on their way to the session, behind a slow channel, or for a
// Join.
type inflow struct {
	pace      pace
	unhandled atomic.Int64
	mu        sync.Mutex
	gate      chan struct{} // what the readers wait for; nil if none does
	opened    bool          // for good
}

// leastWeight is what a message counts for if it is smaller: it takes more memory
// than its bytes.
const leastWeight = 1 << 10

// weight returns what a message that came as data counts for.
func weight(data []byte) int64 { return max(int64(len(data)), leastWeight) }

// hold waits while what comes at the time now comes too fast. It reports false if
// giveUp was closed first.
func (f *inflow) hold(giveUp <-chan struct{}, now time.Duration, s *Socket) bool {
	for {
		wait := f.pace.take(now, s.MaxMessageRate)
		if wait == 0 {
			return true
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
}

// take counts a message for session that came as data at the time now. It waits
// before that while as much as Socket.MaxUnhandled allows is there already, or while
// messages come too fast. It reports false if giveUp was closed first; the message
// does not count then.
//
// What is there is at most one message above the limit for each caller, so a message
// larger than the limit passes as well.
func (f *inflow) take(giveUp <-chan struct{}, now time.Duration, s *Socket, session actor.Ref[sessionMsg], data []byte) bool {
	if !f.hold(giveUp, now, s) {
		return false
	}
	for f.unhandled.Load() >= int64(s.MaxUnhandled) {
		gate := f.closeGate(s)
		if gate == nil {
			break
		}
		if !f.wait(gate, giveUp, s, session) {
			return false
		}
	}
	f.unhandled.Add(weight(data))
	return true
}

// closeGate returns what to wait for, or nil if there is nothing to wait for any more.
func (f *inflow) closeGate(s *Socket) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	// Looked at again under the lock: done may have seen no gate to open.
	if f.opened || f.unhandled.Load() < int64(s.MaxUnhandled) {
		return nil
	}
	if f.gate == nil {
		f.gate = make(chan struct{})
	}
	return f.gate
}

// wait waits for the gate. It tells the session if nothing is handled for so long that
// a client which is read would have been given up.
func (f *inflow) wait(gate, giveUp <-chan struct{}, s *Socket, session actor.Ref[sessionMsg]) bool {
	stuck := time.NewTimer(s.IdleTimeout)
	defer stuck.Stop()
	for there := f.unhandled.Load(); ; {
		select {
		case <-gate:
			return true
		case <-giveUp:
			return false
		case <-stuck.C:
			if now := f.unhandled.Load(); now < there {
				there = now
			} else {
				session.Send(sessionMsg{op: opStuck})
			}
			stuck.Reset(s.IdleTimeout)
		}
	}
}

// done tells that messages which count for n have been handled.
func (f *inflow) done(n int64, s *Socket) {
	if n == 0 {
		return
	}
	half := int64(s.MaxUnhandled) / 2
	left := f.unhandled.Add(-n)
	if left <= half && left+n > half {
		f.mu.Lock()
		f.openLocked()
		f.mu.Unlock()
	}
}

// open lets the readers through from now on.
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
