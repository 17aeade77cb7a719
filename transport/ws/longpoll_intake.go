package ws

import (
	"context"
	"sync"
)

// intake is the way of a polling client's messages to its session, in order and no
// faster than take lets them pass. What take holds back waits here, so that a POST
// can be answered before its client gives up on it; and when much waits here, POSTs
// are not read any further.
type intake struct {
	turn chan struct{}         // holds what stands for the POST that is read
	take func(sessionMsg) bool // waits until the session may have it; false at the session's end

	mu      sync.Mutex
	held    []sessionMsg
	bytes   int           // of those, and of the one that take has in hand
	feeding bool          // a goroutine hands them over
	few     int           // what the waiting POST waits for bytes to fall to
	wake    chan struct{} // closed then; nil if there is none
}

// messageOverhead is what a message counts besides its bytes.
const messageOverhead = 128

func newIntake(take func(sessionMsg) bool) intake {
	return intake{turn: make(chan struct{}, 1), take: take}
}

// enter waits until no other POST of the client is read. If it returns nil, leave
// must follow.
func (in *intake) enter(ctx context.Context) error {
	select {
	case in.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (in *intake) leave() { <-in.turn }

// put adds a message, when there is room for it: limit bytes may wait, or one
// message that is larger. Only what has entered may call it.
func (in *intake) put(ctx context.Context, m sessionMsg, limit int) error {
	size := len(m.data) + messageOverhead
	in.mu.Lock()
	defer in.mu.Unlock()
	if err := in.awaitLocked(ctx, max(limit-size, 0)); err != nil {
		return err
	}
	in.held = append(in.held, m)
	in.bytes += size
	if !in.feeding {
		in.feeding = true
		go in.feed()
	}
	return nil
}

// empty waits until the session has all there is. Only what has entered may call it.
func (in *intake) empty(ctx context.Context) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.awaitLocked(ctx, 0)
}

// awaitLocked waits until there are no more bytes than few.
func (in *intake) awaitLocked(ctx context.Context, few int) error {
	if in.bytes <= few {
		return ctx.Err()
	}
	wake := make(chan struct{})
	in.few, in.wake = few, wake
	in.mu.Unlock()
	defer in.mu.Lock()
	select {
	case <-wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// feed hands the messages over, until there are none.
func (in *intake) feed() {
	for {
		in.mu.Lock()
		if len(in.held) == 0 {
			in.held, in.feeding = nil, false
			in.mu.Unlock()
			return
		}
		m := in.held[0]
		in.held[0] = sessionMsg{} // the array stays
		in.held = in.held[1:]
		in.mu.Unlock()
		taken := in.take(m)
		in.mu.Lock()
		if in.bytes -= len(m.data) + messageOverhead; !taken {
			in.held, in.bytes = nil, 0
		}
		if in.wake != nil && in.bytes <= in.few {
			close(in.wake)
			in.wake = nil
		}
		in.mu.Unlock()
	}
}
