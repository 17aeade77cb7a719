package pubsub

import (
	"sync"
	"time"
)

// Message is what an [Adapter] has for a [Receiver].
type Message struct {
	From  string // the node
	Topic string
	Data  []byte
}

// Stream is a [Receiver] that takes what has come without being called for each message: that
// is cheaper, since one goroutine is begun for all of it, and not one for each. An adapter may
// ask for it, and use it in place of Receive.
type Stream interface {
	Receiver

	// ReceiveAll receives what next returns, one after the other, until that reports false. It
	// calls next from any goroutine, one call at a time and none once it has returned. When
	// next is called, what it returned before has been received.
	ReceiveAll(next func() (Message, bool))
}

// session is a ReceiveAll. A goroutine of its own, the worker, takes what there is and calls
// codecs and subscribers; the adapter's waits, and goes on with another worker without one that
// does not return from a call, or has ended in it.
type session struct {
	next func() (Message, bool)

	mu     sync.Mutex
	worker *worker // that may take; any other one has been left alone
	taken  uint64  // messages so far
	now    step    // nil until the message is one for subscribers
}

// worker is a goroutine that receives.
type worker struct {
	session *session
	over    chan bool // says whether there may be more
}

// step is the calls that a message leads to.
type step interface {
	at() any // what is being called; it changes with each call
	giveUp() // goes on without that
}

// ReceiveAll implements [Stream].
func (r receiver) ReceiveAll(next func() (Message, bool)) {
	s := &session{next: next}
	limit := time.NewTimer(deliverFor)
	defer limit.Stop()
	for more := true; more; {
		w := &worker{s, make(chan bool, 1)}
		s.mu.Lock()
		s.worker = w
		s.mu.Unlock()
		go w.run(r)
		more = s.attend(w, limit)
	}
}

// run receives until there is nothing more. What it calls may end the goroutine.
func (w *worker) run(r receiver) {
	more := true
	defer func() { w.over <- more }()
	for {
		m, ok := w.take()
		if !ok {
			more = false
			return
		}
		r.receive(m, w)
	}
}

// take returns the next message. It reports false if there is none, and if w has been left
// alone: then it is another one's.
func (w *worker) take() (m Message, ok bool) {
	s := w.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.worker != w {
		return m, false
	}
	s.now = nil
	s.taken++
	return s.next()
}

// begins notes what is about to be called.
func (w *worker) begins(st step) {
	s := w.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.worker == w {
		s.now = st
	}
}

// attend waits for a worker, and gives up a call that does not return. It reports whether there
// may be more.
func (s *session) attend(w *worker, limit *time.Timer) (more bool) {
	taken, at := s.look()
	limit.Reset(deliverFor) // what the worker before had left of it is not this one's
	for {
		select {
		case more := <-w.over:
			return more
		case <-limit.C:
			limit.Reset(deliverFor)
		}
		before, place := taken, at
		if taken, at = s.look(); taken != before || at != place || taken == 0 {
			continue
		}
		if st := s.leaveAlone(taken, at); st != nil {
			st.giveUp()
			return true
		}
	}
}

// look returns where the worker is.
func (s *session) look() (taken uint64, at any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now != nil {
		at = s.now.at()
	}
	return s.taken, at
}

// leaveAlone leaves the worker alone if it is where it was, and returns what is to be given up.
func (s *session) leaveAlone(taken uint64, at any) step {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil || s.taken != taken || s.now.at() != at {
		return nil
	}
	s.worker = nil
	return s.now
}
