package ws

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// tether is what ties a channel to its client, and not to its connection: channels of a Route
// with Linger have one.
//
// Two things about it change. Which session the channel obeys is owner: a session takes it
// before it ends the channel, the channel gives it to another session when its client comes
// back, and since both are one step of the same word a channel is never ended by a session that
// has lost it, nor given to another one when its end is decided.
//
// Where what is sent goes is over, under mu: a line, or nil while the client is away, and then
// what is sent is kept. It becomes nil when the line's session says so, and a line when the
// channel, in its own turn, has sent all that was kept. What is sent goes out under mu, so that
// nothing goes to a line that has been given up, and nothing overtakes what was kept. Channel.way
// is set in the channel's turn only, so within a turn it is always the same line.
type tether struct {
	id      tetherID
	channel *Channel
	self    actor.Ref[channelMsg]   // from the channel's start on
	owner   atomic.Pointer[line]    // of the session that the channel obeys; nil: one that ends it
	joinRef atomic.Pointer[wireRef] // of the join that the client has come back with; nil: it has not yet

	// These belong to the channel's turn.
	tries  uint64 // counts the tokens that were made
	former uint64 // the one that the client has come back with, until it shows to have the next; 0: none

	pushing sync.Mutex // orders pushes; taken before mu

	mu       sync.Mutex
	over     *line
	lost     *line     // the last one that was given up
	since    time.Time // then; zero: the client is not away
	token    uint64    // that the client was given last; 0: it has none, and cannot come back
	counts   bool      // the client says what it has got of what is pushed
	pushed   uint64    // the number of the last push of those that have one
	base     uint64    // of the last one that is not kept any more
	loose    bool      // pushes without a number were sent over the present line
	gap      bool      // something that was to be kept was not
	unsure   bool      // if the last answer is lost something else is lost with it
	retained []parcel  // numbered pushes that were sent, and have perhaps not arrived
	kept     []parcel  // what is still to be sent
	bytes    int       // of both
}

// tetherID names a tether in tokens and in the refs of pushes.
type tetherID [8]byte

// wireRef is a reference as a message has it.
type wireRef string

// parcel is something that is to be sent: a broadcast, or a push and its number.
type parcel struct {
	broadcast *broadcast
	push      *wire.Message // without a ref; nil: it is a broadcast
	number    uint64        // 0: it has none
	passing   bool          // a client that is lost before it is sent this does not get it: a topic has a log, and this is not in it
}

func (p *parcel) size() int {
	if p.broadcast != nil {
		return sizeOf(p.broadcast.Message) + messageOverhead
	}
	return sizeOf(*p.push) + messageOverhead
}

// newTether makes the tether of a channel whose client is at the end of l.
func newTether(c *Channel, l *line) *tether {
	t := &tether{channel: c, over: l}
	rand.Read(t.id[:]) // never fails
	t.owner.Store(l)
	return t
}

// tether returns the channel's tether, or nil. It may be called on any goroutine, and also
// before Join.
func (c *Channel) tether() *tether {
	if c.route.Linger == 0 {
		return nil
	}
	return c.hears.tether
}

// joinedAs returns the ref of the join that the client knows the channel by.
func (c *Channel) joinedAs() string {
	if t := c.tether(); t != nil {
		if ref := t.joinRef.Load(); ref != nil {
			return string(*ref)
		}
	}
	return c.joinRef
}

// begin makes the tether known, in the Init of its channel.
func (t *tether) begin(a *channelActor) error {
	if t == nil {
		return nil
	}
	t.self = a.ctx.Self()
	if !a.ctx.PID().Own(t) {
		return actor.NoProc
	}
	t.owner.Load().endpoint.tethers.Store(t.id, t)
	return nil
}

// Release implements [actor.Resource]: nobody comes back to a channel that has ended.
func (t *tether) Release(actor.PID, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.channel.line()
	l.endpoint.tethers.Delete(t.id)
	if !t.since.IsZero() {
		l.moveOut()
	}
	t.since, t.over, t.token, t.retained, t.kept, t.bytes = time.Time{}, nil, 0, nil, nil, 0
}

// isAway reports whether the client is away. It may be called on nil, as may some others.
func (t *tether) isAway() bool {
	return t != nil && t.present() == nil
}

// present returns the line that what is sent goes over, or nil while the client is away.
func (t *tether) present() *line {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.over
}

// lingers reports whether the client is known to be away.
func (t *tether) lingers() bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.since.IsZero()
}

// lose notes that a line is no way to the client any more. It reports false if the channel is
// another session's, or ends by itself, if the client could not come back, or if too many channels
// would linger.
func (t *tether) lose(l *line) bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.token == 0 || t.owner.Load() != l: // it is another session's since just now, which see comeBack
		return false
	case t.channel.is(flagWanted | flagRefused):
		return false
	case t.since.IsZero(): // it may have been lost before it was all there
		if !l.moveIn() {
			return false
		}
		t.since = time.Now()
	}
	t.lost, t.over = l, nil
	return true
}

// moveIn counts one more channel that lingers, unless there are too many. All lines of a channel
// have the same socket and ID, so any of them may count it out.
func (l *line) moveIn() bool {
	e := l.endpoint
	if e.lingering.Add(1) <= int64(l.socket.MaxLingering) && l.socket.lodgers.enter(l.id) == nil {
		return true
	}
	e.lingering.Add(-1)
	e.lingerRefusals.Add(1)
	return false
}

// moveOut counts one less.
func (l *line) moveOut() {
	l.socket.lodgers.leave(l.id)
	l.endpoint.lingering.Add(-1)
}

