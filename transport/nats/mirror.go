package nats

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// mirror is what a node knows of the bucket, by the one feed that it has of it. Look-ups and
// monitors share it.
//
// A feed says nothing when it ends with its bucket or its server; so a silent one is replaced
// by another, which begins with what stands there now. Besides, the node tells the mirror what
// it has read and written itself. Of each key the greatest revision counts, whatever it is that
// tells first. What the feed has passed is old, from wherever else it comes: so a name that has
// gone need not be remembered.
type mirror struct {
	term time.Duration                        // of this node's leases
	beat time.Duration                        // how often the feed is heard of
	call func(*watch, error)                  // what a monitor is for, on a goroutine of its own
	tend func(context.Context) (epoch, error) // makes a bucket that there is not
	bucket

	mu      sync.Mutex
	begun   bool
	ended   bool
	names   map[string]*standing // by key
	watched map[*standing]bool   // those with monitors
	drop    func()               // ends the feed; nil if there is none
	number  int                  // of the feed
	epoch   string               // its ID, as a feed has told
	upTo    uint64               // so far the feed has come
	all     bool                 // it has told what stood there when it began
	fed     time.Time            // when it was last heard of

	// clock is the time for which silence is counted. It stands still while the program is
	// paused: one's own pause is not the others' silence.
	clock  time.Duration
	ticked time.Time
	heard  time.Duration // by clock, as fed
}

// standing is what is known of a name. It is kept for as long as an actor has the name, as far
// as is known, or a monitor waits for one that had it to claim it.
type standing struct {
	key      string
	owner    *owner // nil if it is not known whether somebody will claim the name
	revision uint64
	term     time.Duration // of the holder's lease
	feed     int           // the number of the last feed that has told so; 0: none
	heard    time.Duration // when the holder was heard of, by the mirror's clock
	doubted  bool          // a call has not found the actor
	watches  map[*watch]bool
}

// maxBeat is how often at least the feed must say that it is there.
const maxBeat = time.Second

// silentBeats is after how many beats without a word the feed is replaced, and no look-up is
// answered from the mirror any more.
const silentBeats = 3

func newMirror(b bucket, term time.Duration, call func(*watch, error), tend func(context.Context) (epoch, error)) *mirror {
	return &mirror{
		bucket: b, term: term, call: call, tend: tend,
		beat:    max(min(term/10, maxBeat), 100*time.Millisecond), // no less with NATS
		names:   make(map[string]*standing),
		watched: make(map[*standing]bool),
	}
}

// begin reports whether run is to be called, and tick in each beat.
func (m *mirror) begin() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := !m.begun && !m.ended
	if first {
		m.begun, m.ticked = true, time.Now()
	}
	return first
}

// run follows the bucket.
func (m *mirror) run(life context.Context) {
	for life.Err() == nil {
		ctx, stop := context.WithCancel(life)
		m.opening(stop)
		if f, err := m.open(ctx); err == nil {
			m.read(ctx, f.changes)
			f.stop()
		}
		stop()
		sleep(life, m.beat)
	}
}

func (m *mirror) opening(drop func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.number++
	m.drop, m.upTo, m.all, m.heard = drop, 0, false, m.clock
}

func (m *mirror) open(ctx context.Context) (*feed, error) {
	f, err := m.follow(ctx, m.beat)
	if errors.Is(err, errNoBucket) {
		if _, err = m.tend(ctx); err == nil {
			f, err = m.follow(ctx, m.beat)
		}
	}
	return f, err
}

// read takes what the feed tells, until it ends or is dropped.
func (m *mirror) read(ctx context.Context, changes <-chan change) {
	for {
		select {
		case c, ok := <-changes:
			if !ok {
				return
			}
			m.take(c)
		case <-ctx.Done():
			return
		}
	}
}

// take takes in what the feed tells.
func (m *mirror) take(c change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fed, m.heard = time.Now(), m.clock
	switch c.key {
	case "":
	case epochKey:
		m.enter(c.entry)
	default:
		m.know(c.key, c.entry, m.number)
	}
	m.upTo = max(m.upTo, c.upTo)
	if c.all && !m.all {
		m.all = true
		m.compare()
	}
}

// enter takes note of an epoch. What is known from before it has been lost.
func (m *mirror) enter(e entry) {
	var now epoch
	if json.Unmarshal(e.value, &now) != nil {
		now = epoch{}
	}
	if now.ID != m.epoch {
		for _, s := range m.names {
			// The second should not be: revisions grow from epoch to epoch.
			if s.revision < now.Floor || s.revision > e.revision && s.feed != m.number {
				m.lose(s)
			}
		}
	}
	m.epoch = now.ID
}

// compare finds what is not there any more, when a feed has told all that there is.
func (m *mirror) compare() {
	for _, s := range m.names {
		if s.owner != nil && s.feed != m.number && s.revision <= m.upTo {
			m.lose(s)
		}
	}
}

// lose takes note that a name is not there. If the bucket was lost, it may be claimed.
func (m *mirror) lose(s *standing) {
	s.owner, s.revision = nil, 0
	m.forget(s)
}

