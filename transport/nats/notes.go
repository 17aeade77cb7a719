package nats

import (
	"context"
	"sync"
)

// notes are what is to be logged, or told to the program, by a goroutine of its own: a log or
// an observer may not return.
type notes struct {
	mu   sync.Mutex
	list []func()
	wake chan struct{}
}

// maxNotes is how many may wait.
const maxNotes = 4096

// put does not wait. What there is no room for is left out.
func (n *notes) put(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.list) < maxNotes {
		n.list = append(n.list, f)
	}
	wake(n.wake)
}

// wake has one thing be in a channel with room for one: whatever waits for it looks then, at
// all that has come since.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (n *notes) take() []func() {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.list
	n.list = nil
	return list
}

// run carries them out until ctx is done, and then what is left.
func (n *notes) run(ctx context.Context) {
	for {
		for _, f := range n.take() {
			f()
		}
		select {
		case <-n.wake:
		case <-ctx.Done():
			for _, f := range n.take() {
				f()
			}
			return
		}
	}
}
