package ws

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/internal/limit"
)

// poller is the transport of a client that polls: what is sent to it waits until
// it asks.
type poller struct {
	endpoint *Endpoint
	id       uuid.UUID
	seat     seat
	socket   *Socket
	session  actor.Ref[sessionMsg]
	rate     limit.Rate
	inflow   limit.Inflow
	intake   intake
	life     context.Context // ends with the session
	end      context.CancelFunc
	turn     chan struct{} // holds what stands for the poll that is answered

	mu      sync.Mutex
	box     outbox
	refused bool          // the queue was full
	polls   int           // that there are
	last    uint64        // number of the newest one
	wake    chan struct{} // of the poll that waits, closed to wake it; nil if none does
	expiry  *time.Timer   // runs while there is no poll
}

// errPollBinary says that bytes cannot go to a client that polls.
var errPollBinary = errors.New("there are no binary messages to clients that poll")

// errNoPoll says that a client has stopped polling.
var errNoPoll = errors.New("the client does not poll any more")

func newPoller(seat seat, s *Socket, id uuid.UUID) *poller {
	p := &poller{endpoint: seat.endpoint, id: id, seat: seat, socket: s, turn: make(chan struct{}, 1)}
	p.life, p.end = context.WithCancel(context.Background())
	p.intake = newIntake(p.receive)
	return p
}

// receive hands a message of the client to the session, when that may have it.
func (p *poller) receive(m sessionMsg) bool {
	may := p.rate.Wait(p.life.Done(), p.endpoint.now(), p.socket.MaxMessageRate) &&
		p.inflow.Take(p.life.Done(), m.data, p.socket.budget(), func() { p.session.Send(sessionMsg{op: opStuck}) })
	if !may || p.life.Err() != nil {
		return false
	}
	p.session.Send(m)
	return true
}

// attach implements transport. From now on the client must poll.
func (p *poller) attach(l *line) {
	session := l.session
	p.session = session
	p.expiry = time.AfterFunc(p.patience(), func() { session.Send(sessionMsg{op: opHangup, with: errNoPoll}) })
	p.endpoint.polls.Store(p.id, p)
	p.endpoint.polling.Add(1)
}

// patience is how long a client may go without a poll.
func (p *poller) patience() time.Duration { return p.socket.PollWindow * 3 / 2 }

// pollBatch is what a poll is answered with.
type pollBatch struct {
	frames []frame.Sealed
	at     pollPlace // of a client that has got it
	alive  bool      // there may be more
}

// poll calls write with what waits for a client that has got the answer with this
// number, or with what comes within the window, perhaps nothing. A poll that begins
// while another one waits takes its place; while another one is written, it waits
// for that.
func (p *poller) poll(ctx context.Context, answer uint64, write func(pollBatch) error) {
	window, cancel := context.WithTimeout(ctx, p.socket.PollWindow)
	defer cancel()
	number := p.begin()
	defer p.done()
	nothing := pollBatch{at: pollPlace{p.id, answer}, alive: true}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-window.Done():
		write(nothing)
		return
	}
	p.mu.Lock()
	p.box.acknowledge(answer)
	p.mu.Unlock()
	p.await(window, number)
	b := nothing
	if ctx.Err() == nil { // otherwise nobody would hear
		b = p.take(number, b)
	}
	written := false
	defer func() { // also if write panics
		if !written {
			p.mu.Lock()
			p.box.failed = true
			p.mu.Unlock()
		}
	}()
	written = write(b) == nil
}

// begin counts a poll. The one that waits, if there is one, need not wait any more.
func (p *poller) begin() (number uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.polls++
	p.last++
	p.expiry.Stop()
	p.wakeLocked()
	return p.last
}

func (p *poller) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.polls--; p.polls == 0 && p.life.Err() == nil {
		p.expiry.Reset(p.patience())
	}
}

// await waits for something to answer with: until the window is over, the session
// ends or a newer poll begins.
func (p *poller) await(window context.Context, number uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.box.empty() || p.last != number {
		return
	}
	wake := make(chan struct{})
	p.wake = wake
	p.mu.Unlock()
	select {
	case <-wake:
	case <-p.life.Done():
	case <-window.Done():
	}
	p.mu.Lock()
	p.wake = nil
}

// take returns what poll number is answered with, which is nothing if there is a
// newer poll: that one gets it.
func (p *poller) take(number uint64, nothing pollBatch) pollBatch {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != number {
		return nothing
	}
	waiting := p.box.bytes
	frames := p.box.next()
	p.endpoint.queued.Add(int64(p.box.bytes - waiting))
	if len(frames) == 0 {
		nothing.alive = p.life.Err() == nil
		return nothing
	}
	return pollBatch{frames, pollPlace{p.id, p.box.answer}, true}
}

func (p *poller) wakeLocked() {
	if p.wake != nil {
		close(p.wake)
		p.wake = nil
	}
}

// send implements transport. In an answer each message stands for itself, and none is binary.
func (p *poller) send(f frame.Sealed) {
	texts := make([]frame.Sealed, 0, 1)
	for one := range f.Each() {
		if !one.Binary() {
			texts = append(texts, one)
			continue
		}
		p.endpoint.aside.Warn("message not delivered", "error", errPollBinary)
		p.endpoint.drop(p.socket, Dropped{Err: errPollBinary})
	}
	if len(texts) > 0 && !p.put(texts) {
		p.endpoint.overflow(p.socket, p.session, len(texts))
	}
}

// put has messages wait for the client to ask. It reports false if there is no room for them,
// the first time if that ends the session.
func (p *poller) put(messages []frame.Sealed) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused || p.life.Err() != nil {
		return true
	}
	before := p.box.bytes
	if !p.box.put(messages, p.socket.MaxQueue) {
		p.refused = p.socket.Overflow == CloseSlow
		return false
	}
	p.endpoint.out.Add(uint64(len(messages)))
	p.endpoint.queued.Add(int64(p.box.bytes - before))
	p.wakeLocked()
	return true
}

// name implements transport.
func (p *poller) name() string { return "longpoll" }

// handled implements transport.
func (p *poller) handled(n int64) { p.inflow.Done(n, p.socket.budget()) }

// closeWith implements transport. A client that polls is told by status 410.
func (p *poller) closeWith(websocket.StatusCode, string) {}

// cut implements transport.
func (p *poller) cut() { p.end() }

// state implements transport.
func (p *poller) state() transportState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return transportState{peer: p.seat.peer, queued: p.box.bytes}
}

// Release implements [actor.Resource].
func (p *poller) Release(actor.PID, error) {
	if _, attached := p.endpoint.polls.LoadAndDelete(p.id); attached {
		p.endpoint.polling.Add(-1)
	}
	p.end()
	p.inflow.Open()
	p.mu.Lock()
	if p.expiry != nil {
		p.expiry.Stop()
	}
	p.endpoint.queued.Add(int64(-p.box.bytes)) // nothing is put any more
	p.mu.Unlock()
	p.seat.leave()
}
