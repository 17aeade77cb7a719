package ws

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws/history"
)

// replica keeps a recorder's log as the History's Store has it. The store says what is new, and
// may say so late, twice or not at all; what does not follow on what is here is read from it.
//
// All that changes the log, and all calls of the store, are made by one goroutine, which runs
// while there is something to do. So what it does is in order, and it waits for nobody but the
// store, whose calls end in time.
type replica struct {
	*recorder
	storage *storage
	ctx     context.Context // ends with the recorder
	cancel  context.CancelFunc

	work sync.Mutex // guards these; taken under the recorder's lock, and not the other way round
	came []history.Record
	size int           // of their data
	read bool          // there may be more in the store than is here
	busy bool          // the goroutine runs
	wait time.Duration // before the store is tried again
	late *time.Timer   // tries it again; nil: it is not to be waited
	over bool

	waiting []chan struct{} // closed when that which is in the store by now is here

	// These are guarded by the recorder's lock, and written by the goroutine.
	loaded bool          // the log is that of the store
	ready  chan struct{} // closed when it is
	early  bool          // channels have joined while it was not
	last   uint64        // the offset of the last record of the topic; 0: unknown
	lastIs uint64        // what that record is, by markOf
	gone   Position      // the store has gone back: what is before this one may be something else by now
	heard  time.Duration // when the store was last read, or has told of something

	// This is the goroutine's.
	stop func() // follows no more; nil: it does not follow
}

// What waits to be taken in is bounded: what there is no room for is read from the store.
const (
	maxCame     = 256
	maxCameSize = 1 << 20
)

// How long to wait before a store that has failed is tried again, at first and at most.
const (
	firstWait = 50 * time.Millisecond
	longWait  = 2 * time.Second // less than a join waits
)

// recheckAfter is after how long without a word of the store a topic is looked after.
const recheckAfter = time.Minute

func newReplica(r *recorder) *replica {
	p := &replica{recorder: r, storage: r.history.storage, ready: make(chan struct{})}
	r.log = newStoredLog(r.history)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// Deliver implements [history.Follower].
func (p *replica) Deliver(r history.Record) {
	p.work.Lock()
	defer p.work.Unlock()
	switch {
	case p.over || p.read: // it is in what will be read
	case len(p.came) > 0 && (len(p.came) >= maxCame || p.size+len(r.Data) > maxCameSize):
		p.readAnew()
	default:
		p.came, p.size = append(p.came, r), p.size+len(r.Data)
		p.begin()
	}
}

// Recheck implements [history.Follower].
func (p *replica) Recheck() {
	p.work.Lock()
	defer p.work.Unlock()
	p.readAnew()
}

// readAnew has the store be read, under the lock. What has come is in that as well. It is not
// taken in before: that the log is another one by now may be known, and its numbers are alike.
func (p *replica) readAnew() {
	p.read, p.came, p.size = true, nil, 0
	p.begin()
}

// begin has the goroutine run, under the lock.
func (p *replica) begin() {
	if !p.busy && !p.over && (len(p.came) > 0 || p.read && p.late == nil) {
		p.busy = true
		go p.run()
	}
}

// end ends it, and does not wait for that.
func (p *replica) end() {
	p.cancel()
	p.work.Lock()
	defer p.work.Unlock()
	if p.over {
		return
	}
	p.over, p.came = true, nil
	if p.late != nil {
		p.late.Stop()
	}
	if !p.busy {
		p.busy = true
		go p.run()
	}
}

// run is the goroutine.
func (p *replica) run() {
	for {
		p.work.Lock()
		switch {
		case p.over:
			p.work.Unlock()
			if p.stop != nil {
				p.stop()
			}
			return
		case len(p.came) > 0:
			r := p.came[0]
			p.came[0] = history.Record{}
			if p.came, p.size = p.came[1:], p.size-len(r.Data); len(p.came) == 0 {
				p.came = nil
			}
			p.work.Unlock()
			p.take(r)
		case p.read && p.late == nil:
			waiting := p.waiting
			p.read, p.waiting = false, nil
			p.work.Unlock()
			p.caught(waiting, p.catchUp())
		default:
			p.busy = false
			p.work.Unlock()
			return
		}
	}
}

// caught tells those that have waited for a read of it. After one that has failed they wait on,
// for the next one.
func (p *replica) caught(waiting []chan struct{}, err error) {
	p.work.Lock()
	defer p.work.Unlock()
	switch {
	case err == nil:
		p.wait = 0
		for _, done := range waiting {
			close(done)
		}
		return
	case p.over:
		return
	}
	p.endpoint.log.Warn("the store of a recorded topic cannot be read", "topic", p.topic, "error", err)
	p.read, p.came, p.size, p.waiting = true, nil, 0, append(p.waiting, waiting...)
	p.wait = min(max(2*p.wait, firstWait), longWait)
	p.late = time.AfterFunc(p.wait, func() {
		p.work.Lock()
		defer p.work.Unlock()
		p.late = nil
		p.begin()
	})
}

// catchUp reads what is in the store and not here. After a read that does not follow on what is
// here the log begins anew: either the store has lost its log, or what is missing here.
func (p *replica) catchUp() (err error) {
	if p.stop == nil {
		if p.stop, err = p.storage.follow(p.ctx, p.topic, p); err != nil {
			return err
		}
	}
	anew := 0
	for again := true; ; again = false {
		after, known := p.reached(again), p.last
		span, err := p.storage.since(p.ctx, p.topic, after)
		if err != nil {
			return err
		}
		if !p.continues(span, after) {
			if anew++; anew > 2 {
				return errNotOneLog
			}
			continue
		}
		for _, r := range span.Records {
			if r.Offset > known {
				p.add(r)
			}
		}
		if p.advance(span); !span.More {
			return nil
		}
	}
}

var errNotOneLog = errors.New("each read is of another log")

// reached returns the offset up to which the log is that of the store; or, if the last record is to
// be read again, the one before that, and if there was none yet, where the log begins. It may be
// another one by now, with records where there were none.
func (p *replica) reached(again bool) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.loaded && p.log.epoch == "":
		return 0
	case !again:
		return p.log.top
	case p.last > 0:
		return p.last - 1
	}
	return min(p.log.lost, p.log.top)
}

