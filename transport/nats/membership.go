package nats

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// membership is an [Adapter] from a Join until the Leave that follows, with all that is
// on its way for it. The next Join makes a new one, so that nothing of this one is left
// in it.
type membership struct {
	node       string
	conn       *nats.Conn
	maxPayload int64
	receive    func(topic string, data []byte)
	log        *slog.Logger

	lost      func(messages uint64) // may be nil
	malformed *atomic.Uint64
	unsent    *atomic.Uint64
	life      context.Context // done at the end
	stop      context.CancelFunc

	in   *inbound
	out  *queue[packet] // closed by end
	left bool           // guarded by the adapter's mu

	running sync.WaitGroup // the goroutines that send and receive
	done    chan struct{}  // closed when none of them runs any more
}

func (a *Adapter) newMembership(receive func(topic string, data []byte)) *membership {
	limit, bytes := a.QueueLimit, int64(a.QueueBytes)
	if limit <= 0 {
		limit = defaultQueueLimit
	}
	if bytes <= 0 {
		bytes = defaultQueueBytes
	}
	m := &membership{
		node:       a.Name,
		conn:       a.Conn,
		maxPayload: a.Conn.MaxPayload(),
		receive:    receive,
		log:        newLog(a.Logger),
		lost:       a.Lost,
		malformed:  &a.malformed,
		unsent:     &a.lost,
		in:         newInbound(a.Name, limit, bytes, &a.lost),
		out:        newQueue[packet](limit, bytes),
		done:       make(chan struct{}),
	}
	m.life, m.stop = context.WithCancel(context.Background())
	return m
}

// start begins to send and to receive.
func (m *membership) start() {
	m.running.Go(m.send)
	m.running.Go(m.in.sort)
	m.running.Go(m.report)
	for _, q := range m.in.queues {
		m.running.Go(func() { m.receiveAll(q) })
	}
}

// end begins the end: what is queued is still sent, and no receive begins any more. The
// caller holds the adapter's mu.
func (m *membership) end() {
	m.left = true
	m.stop()
	close(m.in.stop)
	close(m.out.packets)
	go func() {
		m.running.Wait()
		close(m.done)
	}()
}

// over reports whether nothing of it runs any more.
func (m *membership) over() bool {
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}

// send takes what is queued to the connection until the end, and then the rest.
func (m *membership) send() {
	for p := range m.out.packets {
		// It fails if the connection is closed, or interrupted for so long that
		// what it keeps for then is full. The message is lost, as it may be.
		if m.conn.Publish(p.subject, p.data) != nil {
			m.unsent.Add(1)
		}
		m.out.done(p)
	}
	_ = m.conn.FlushTimeout(flushTimeout)
}
