package ws

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
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
	next  uint32    // number, of a message or a hearer

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

// hearer is a channel in an audience. It is an [actor.Resource] of the channel. There is one
// for each channel: it has 32 bytes.
type hearer struct {
	channel *Channel
	pid     actor.PID
	row     atomic.Pointer[row] // nil: it has no place yet; changes under the lock of the row that it names, or the recorder's
	number  atomic.Uint32       // what is recorded is shown to it from this one on; changes under the recorder's lock
	state   atomic.Uint32
}

// The states of a hearer. It becomes hearsAll by a message whose number is its own or a later one, so
// that numbers are compared only while both are young: they begin anew after 2³² messages.
const (
	hearsLoose  = iota // what is not recorded: its channel reads the log
	hearsNumber        // and what is, from its number on
	hearsAll
	hearsNothing
)

// hears reports whether a message, or the end, is to be shown to it.
func (h *hearer) hears(b *broadcast, number uint32) bool {
	loose := b != nil && b.Ref == ""
	switch h.state.Load() {
	case hearsLoose:
		return loose
	case hearsNumber:
		if int32(number-h.number.Load()) < 0 {
			return loose
		}
		h.state.CompareAndSwap(hearsNumber, hearsAll)
		return true
	case hearsAll:
		return true
	default:
		return false
	}
}

// hear has a channel hear what gets its number from now on, all of it or what is not recorded,
// under the lock, unless it has expired: that is marked before unhear is called, so one of the two
// finds the other.
func (r *recorder) hear(c *Channel, all bool) error {
	if c.is(flagExpired) {
		return nil
	}
	h := r.audience.of[c]
	if h == nil {
		var err error
		if h, err = r.admit(c); err != nil {
			return err
		}
	}
	if all {
		c.replay().hearer = r.audience.number()
		h.number.Store(c.replay().hearer)
		h.state.CompareAndSwap(hearsLoose, hearsNumber)
	}
	return nil
}

// number returns the next number.
func (a *audience) number() uint32 {
	a.next++
	return a.next - 1
}

// admit has a channel hear what is not recorded.
func (r *recorder) admit(c *Channel) (*hearer, error) {
	a := &r.audience
	h := &hearer{channel: c, pid: c.PID()}
	h.number.Store(a.number())
	if !h.pid.Own(h) {
		return nil, actor.NoProc
	}
	if !c.interceptsAny() && c.tether() == nil {
		c.mark(flagDirect)
		if c.replay().tracks {
			c.mark(flagTracks)
		}
	}
	if a.of == nil {
		a.of = make(map[*Channel]*hearer)
	}
	a.of[c] = h
	a.fresh = append(a.fresh, h)
	return h, nil
}

// unhear ends what hear has begun: what is broadcast from now on is not shown to the channel.
// It may be called from any goroutine.
func (r *recorder) unhear(c *Channel) {
	r.mu.Lock()
	h := r.audience.of[c]
	r.mu.Unlock()
	if h != nil {
		h.pid.Disown(h)
		h.leave(r)
	}
}

// loosen has a channel hear nothing of what is recorded from now on, until hear begins that anew. What is
// not recorded it goes on to hear without a gap: a join to presence, heard before one, without the leave
// in it would be shown for ever. It waits until what is on its way to the channel has been shown to it, or
// until the channel's end.
func (r *recorder) loosen(c *Channel) {
	r.mu.Lock()
	h := r.audience.of[c]
	if h != nil {
		for _, heard := range []uint32{hearsNumber, hearsAll} { // in the order in which the one becomes the other
			h.state.CompareAndSwap(heard, hearsLoose)
		}
	}
	r.mu.Unlock()
	if h == nil || h.passed((*sync.Mutex).TryLock) {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !h.passed(lock) {
		}
	}()
	select {
	case <-done:
	case <-c.ctx.Done():
	}
}

// passed reports whether nothing is on its way to the hearer, or has been when lock has got its row's
// lock.
func (h *hearer) passed(lock func(*sync.Mutex) bool) bool {
	w := h.row.Load()
	if w == nil {
		return true
	}
	if !lock(&w.mu) {
		return false
	}
	defer w.mu.Unlock()
	return h.row.Load() == w // or it has been moved
}

func lock(mu *sync.Mutex) bool {
	mu.Lock()
	return true
}

// Release implements [actor.Resource].
func (h *hearer) Release(actor.PID, error) { h.leave(h.channel.replay().of) }

// leave takes it out of the audience. It does not wait for what is on its way: see settle.
func (h *hearer) leave(r *recorder) {
	if arrive := r.dismiss(h); arrive != nil {
		go arrive()
	}
}

// settle waits until nothing is on its way any more to what has heard the recorder for a client
// before. A channel is to call it before it looks at the log, or its client could get a message
// of it once more behind those that the channel sends; and before it says that its client has left.
func (r *recorder) settle(c *Channel) {
	if done := r.leaving(c.line()); done != nil {
		select {
		case <-done:
		case <-c.ctx.Done():
		}
	}
}

// leaving returns what is closed when nothing is on its way any more to what has heard the recorder
// over a line; nil: nothing is.
func (r *recorder) leaving(l *line) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.audience.leaving[l]
}

// dismiss has nothing be shown to a hearer any more. If something is on its way to where it is,
// its line waits for that from the same moment on, and until what is returned has been called and
// has waited: in between a channel to come would find neither the hearer nor anything to wait for.
func (r *recorder) dismiss(h *hearer) (arrive func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := &r.audience
	if h.state.Swap(hearsNothing) == hearsNothing {
		return nil
	}
	if a.of[h.channel] == h {
		delete(a.of, h.channel)
	}
	switch {
	case h.row.Load() == nil:
		if a.left++; a.left > len(a.fresh)/2 {
			a.fresh = slices.DeleteFunc(a.fresh, func(h *hearer) bool { return h.state.Load() == hearsNothing })
			a.left = 0
		}
		return nil
	case h.rise((*sync.Mutex).TryLock):
		return nil
	}
	if a.leaving == nil {
		a.leaving = make(map[*line]chan struct{})
	}
	l, done := h.channel.line(), make(chan struct{})
	before := a.leaving[l]
	a.leaving[l] = done
	return func() {
		h.rise(lock)
		if before != nil {
			<-before
		}
		r.mu.Lock()
		if a.leaving[l] == done {
			delete(a.leaving, l)
		}
		r.mu.Unlock()
		close(done)
	}
}

// rise leaves the row, and reports false if lock does not get its lock.
func (h *hearer) rise(lock func(*sync.Mutex) bool) bool {
	for {
		w := h.row.Load()
		if !lock(&w.mu) {
			return false
		}
		if h.row.Load() == w {
			i := slices.Index(w.seats, h)
			w.seats = slices.Delete(w.seats, i, i+1)
			w.mu.Unlock()
			return true
		}
		w.mu.Unlock() // it has been moved
	}
}

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
	if p.b, ok = number(); ok {
		p.number = a.number()
		if len(a.fresh) > 0 {
			a.seat()
		}
	}
	return a.rows > len(a.of)/(rowSize/4)+4, ok
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
			h.show(p.b)
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
	p.current = nil
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
