package ws

import "sync"

// backlog is calls that are still to be made, in order, on a goroutine of their own. What adds one
// may hold locks for which others wait, a row's of an audience or a tether's, and waits for none:
// they are for users' code, which takes its time. Each bounds itself what it calls.
type backlog struct {
	mu      sync.Mutex
	waiting []func()
	busy    bool // there is a goroutine that makes them
}

// mostWaiting is how many may wait. If there are more they are lost.
const mostWaiting = 1000

func (l *backlog) add(call func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) >= mostWaiting {
		return
	}
	l.waiting = append(l.waiting, call)
	if !l.busy {
		l.busy = true
		go l.run()
	}
}

// run makes all that wait.
func (l *backlog) run() {
	for call := l.next(); call != nil; call = l.next() {
		call()
	}
}

// next returns one that waits; nil, and the goroutine ends: none does.
func (l *backlog) next() (call func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.waiting, l.busy = nil, false
		return nil
	}
	call, l.waiting[0] = l.waiting[0], nil
	l.waiting = l.waiting[1:]
	return call
}