// continues reports whether a span that was read behind an offset follows on what is here. If it
// does not the log is to be read from its beginning.
func (p *replica) continues(span history.Span, after uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.log
	if l.epoch == "" { // nothing is here
		l.epoch, l.lost = span.Epoch, span.Lost
		if p.gone.Epoch == span.Epoch {
			l.stale = p.gone.Offset
		}
		return true
	}
	switch same := span.Epoch == l.epoch; {
	case same && !p.isOf(span, after):
		p.gone = Position{l.epoch, max(l.top+1, l.lost, l.stale)}
	case same && span.Lost <= l.top:
		return true
	}
	p.endpoint.log.Warn("the store of a recorded topic has lost messages, or has them no more",
		"topic", p.topic, "was", l.position(l.top), "is", Position{span.Epoch, span.Top}, "lost", span.Lost)
	if p.loaded {
		p.loaded, p.early, p.ready = false, true, make(chan struct{})
	}
	p.log, p.last = newStoredLog(p.history), 0
	p.turns++
	return false
}

// isOf reports, under the lock, whether the log is a part of that which the span is of: it has all
// that is here, and nothing more of what is before its end.
func (p *replica) isOf(span history.Span, after uint64) bool {
	rest := span.Records
	if after < p.last {
		if len(rest) > 0 && markOf(rest[0]) == p.lastIs {
			rest = rest[1:]
		} else if span.Lost < p.last {
			return false
		}
	}
	return (span.Top >= p.log.top || span.More) && (len(rest) == 0 || rest[0].Offset > p.log.top)
}

// markOf returns a number by which a record is known again.
func markOf(r history.Record) uint64 {
	return maphash.Comparable(marks, [2]int64{int64(r.Offset), r.At.UnixNano()}) ^ maphash.Bytes(marks, r.Data)
}

var marks = maphash.MakeSeed()

// advance notes how far a span goes, and has channels which do not follow on that join anew.
func (p *replica) advance(span history.Span) {
	anew := false
	p.tell(func() (*broadcast, bool) {
		now := p.endpoint.now()
		p.log.top = max(p.log.top, span.Top, span.Lost)
		p.log.trim(now)
		p.heard = now
		if !span.More && !p.loaded {
			anew = p.early
			p.loaded, p.early = true, false
			p.turns++
			close(p.ready)
		}
		return nil, anew
	})
	if anew {
		p.endpoint.lapse(p.topic)
	}
}

// lapse tells all that listen for gaps that messages of a topic were lost to them.
func (e *Endpoint) lapse(topic string) {
	e.lapses.LocalBroadcast(topic, pubsub.Gap{Topic: topic, Messages: 1})
}

// take takes in a record that the store has told of.
func (p *replica) take(r history.Record) {
	p.mu.Lock()
	loaded, top, next := p.loaded, p.log.top, r.Previous != 0 && r.Previous == p.last
	p.mu.Unlock()
	switch {
	case !loaded: // it is about to be read
	case r.Offset > top && next:
		p.add(r)
	case r.Offset > top || !p.has(r):
		p.Recheck()
	}
}

// has reports whether a record is the one that is here.
func (p *replica) has(r history.Record) bool {
	b, err := p.endpoint.broadcastFrom(p.topic, r.Data)
	if err != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Offset == p.last {
		return markOf(r) == p.lastIs
	}
	m, ok := p.log.at(r.Offset)
	return ok && m.Event == b.Event && bytes.Equal(m.Payload.Bytes(), b.Payload.Bytes())
}

// add adds a record to the log, and hands it on if that is not being loaded.
func (p *replica) add(r history.Record) {
	b, err := p.endpoint.broadcastFrom(p.topic, r.Data)
	about := ""
	if err == nil {
		about, err = p.history.keyOf(b)
	}
	if err != nil {
		p.endpoint.log.Error("a recorded message cannot be used", "topic", p.topic, "offset", r.Offset, "error", err)
	}
	age := time.Duration(0)
	if !r.At.IsZero() {
		age = max(time.Since(r.At), 0)
	}
	if p.enter(r, b, about, age, err) && b != nil {
		p.endpoint.topics.LocalBroadcast(p.topic, b)
	}
}

// enter is add under the lock. It reports whether the message is new to those that listen.
func (p *replica) enter(r history.Record, b *broadcast, about string, age time.Duration, err error) (fresh bool) {
	p.tell(func() (*broadcast, bool) {
		now := p.endpoint.now()
		p.last, p.lastIs, p.heard = r.Offset, markOf(r), now
		switch {
		case err == nil:
			p.log.add(&b.Message, r.Offset, about, now-age)
			p.log.trim(now)
			p.mark(b)
		case b == nil: // what it is nobody knows, and so each client is to be told
			p.log.skip(r.Offset)
			p.early = p.early || !p.loaded
			p.turns++
			return nil, true
		default:
			p.log.skip(r.Offset)
		}
		fresh = p.loaded
		return b, fresh
	})
	return fresh
}

// lookAfter looks for what the store has not told of, if it has told nothing for long.
func (p *replica) lookAfter(now time.Duration) {
	p.mu.Lock()
	quiet := now-p.heard >= recheckAfter
	p.mu.Unlock()
	if quiet {
		p.Recheck()
	}
}