// push sends an event to the client, or keeps it.
func (t *tether) push(c *Channel, m wire.Message) error {
	t.pushing.Lock()
	defer t.pushing.Unlock()
	for {
		l, number := t.next()
		if l == nil {
			l = c.line() // by which it can be seen whether it is something to send
		}
		m.JoinRef = c.joinedAs()
		f, err := t.frameOf(l, m, number)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		if t.post(c, l, parcel{push: &m, number: number}, f) {
			return nil
		}
	}
}

// next returns where the next push goes, and its number.
func (t *tether) next() (over *line, number uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts {
		number = t.pushed + 1
	}
	return t.over, number
}

// post sends a push as the frame that it is on a line, or keeps it. It reports false if the
// client is somewhere else now, or counts by now what it has got.
func (t *tether) post(c *Channel, l *line, p parcel, f frame.Sealed) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over != nil && t.over != l || t.counts != (p.number > 0) {
		return false
	}
	if p.number > 0 {
		t.pushed = p.number
	}
	if p.showsPresence() { // it takes the place of those before
		t.retained, t.kept = t.without(t.retained, parcel.showsPresence), t.without(t.kept, parcel.showsPresence)
	}
	switch {
	case t.over == nil:
		t.kept = append(t.kept, p)
	case p.number > 0:
		t.retained = append(t.retained, p)
	default:
		t.loose = true
	}
	if t.over == nil || p.number > 0 {
		t.bytes += p.size()
		t.trim(l.socket.MaxLingerBytes)
	}
	if t.over != nil {
		c.sendOver(l, f)
	}
	return true
}

// showsPresence reports whether this is a push of all that are present. Behind an older one the
// official client, which keeps diffs back until the first state of a join, would take a diff for a
// change to that, and lose it with the next state, which may have been read before the diff was told.
// So there is only the latest. A client that has got an older one does no harm by saying so.
func (p parcel) showsPresence() bool {
	return p.push != nil && p.push.Event == wire.EventPresenceState
}

// without returns a list without what is not to be sent any more, under mu.
func (t *tether) without(list []parcel, what func(parcel) bool) []parcel {
	return slices.DeleteFunc(list, func(p parcel) bool {
		drops := what(p)
		if drops {
			t.bytes -= p.size()
		}
		return drops
	})
}

// deliver sends a broadcast to the client, or keeps it.
func (t *tether) deliver(c *Channel, b *broadcast) {
	for {
		l := t.takes(c, b)
		if l == nil {
			return
		}
		f, ok := c.frameOf(l, l.encoding.Load(), b)
		if !ok || t.sendIf(c, l, f) {
			return
		}
	}
}

// takes keeps a broadcast, or returns the line that it goes over. On a recorded topic those come
// here that are not recorded, of which a client that is away gets none.
func (t *tether) takes(c *Channel, b *broadcast) *line {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over != nil || c.replay() != nil && !t.since.IsZero() {
		return t.over
	}
	p := parcel{broadcast: b, passing: c.replay() != nil}
	t.kept = append(t.kept, p)
	t.bytes += p.size()
	t.trim(c.line().socket.MaxLingerBytes)
	return nil
}

// sendIf sends a frame if a line still is the way to the client.
func (t *tether) sendIf(c *Channel, l *line, f frame.Sealed) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over != l {
		return false
	}
	c.sendOver(l, f)
	return true
}

// send sends a frame unless the client is away. It is for what the client gets by other means
// then.
func (t *tether) send(c *Channel, f frame.Sealed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over != nil {
		c.sendOver(t.over, f)
	}
}

// trim drops what there is no room for, the oldest first, under mu.
func (t *tether) trim(most int) {
	for ; t.bytes > most && len(t.retained) > 0; t.retained = cut(t.retained) {
		t.bytes -= t.retained[0].size()
		t.base = t.retained[0].number
	}
	for ; t.bytes > most && len(t.kept) > 0; t.kept = cut(t.kept) {
		t.bytes -= t.kept[0].size()
		t.gap = true
	}
}

// cut takes the first one off, so that it is not held.
func cut(list []parcel) []parcel {
	list[0] = parcel{}
	if list = list[1:]; len(list) == 0 {
		return nil
	}
	return list
}

// frameOf returns a push as it is on a line. A binary one has no room for its number, which
// follows and travels with it, as the position of a broadcast does.
func (t *tether) frameOf(l *line, m wire.Message, number uint64) (frame.Sealed, error) {
	e := l.encoding.Load()
	if number == 0 {
		return e.encode(m)
	}
	ref := wire.Ref(pushRef(t.id, number))
	if !m.Payload.IsBinary() {
		m.Ref = ref
		return e.encode(m)
	}
	where := positionOf(m.Topic, m.JoinRef, ref)
	f, err := e.encodeInto(m, sizeOf(where)+overhead)
	if err != nil {
		return frame.Sealed{}, err
	}
	told, err := e.encode(where)
	return f.With(told), err
}

// pushRef is the ref of a numbered push: "~id:number".
func pushRef(id tetherID, number uint64) string {
	return fmt.Sprintf("~%x:%d", id, number)
}

// got returns what the client says it has got, in the parameters of a join: the number of the
// last push of this channel, and whether it counts at all.
func (t *tether) got(in Payload) (number uint64, counts bool) {
	said := joinParamsOf(in).Got
	if said == nil {
		return 0, false
	}
	var text string
	if json.Unmarshal(said, &text) != nil {
		return 0, true
	}
	last, ok := strings.CutPrefix(text, fmt.Sprintf("~%x:", t.id))
	if n, err := strconv.ParseUint(last, 10, 64); ok && err == nil {
		number = n
	}
	return number, true
}