// forget removes a name that nobody has or waits for.
func (m *mirror) forget(s *standing) {
	if len(s.watches) > 0 {
		return
	}
	delete(m.watched, s)
	if s.owner == nil {
		delete(m.names, s.key)
	}
}

// learn takes in what the node itself has read or written.
func (m *mirror) learn(key string, e entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.begun && !m.ended && e.revision > m.upTo {
		m.know(key, e, 0)
	}
}

// know takes in what stands under a key, as a feed has told, or somebody else: 0.
func (m *mirror) know(key string, e entry, feed int) {
	s := m.names[key]
	if s != nil && e.revision <= s.revision {
		if e.revision == s.revision {
			s.feed = max(s.feed, feed)
		}
		return
	}
	o, err := ownerIn(e.value)
	if err != nil { // nobody, or nobody that is known to be a node
		if s != nil {
			m.end(s, e)
		}
		return
	}
	if s == nil {
		s = m.add(key)
	}
	if o.Lease > 0 {
		s.term = o.Lease
	}
	s.owner, s.revision, s.feed, s.heard, s.doubted = o, e.revision, feed, m.clock, false
	for w := range s.watches {
		if w.id == o.ID {
			w.heard, w.term = s.heard, s.term
		} else if reason := o.Before.reason(w.id); reason != nil {
			m.fire(s, w, reason)
		}
	}
}

// end takes note that nobody has a name any more. A monitor of which that does not tell waits:
// until its holder has claimed the name, while the bucket is new, or for a lease.
func (m *mirror) end(s *standing, e entry) {
	for w := range s.watches {
		if e.lapsed && s.owner != nil && s.owner.ID == w.id {
			m.fire(s, w, ErrNoConnection)
		} else if reason := farewellIn(e.note).reason(w.id); reason != nil {
			m.fire(s, w, reason)
		}
	}
	s.owner, s.revision = nil, e.revision
	m.forget(s)
}

func (m *mirror) add(key string) *standing {
	s := &standing{key: key, term: m.term, heard: m.clock, watches: make(map[*watch]bool)}
	m.names[key] = s
	return s
}

// fire tells a monitor.
func (m *mirror) fire(s *standing, w *watch, reason error) {
	delete(s.watches, w)
	m.forget(s)
	if !w.over.Swap(true) {
		m.call(w, reason)
	}
}

// tick is called in each beat. It notices silence.
func (m *mirror) tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.clock += min(now.Sub(m.ticked), 2*m.beat)
	m.ticked = now
	if m.drop != nil && m.clock-m.heard >= silentBeats*m.beat {
		m.drop()
		m.drop, m.all = nil, false
	}
	for s := range m.watched {
		for w := range s.watches {
			switch {
			case m.clock-w.heard < w.term:
			case s.owner != nil && s.owner.ID != w.id:
				m.fire(s, w, actor.NoProc)
			default:
				m.fire(s, w, ErrNoConnection)
			}
		}
	}
}

// current reports whether the feed tells what there is.
func (m *mirror) current() bool { return m.all && time.Since(m.fed) < silentBeats*m.beat }

// owner returns the holder of a name, if that is known well enough for a look-up.
func (m *mirror) owner(key string) *owner {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.names[key]
	if s == nil || s.doubted || m.clock-s.heard >= s.term || !m.current() {
		return nil
	}
	return s.owner
}

// doubt has the next look-up ask the bucket: an actor was not where the mirror says.
func (m *mirror) doubt(key, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.names[key]; s != nil && s.owner != nil && s.owner.ID == id {
		s.doubted = true
	}
}

// arm has a monitor wait, if it is known that the registration stands.
func (m *mirror) arm(w *watch) (armed bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return false, ErrClosed
	}
	s := m.names[w.key]
	if s == nil || s.owner == nil || s.owner.ID != w.id || !m.current() {
		return false, nil
	}
	m.await(s, w, s.heard)
	return true, nil
}

// armBy is arm when the bucket has been asked: e stands there. Unless that is settled, the
// registration may yet be claimed.
func (m *mirror) armBy(w *watch, e entry, settled bool) (armed bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return false, ErrClosed
	}
	if e.revision > m.upTo {
		m.know(w.key, e, 0)
	}
	s := m.names[w.key]
	heard := m.clock
	switch {
	case s != nil && s.owner != nil && s.owner.ID == w.id:
		heard = s.heard
	case settled:
		return false, nil
	case s == nil:
		s = m.add(w.key)
	}
	m.await(s, w, heard)
	return true, nil
}

// await adds a monitor, unless it has been stopped already.
func (m *mirror) await(s *standing, w *watch, heard time.Duration) {
	w.term, w.heard = s.term, heard
	if !w.over.Load() {
		s.watches[w] = true
		m.watched[s] = true
	}
	m.forget(s)
}

// disarm has a monitor wait no more.
func (m *mirror) disarm(w *watch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.names[w.key]; s != nil && s.watches[w] {
		delete(s.watches, w)
		m.forget(s)
	}
}

// close tells all monitors that there will be nothing to tell.
func (m *mirror) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended, m.all = true, false
	for s := range m.watched {
		for w := range s.watches {
			m.fire(s, w, ErrClosed)
		}
	}
	clear(m.names)
}
