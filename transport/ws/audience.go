package ws

import (
	"maps"
	"slices"
	"sync"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
)

// audience is the channels that hear a recorder. They are in rows, and a message is shown to one
// row after the other, on the goroutine that has broadcast it.
//
// Of two messages the one with the lower number is shown first to each channel: a message has
// the lock of the front row when it gets its number, and takes that of the next row before it
// gives up the one that it has. So messages follow each other from row to row, several at a
// time, and none overtakes.
//
// A channel that begins to hear waits for a place, under the recorder's lock, until the next
// message has its number. It hears that one and none before it, and waits for none that is on
// its way.
//
// One that reads the log has a place as well, for what is in no log: nobody sends it that later.
// When it has read all it gets a number, under the recorder's lock, and from that number on it
// hears what is recorded: what has a lower one is in what it has read, though it may be on its way
// yet. One whose client comes back keeps its place, and reads the log again: see loosen.
type audience struct {
	front row

	// These are guarded by the recorder's lock.
	of    map[*Channel]*hearer
	fresh []*hearer // those that have no place yet
	left  int       // how many of fresh are gone
	rows  int       // behind the front
	next  uint32    // number, of a message or a hearer; the last one given

	// leaving is closed when nothing is on its way any more to the hearers that are gone, by the
	// line of their channels. A line has one channel on a topic at a time, and the next one waits
	// for this: see settle.
	leaving map[*line]chan struct{}
}

// row is a part of an audience, guarded by its lock. The recorder's lock may be taken under that
// of the front, and under the recorder's no row's is waited for.
type row struct {
	mu     sync.Mutex
	behind *row
	seats  []*hearer
}

// rowSize is how many channels a message is shown to before the next one may follow. A lock for
// so many costs little, and so few do not take long.
const rowSize = 32

// tell shows a message to the audience, once number has given it its number, under the lock. It
// shows nothing if that reports false.
func (r *recorder) tell(number func() (*broadcast, bool)) {
	front := &r.audience.front
	front.mu.Lock()
	p := passage{row: front}
	tidy, ok := r.number(&p, number)
	if !ok {
		return
	}
	p.run()
	if tidy {
		r.tidy()
	}
}

// number gives a message its number, and those that are to hear it a place. It gives up the
// lock of the front row if there is no message. It reports whether the rows are to be tidied.
func (r *recorder) number(p *passage, number func() (*broadcast, bool)) (tidy, ok bool) {
	r.mu.Lock()
	defer func() {
		r.mu.Unlock()
		if !ok {
			r.audience.front.mu.Unlock()
		}
	}()
	a := &r.audience
	p.b, ok = number()
	p.number = a.number()
	a.seat()
	return a.rows > len(a.of)/(rowSize/4)+4, ok
}

// number returns the next number.
func (a *audience) number() uint32 {
	a.next++
	return a.next
}

// seat gives those a place that have none, under the locks of recorder and front row.
func (a *audience) seat() {
	for _, h := range a.fresh {
		if h.state.Load() == hearsNothing {
			continue
		}
		if len(a.front.seats) == rowSize {
			a.front.behind = &row{behind: a.front.behind, seats: a.front.seats}
			for _, h := range a.front.seats {
				h.row.Store(a.front.behind)
			}
			a.front.seats = nil
			a.rows++
		}
		h.row.Store(&a.front)
		a.front.seats = append(a.front.seats, h)
	}
	a.fresh, a.left = nil, 0
}

// passage is a message on its way through the rows.
type passage struct {
	b       *broadcast
	number  uint32
	row     *row    // where it is, with the lock; nil: it is through
	at      int     // of the seats of that, the next one
	current *hearer // that it is shown to now

	// What was sent last, of those to whom it goes as it is.
	encoding *encoding // nil: nothing
	tracks   uint32    // flagTracks, if the client does
	frame    frame.Sealed
}

func (p *passage) run() {
	for p.row != nil {
		p.pass()
	}
}

// pass shows the message to the rest of a row, up to the first hearer at which something panics.
// It takes the lock of the next row before it gives up that of this one.
func (p *passage) pass() {
	defer p.contain()
	for p.at < len(p.row.seats) {
		h := p.row.seats[p.at]
		p.at++
		if h.hears(p.b, p.number) {
			p.current = h
			p.show(h)
		}
	}
	p.current = nil
	here, behind := p.row, p.row.behind
	if behind != nil {
		behind.mu.Lock()
	}
	here.mu.Unlock()
	p.row, p.at = behind, 0
}

// show shows the message to a hearer. Most get the frame that the one before has got: to look it up
// for each is to wait for the encoding of each, and to compare that is not, for the processor guesses
// how it ends.
func (p *passage) show(h *hearer) {
	c := h.channel
	flags := c.flags.Load()
	if flags&(flagDirect|flagOverrun) != flagDirect || p.b == nil || p.b.from == h.pid || p.b.sender != "" {
		h.show(p.b)
		return
	}
	l := c.line()
	e, tracks := l.encoding.Load(), flags&flagTracks
	if e != p.encoding || tracks != p.tracks {
		f, ok := c.recordedFrameOf(l, e, p.b, tracks != 0)
		if !ok {
			return
		}
		if p.b.paired && tracks != 0 && f.Messages() < 2 { // it is told of for each that something is missing
			c.sendOver(l, f)
			return
		}
		p.encoding, p.tracks, p.frame = e, tracks, f
	}
	c.sendOver(l, p.frame)
}

// contain keeps a panic at one hearer from the others: its channel ends. It would be a fault of
// this package's, and does not reach the owner of the recorder's subscription, with which all
// recorders end. There is no runtime.Goexit to be contained, which a goroutine does not survive:
// what is called here of the users' is serializers, and runs on goroutines of its own, with a
// limit: see encodeApart.
func (p *passage) contain() {
	h := p.current
	if h == nil {
		return
	}
	h.pid.Exit(actor.Recovered(recover()))
}

// tidy joins rows that many channels have left. It goes through them as a message does, so none
// is on its way between the two that it has.
func (r *recorder) tidy() {
	w, joined := &r.audience.front, 0
	w.mu.Lock()
	for behind := w.behind; behind != nil; behind = w.behind {
		behind.mu.Lock()
		if len(w.seats)+len(behind.seats) > rowSize {
			w.mu.Unlock()
			w = behind
			continue
		}
		for _, h := range behind.seats {
			h.row.Store(w)
		}
		w.seats = append(w.seats, behind.seats...)
		w.behind, behind.seats = behind.behind, nil
		behind.mu.Unlock()
		joined++
	}
	w.mu.Unlock()
	r.mu.Lock()
	r.audience.rows -= joined
	r.mu.Unlock()
}

// channels returns the channels of the audience, the latest first.
func (r *recorder) channels() []*Channel {
	r.mu.Lock()
	list := slices.Collect(maps.Values(r.audience.of))
	r.mu.Unlock()
	slices.SortFunc(list, func(a, b *hearer) int { return int(int32(b.number.Load() - a.number.Load())) })
	all := make([]*Channel, len(list))
	for i, h := range list {
		all[i] = h.channel
	}
	return all
}
