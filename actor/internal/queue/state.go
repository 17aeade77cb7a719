package queue

import (
	"runtime"
	"sync/atomic"
)

// state is a spin lock and, in the same word, the flags that it guards. One atomic
// operation takes the lock and reads the flags; the one that releases the lock changes
// them. A receiver that has nothing to do goes to sleep without the lock, by a
// compare-and-swap of the whole word.
//
// The lock guards the few instructions of a push or a take, and never user code.
// Under eight producers on two cores it is three times as fast as a sync.Mutex,
// which parks and wakes goroutines for a wait of nanoseconds. It yields after a
// few failed tries, because the holder may have been descheduled, and spinning
// would keep it from running.
//
// Above the flags it counts the messages that were handed over; see rouse.
type state struct{ word atomic.Uint64 }

const (
	locked  uint64 = 1 << iota
	awake          // there is a receiver, or one is about to be started
	closed         // nothing may be added
	waiting        // something may wait in the queue; never unset while it does

	handedOver // counts from here
	flagMask   = handedOver - 1
)

// flags returns the flags as they are now.
func (s *state) flags() uint64 { return s.word.Load() &^ locked }

// lock takes the lock and returns the flags, with the count.
func (s *state) lock() (flags uint64) {
	flags = s.word.Load()
	if flags&locked == 0 && s.word.CompareAndSwap(flags, flags|locked) {
		return flags
	}
	return s.lockSlow()
}

const spinTries = 20

func (s *state) lockSlow() (flags uint64) {
	for try := 1; ; try++ {
		flags = s.word.Load()
		if flags&locked == 0 && s.word.CompareAndSwap(flags, flags|locked) {
			return flags
		}
		if try%spinTries == 0 {
			runtime.Gosched()
		}
	}
}

// unlock releases the lock and sets the flags.
func (s *state) unlock(flags uint64) { s.word.Store(flags) }

// unlockAwake is unlock with the receiver marked awake, and told that something
// waits. The flag changes under the lock that also guards the queue, so a receiver
// that goes to sleep has seen it empty, and a sender that comes later sees the
// receiver asleep: no wake-up is lost, and only one sender is told to wake.
func (s *state) unlockAwake(flags uint64) Outcome {
	s.unlock(flags | awake | waiting)
	if flags&awake == 0 {
		return Wake
	}
	return Queued
}

// rouse marks the receiver awake if it is asleep and nothing waits for it, and counts
// the message that the caller has for it; otherwise it returns false. After true the
// caller is the receiver until it starts one: what belongs to the receiver is the
// caller's, without a lock.
func (s *state) rouse() bool {
	w := s.word.Load()
	return w&flagMask == 0 && s.word.CompareAndSwap(w, w+handedOver|awake)
}

// sleep marks the receiver asleep. It returns false if something may wait, or if the
// queue is closed.
func (s *state) sleep() bool {
	w := s.word.Load()
	return w&flagMask == awake && s.word.CompareAndSwap(w, w&^awake)
}
