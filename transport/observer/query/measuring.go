package query

import (
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// measuring has a [actor.Meter] run while somebody asks for what it measures. There is one
// from the first question until some seconds after the last.
type measuring struct {
	mu     sync.Mutex
	closed bool
	meter  *actor.Meter // nil: nothing is measured, and no timer runs
	timer  *time.Timer
	until  time.Time // the meter runs at least
	began  time.Time
	every  time.Duration
}

// measured says how a meter is doing.
type measured struct {
	every    time.Duration
	measured bool // it has looked often enough for all figures to be there
}

const (
	// measureFor is how long actors are measured after a question. A page asks each
	// interval.
	measureFor = 10 * time.Second

	// Looking at an actor takes some 0.1 µs: a fiftieth of a processor goes into it.
	measureAtMost = time.Second // one look in this time
	measureEach   = 5 * time.Microsecond
)

var errClosed = Errorf(Unavailable, "the observer has ended")

// ask returns a meter that runs for a while longer.
func (m *measuring) ask(sys *actor.System) (*actor.Meter, measured, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, measured{}, errClosed
	}
	now := time.Now()
	if m.meter == nil {
		m.every = max(measureAtMost, (time.Duration(sys.Count()) * measureEach).Round(time.Second))
		m.meter, m.began = sys.Meter(m.every), now
		m.timer = time.AfterFunc(m.lasts(), m.due)
	}
	m.until = now.Add(m.lasts())
	return m.meter, measured{m.every, now.Sub(m.began) >= 2*m.every}, nil
}

// lasts returns how long the meter runs after a question.
func (m *measuring) lasts() time.Duration { return max(measureFor, 4*m.every) }

// due ends the measuring unless somebody has asked meanwhile.
func (m *measuring) due() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.meter == nil {
		return // closed, when the timer had already fired
	}
	if left := time.Until(m.until); left > 0 {
		m.timer.Reset(left)
		return
	}
	m.end()
}

func (m *measuring) end() {
	m.meter.Stop()
	m.timer.Stop()
	m.meter, m.timer = nil, nil
}

// close ends the measuring for good.
func (m *measuring) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	if m.meter != nil {
		m.end()
	}
}
