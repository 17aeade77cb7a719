package ws

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"

	"github.com/troupe-go/troupe/actor"
)

// poller is the transport of a client that polls: what is sent to it waits until
// it asks.
type poller struct {
	endpoint *Endpoint
	id       uuid.UUID
	socket   *Socket
	session  actor.Ref[sessionMsg]
	inflow   inflow

	mu      sync.Mutex
	queue   []frame
	queued  int           // bytes
	refused bool          // the queue was full
	ended   bool          // the session has ended
	waiting chan struct{} // of the poll that waits, closed to wake it; nil if none does
	expiry  *time.Timer   // runs while there is no poll
}

// errPollBinary says that bytes cannot go to a client that polls.
var errPollBinary = errors.New("ws: there are no binary messages to clients that poll")

// errNoPoll says that a client has stopped polling.
var errNoPoll = errors.New("ws: the client does not poll any more")

func newPoller(e *Endpoint, s *Socket, id uuid.UUID) *poller {
	return &poller{endpoint: e, id: id, socket: s}
}

// attach implements transport. From now on the client must poll.
func (p *poller) attach(session actor.Ref[sessionMsg]) {
	p.session = session
	p.expiry = time.AfterFunc(p.patience(), func() { session.Send(sessionMsg{op: opHangup, err: errNoPoll}) })
	p.endpoint.polls.Store(p.id, p)
}

// patience is how long a client may go without a poll.
func (p *poller) patience() time.Duration { return p.socket.PollWindow * 3 / 2 }

// poll returns what waits for the client, or what comes within the window. It
// reports false if nothing does and the session has ended. A poll that begins
// while another one waits takes its place.
func (p *poller) poll(ctx context.Context) (frames []frame, alive bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wakeLocked()
	if len(p.queue) == 0 && !p.ended {
		mine := make(chan struct{})
		p.waiting = mine
		p.expiry.Stop()
		p.mu.Unlock()
		window := time.NewTimer(p.socket.PollWindow)
		select {
		case <-mine:
		case <-window.C:
		case <-ctx.Done():
		}
		window.Stop()
		p.mu.Lock()
		if p.waiting != nil && p.waiting != mine {
			return nil, true // another poll will get it
		}
		p.waiting = nil
	}
	if !p.ended {
		p.expiry.Reset(p.patience())
	}
	if ctx.Err() != nil { // nobody would hear it
		return nil, true
	}
	frames, p.queue, p.queued = p.queue, nil, 0
	return frames, !p.ended
}

func (p *poller) wakeLocked() {
	if p.waiting != nil {
		close(p.waiting)
		p.waiting = nil
	}
}

// send implements transport. There is no binary message to a client that polls.
func (p *poller) send(f frame) {
	if f.isBinary() {
		p.endpoint.log.Warn("message not delivered", "error", errPollBinary)
		p.endpoint.drop(p.socket, "", "", errPollBinary)
		return
	}
	p.mu.Lock()
	if p.refused || p.ended {
		p.mu.Unlock()
		return
	}
	if p.queued > 0 && p.queued+len(f.bytes) > p.socket.MaxQueue {
		p.refused = p.socket.Overflow == CloseSlow
		p.mu.Unlock()
		p.endpoint.overflow(p.socket, p.session)
		return
	}
	p.endpoint.out.Add(1)
	p.queue = append(p.queue, f)
	p.queued += len(f.bytes)
	p.wakeLocked()
	p.mu.Unlock()
}

// name implements transport.
func (p *poller) name() string { return "longpoll" }

// handled implements transport.
func (p *poller) handled(n int64) { p.inflow.done(n) }

// closeWith implements transport. A client that polls is told by status 410.
func (p *poller) closeWith(websocket.StatusCode, string) {}

// Release implements [actor.Resource].
func (p *poller) Release(actor.PID, error) {
	p.endpoint.polls.Delete(p.id)
	p.inflow.open()
	p.mu.Lock()
	p.ended = true
	if p.expiry != nil {
		p.expiry.Stop()
	}
	p.wakeLocked()
	p.mu.Unlock()
	p.endpoint.released()
}
