package ws

import (
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/internal/jsontext"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// replay is how far a channel on a recorded topic is with the log. But for what HandleOut
// pushes, it belongs to the channel's actor; what others read of it is set before Join.
//
// A channel reads the log in parts, with a look at how much waits for its client, and hears
// of new messages only when it has read all. So what a client has missed does not count
// against its queue, and what is broadcast meanwhile need not be held: it is in the log.
type replay struct {
	of       *recorder
	tracks   bool // the client wants to know of positions
	named    bool // it has named one
	recovery Recovery
	at       uint64 // what is behind this offset is still to be read
	epoch    string // of the log that this is one of; another one may have taken its place
	turn     int    // of that log
	self     string // the channel as the sender of records; "" without a Store
	live     bool   // what is to come is heard of
	hearer   uint32 // by the hearer of this number
	gaps     bool   // so are the gaps
	resuming bool   // Resumed runs, and may call Listen; guarded by the recorder's lock

	mu        sync.Mutex
	replacing bool // HandleOut runs, and what is pushed takes the place of a broadcast
	pushed    []outPush
	silent    int // broadcasts since the last position that the client knows of
}

// Parts of what a channel may read of the log at a time, and of what may wait for its client
// for it to read on, of MaxQueue. Many channels of a client may do so at once.
const (
	readPart  = 32
	queuePart = 4
	readAgain = 20 * time.Millisecond
)

// errTrimmed says that a client which has been told that it gets all does not.
var errTrimmed = errors.New("messages that its client has missed are not kept any more")

// remember has a channel on a recorded topic know what its client has missed, and what
// becomes of it.
func (c *Channel) remember(in Payload) error {
	e := c.line().endpoint
	h := e.historyOf(c.topic)
	if h == nil {
		return nil
	}
	a := e.archive.Load()
	if a == nil {
		return actor.NoProc
	}
	r, err := a.recorderOf(c.ctx, c.topic, h)
	if err != nil {
		return err
	}
	if !c.PID().Own(visitor{c, a, r}) {
		a.leave(r)
		return actor.NoProc
	}
	if c.hears == nil {
		c.hears = new(hearing)
	}
	p := &replay{of: r}
	c.hears.replay = p
	if r.replica != nil {
		p.self = e.senderOf(c.PID())
	}
	p.look(c, in)
	return nil
}

// look finds out what the client has missed, by the parameters of its join.
func (p *replay) look(c *Channel, in Payload) {
	p.of.settle(c)
	from, tracks, named := sinceOf(in)
	if p.of.replica != nil {
		if err := p.of.replica.await(c.ctx, from); err != nil {
			c.line().log().Warn("joined without the log of the topic", "topic", c.topic, "error", err)
		}
	}
	p.begin(from, tracks, named)
}

// hasAnew reports whether the client gets from the log what one of the channel's hearers has
// heard, or is told that it has missed it: that was heard before the client has come back, and has
// waited in the mailbox behind its join. What is in no log has no ref. A client that does not ask
// where it stands gets nothing of before from the log of a Stream, and so gets that.
func (p *replay) hasAnew(b *broadcast, hearer uint32) bool {
	return p != nil && b.Ref != "" && (!p.live || hearer != p.hearer) && (p.tracks || p.of.history.Mode != Stream)
}

// depart has the client get nothing of what is recorded any more: what is on its way to the channel
// comes before the answer to its leave. Behind that it would come to the channel that the client
// joins next, which gets it from the log as well: a broadcast says in no version of the protocol
// which join it belongs to.
func (p *replay) depart(c *Channel) {
	if p != nil {
		p.of.unhear(c)
		p.of.settle(c)
	}
}

// visitor gives a channel's recorder back. It is an [actor.Resource] of the channel.
type visitor struct {
	channel  *Channel
	archive  *archive
	recorder *recorder
}

// Release implements [actor.Resource]. The recorder is needed as long as something is on its way to
// the channel: another one would not know that a channel to come has to wait for it.
func (v visitor) Release(actor.PID, error) {
	v.recorder.unhear(v.channel)
	done := v.recorder.leaving(v.channel.line())
	if done == nil {
		v.archive.leave(v.recorder)
		return
	}
	go func() {
		<-done
		v.archive.leave(v.recorder)
	}()
}

// sinceOf returns the position that a client names when it joins, whether it wants to know of
// positions, and whether it names any, be it one that makes no sense.
func sinceOf(in Payload) (from Position, tracks, named bool) {
	since := joinParamsOf(in).Since
	if since == nil {
		return Position{}, false, false
	}
	if string(since) == "null" || string(since) == `""` {
		return Position{}, true, false
	}
	from, _ = ParsePosition(jsontext.Text(since)) // no text is no position
	return from, true, true
}

// begin looks at the log.
func (p *replay) begin(from Position, tracks, named bool) {
	r := p.of
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log.trim(r.endpoint.now())
	p.tracks, p.named, p.turn, p.live, p.at, p.epoch = tracks, named, r.turns, false, 0, r.log.epoch
	if r.replica != nil && !r.replica.loaded {
		r.replica.early = true // when the log is there, the channel is told
		p.recovery = Recovery{From: from}
		return
	}
	complete := named && r.log.covers(from)
	switch {
	case complete:
		p.at = from.Offset
	case r.history.Mode == Stream:
		p.at = r.log.top
	}
	p.recovery = Recovery{From: from, To: r.log.position(r.log.top), Missed: r.log.behind(p.at), Complete: complete}
}

// listen has a channel that gets nothing of what was before hear of what is broadcast from
// now on. One that gets what it has missed reads on from there; and one that was resumed, from
// where the log was then, or at the Listen of its Resumed. These two hear what is not recorded.
func (p *replay) listen(c *Channel) error {
	r := p.of
	if p.recovery.Complete || r.history.Mode != Stream || c.hasJoined() && p.epoch != "" {
		return p.hearLoose(c)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p.at, p.epoch = r.log.top, r.log.epoch
	return p.follow(c)
}

// resumes calls Resumed, which may have the client listen from later on: see skip.
func (p *replay) resumes(resumed func()) {
	if p == nil {
		resumed()
		return
	}
	set := func(to bool) {
		p.of.mu.Lock()
		defer p.of.mu.Unlock()
		p.resuming = to
	}
	set(true)
	defer set(false)
	resumed()
}

// skip has a client that comes back, and does not get what it has missed, get nothing either of
// what was broadcast since the channel has looked at the log. It does nothing unless Resumed runs.
func (p *replay) skip() {
	if p == nil {
		return
	}
	r := p.of
	r.mu.Lock()
	defer r.mu.Unlock()
	if !p.resuming || p.recovery.Complete || r.history.Mode != Stream || p.epoch == "" || p.turn != r.turns {
		return
	}
	p.at = r.log.top
	p.recovery.To = r.log.position(p.at)
}

// hearLoose has a channel that reads the log hear what is not in it.
func (p *replay) hearLoose(c *Channel) error {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	return p.of.hear(c, false)
}

// follow has the channel hear what is to come, under the recorder's lock.
func (p *replay) follow(c *Channel) error {
	if p.live = true; p.of.over {
		return actor.NoProc
	}
	if !p.gaps {
		if err := c.subscribeGaps(c.topic); err != nil {
			return err
		}
		p.gaps = true
	}
	return p.of.hear(c, true)
}

// next reads the next part of the log, and follows when that was the last one. It is nil if the
// channel follows already. It fails with errTrimmed if that part is not there any more.
func (p *replay) next(c *Channel) (*stretch, error) {
	if p.live {
		return nil, nil
	}
	r := p.of
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log.trim(r.endpoint.now())
	if p.turn != r.turns || (p.recovery.Complete || r.history.Mode == Stream) && !r.log.has(p.at) {
		return nil, errTrimmed
	}
	s := r.log.read(p.at, c.line().socket.MaxQueue/readPart, r.replayed)
	if p.at = s.upTo; s.more {
		return s, nil
	}
	return s, p.follow(c)
}

// first returns what comes behind the answer to the join: where the client stands, and the
// first part of what it has missed. It is nothing on a topic that is not recorded.
func (p *replay) first(c *Channel) (told frame.Sealed, missed *stretch, err error) {
	if p == nil {
		return told, nil, nil
	}
	stands := p.stands()
	if c.line().roomToRead() {
		if missed, err = p.next(c); err != nil {
			return told, nil, err
		}
	}
	if !p.tracks {
		return told, missed, nil
	}
	m := positionOf(c.topic, c.joinedAs(), wire.Ref(stands))
	if p.named {
		m.Event, m.Payload = wire.EventRecovery, p.recovery.payload()
	}
	told, err = c.line().encoding.Load().encode(m)
	return told, missed, err
}

// payload returns what the client is told of it.
func (r Recovery) payload() Payload {
	text := append(make([]byte, 0, 50+maxPosition), `{"complete":`...)
	text = append(strconv.AppendBool(text, r.Complete), `,"missed":`...)
	text = append(strconv.AppendInt(text, int64(r.Missed), 10), `,"position":`...)
	return RawJSON(append(jsontext.AppendString(text, r.To.String()), '}'))
}

// stands returns where the client stands.
func (p *replay) stands() string {
	if p.epoch == "" { // the store has not said yet
		return ""
	}
	return Position{p.epoch, p.at}.String()
}

// pass sends what comes first, if there is anything, then a part of what the client has missed,
// and then what has been held meanwhile. If there is more to read, it sees to it that this is
// done.
func (a *channelActor) pass(h *held, missed *stretch, first frame.Sealed) error {
	var frames []frame.Sealed
	var through []*broadcast // the handler
	switch {
	case missed == nil:
	case a.interceptsAny():
		through = missed.messages
	default:
		frames = a.framesOf(missed)
	}
	h.release(a.line().transport, first, frames...)
	a.held.Store(passed)
	for _, b := range through {
		if err := a.out(b); err != nil {
			return err
		}
	}
	if a.replay() != nil && !a.replay().live {
		a.readSoon()
	}
	return nil
}

// roomToRead reports whether little enough waits for the client.
func (l *line) roomToRead() bool { return l.transport.state().queued <= l.socket.MaxQueue/queuePart }

// readSoon has the next part of the log read: after what waits for the channel, or, if too
// much waits for the client, after a while.
func (a *channelActor) readSoon() {
	if a.line().roomToRead() {
		a.ctx.Self().Send(channelMsg{op: opReplay})
	} else {
		a.ctx.SendAfter(readAgain, channelMsg{op: opReplay})
	}
}

// readOn reads the next part of the log.
func (a *channelActor) readOn() error {
	if a.tether().isAway() { // and when the client comes back it says where to read on
		return nil
	}
	if !a.line().roomToRead() {
		a.readSoon()
		return nil
	}
	h := new(held) // for what is heard when all is read, which comes after that
	a.held.Store(h)
	missed, err := a.replay().next(&a.Channel)
	if err != nil {
		a.loseTrack(err.Error())
		return nil
	}
	return a.pass(h, missed, frame.Sealed{})
}
