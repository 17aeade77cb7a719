package ws

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
)

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
	if h == nil || h.row.Load() == nil { // nothing is shown to it yet
		return
	}
	if w := h.lockRow((*sync.Mutex).TryLock); w != nil {
		w.mu.Unlock()
		return
	}
	done := make(chan struct{})
	go func() {
		h.lockRow(lock).mu.Unlock()
		close(done)
	}()
	select {
	case <-done:
	case <-c.ctx.Done():
	}
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
	w := h.lockRow(lock)
	if w == nil {
		return false
	}
	defer w.mu.Unlock()
	i := slices.Index(w.seats, h)
	w.seats = slices.Delete(w.seats, i, i+1)
	return true
}

// lockRow returns the row that it is in, with the lock: nothing is on its way to it then. It returns
// nil if lock does not get that.
func (h *hearer) lockRow(lock func(*sync.Mutex) bool) *row {
	for {
		w := h.row.Load()
		if !lock(&w.mu) {
			return nil
		}
		if h.row.Load() == w {
			return w
		}
		w.mu.Unlock() // it has been moved
	}
}

func lock(mu *sync.Mutex) bool {
	mu.Lock()
	return true
}
