package ws

import (
	"encoding/json"
	"slices"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Resumer is a [Handler] on a route with a Linger that is told when its client has come back;
// see [Route].
type Resumer interface {
	// Resumed is called in place of Join, and of the middleware around it: what is to be
	// known of the client anew, such as whether it may still be here, is to be asked here. The
	// channel has the connection's SocketID, Assigns and Values from now on. The reply is the
	// payload of the answer to the client's join, as that of Join is; nil means {}. What was
	// kept for the client comes behind it, then what Resumed pushes, and then, on a recorded
	// topic, what was broadcast and missed. What [Channel.Continue] pushes comes behind that, or
	// behind its first part if it is more than a 32nd of MaxQueue.
	//
	// The official client's Presence waits for a presence_state after each join, this one
	// included: push it here.
	//
	// With a [RefusedError] or an [InputError] the client is refused as by Join: its join is
	// answered with that, nothing more is sent, and the channel ends. Terminate runs, for the client
	// was in, with the reason [actor.Normal]. The client's next join on the topic starts a channel
	// anew. With [Stop], or an error that wraps [actor.Shutdown], the answer is sent and the channel
	// closes: what was kept is not sent any more, and the client does not come back. Any other error
	// is a crash, upon which the client joins anew.
	Resumed(c *Channel, r Resumption) (reply any, err error)
}

// Resumption says what became of what was sent to a client while it was away.
type Resumption struct {
	// Away is how long the connection had been known to be lost; 0 if it was not yet.
	Away time.Duration
	// Missed is how many messages come now because they were kept.
	Missed int
	// Complete says that the client has then got all that was pushed, and all that was
	// broadcast since its connection was known to be lost. If it is false something is lost to
	// it: more was sent than is kept, and then none of that comes; or something was pushed
	// over the connection that was lost, and the client does not say what it has got. It is
	// the moment to send it the present state.
	//
	// On a topic that is recorded, what was broadcast is the matter of [Channel.Recovery].
	Complete bool
}

// comeback is a join with a resume token, from a session to the channel that it names.
type comeback struct {
	line  *line  // of the session
	join  inward // the channel's to read once it has accepted; empty if it is forgone
	token uint64
	state atomic.Pointer[decided] // nil: it is undecided
}

// decided says what has become of a comeback.
type decided struct{ end error } // renounced: with what the channel ends

// accepted and forgone are what may become of a comeback, but for an end.
var accepted, forgone = new(decided), new(decided)

// accept is called by the channel when it obeys the session, and forgo by the session if it does
// not wait any more. The first of the two has its way: so a session that cannot forgo a channel
// is its owner, or has been.
func (b *comeback) accept() bool { return b.state.CompareAndSwap(nil, accepted) }

func (b *comeback) forgo() bool { return b.state.CompareAndSwap(nil, forgone) }

// renounce is forgo for a client that does not come back any more. The channel is not the
// session's to end, so it ends by itself when it gets to the comeback, if the token holds.
func (b *comeback) renounce(end error) bool { return b.state.CompareAndSwap(nil, &decided{end}) }

// renounced returns with what the channel is to end, or nil.
func (b *comeback) renounced() error {
	if d := b.state.Load(); d != nil {
		return d.end
	}
	return nil
}

// resume gives the channel to the session that its client has come back on, unless the token
// does not hold, or the channel is about to end.
func (a *channelActor) resume(b *comeback) error {
	t, from := a.tether(), a.line()
	if end := b.renounced(); end != nil {
		if !t.admits(b.token) || a.flags.Load() != 0 {
			return nil
		}
		return a.outcome(end)
	}
	if !t.admits(b.token) || a.flags.Load() != 0 || !t.obey(b, from) {
		b.line.session.Send(sessionMsg{op: opDeclined, channel: a.ctx.PID(), with: b})
		return nil
	}
	if !b.accept() { // the session has forgone it in this very moment, and no other one has it
		t.owner.CompareAndSwap(b.line, nil)
		if end := b.renounced(); end != nil {
			return a.outcome(end)
		}
		return Closed
	}
	from.session.Send(sessionMsg{op: opTaken, channel: a.ctx.PID(), with: a.joinedAs()})
	a.ctx.Unlink(from.session.PID())
	ref := wireRef(b.join.JoinRef)
	a.way.Store(b.line)
	if a.is(flagOverrun) { // since just now, and the session before may have been told: see hand
		b.line.session.Send(sessionMsg{op: opOverdue, channel: a.ctx.PID()})
	}
	t.joinRef.Store(&ref)
	e := b.line.endpoint
	e.expiries.move(a.ctx.PID(), b.line.session)
	r := t.comeBack(b)
	if p := a.replay(); p != nil {
		p.of.unhear(&a.Channel)
		p.look(&a.Channel, b.join.Payload)
		if err := p.hearLoose(&a.Channel); err != nil {
			return err
		}
	}
	return a.resumed(b, r)
}

// resumed tells the handler, answers the client, and sends what was kept for it.
func (a *channelActor) resumed(b *comeback, r Resumption) error {
	payload, end := a.askedToResume(b.line, r)
	if a.stage.Load() != stageJoined { // it has been given up, and the client has been told
		return actor.Stop
	}
	answer := wire.Message{JoinRef: b.join.JoinRef, Ref: b.join.Ref, Topic: a.topic}
	if end != nil {
		return a.notResumed(b.line, answer, payload, end)
	}
	a.event = ""
	f, err := b.line.replyFrame(answer, a.tether().welcome(b.line, payload, true))
	if err != nil {
		return err
	}
	b.line.endpoint.resumes.Add(1)
	b.line.transport.send(f)
	b.line.session.Send(sessionMsg{op: opJoined, channel: a.ctx.PID()})
	if a.replay() != nil {
		a.held.Store(new(held)) // what is pushed from now on comes behind what was missed
	}
	return a.flush(b)
}

// askedToResume calls the handler's Resumed, if it has one, and tells of it.
func (a *channelActor) askedToResume(l *line, r Resumption) (payload any, err error) {
	if !l.observed() {
		return a.callResumed(r)
	}
	o := Resumed{Topic: a.topic, Route: a.route.pattern, SocketID: l.id, Resumption: r, Err: errPanicked}
	start := time.Now()
	defer func() {
		o.Duration = time.Since(start)
		l.emit(o)
	}()
	payload, err = a.callResumed(r)
	o.Err = err
	return payload, err
}

func (a *channelActor) callResumed(r Resumption) (payload any, err error) {
	if h, ok := a.handler.(Resumer); ok {
		a.event = wire.EventJoin
		a.replay().resumes(func() { payload, err = h.Resumed(&a.Channel, r) })
	}
	return payload, err
}

// notResumed ends a channel that does not go on with its client, which gets the answer that is due.
// Nothing else goes to it: what is pushed is still kept.
func (a *channelActor) notResumed(l *line, answer wire.Message, payload any, end error) error {
	why, refused := refusal(end)
	var with Reply
	switch {
	case refused:
		with = Error(why)
	case actor.IsClean(end):
		with = a.tether().welcome(l, payload, true)
	default:
		return end
	}
	f, err := l.replyFrame(answer, with)
	if err != nil {
		return err
	}
	l.transport.send(f)
	if !refused {
		l.endpoint.resumes.Add(1)
		return a.outcome(end)
	}
	l.endpoint.joinRefusals.Add(1)
	a.mark(flagRefused)
	return a.outcome(actor.Stop)
}

// flush sends what was kept, in parts, as there is room for it; when all is sent, what comes
// goes straight to the client.
func (a *channelActor) flush(b *comeback) error {
	t, l := a.tether(), b.line
	for l == a.line() && l.roomToRead() {
		part, state := t.unsent(l)
		switch state {
		case flushLost:
			return nil
		case flushGap:
			a.loseTrack("more was sent to it than is kept until its client has got what was kept before")
			return nil
		case flushDone:
			return a.recover()
		}
		for _, p := range part {
			if f, ok := a.packed(l, p); ok {
				l.transport.send(f)
			}
		}
	}
	if l == a.line() {
		a.ctx.SendAfter(readAgain, channelMsg{op: opFlush, info: b})
	}
	return nil
}

// packed returns what was kept as the client gets it now.
func (a *channelActor) packed(l *line, p parcel) (frame.Sealed, bool) {
	if p.broadcast != nil {
		return a.frameOf(l, p.broadcast)
	}
	m := *p.push
	m.JoinRef = a.joinedAs()
	f, err := a.tether().frameOf(l, m, p.number)
	if err != nil {
		l.log().Warn("push not delivered", "topic", a.topic, "event", m.Event, "error", err)
		l.endpoint.drop(l.socket, Dropped{Topic: a.topic, Route: a.route.pattern, Event: m.Event, Err: err})
		return frame.Sealed{}, false
	}
	return f, true
}

// recover has a channel on a recorded topic send what its log has for the client, as behind a
// join.
func (a *channelActor) recover() error {
	p := a.replay()
	if p == nil {
		return nil
	}
	err := p.listen(&a.Channel)
	var stand frame.Sealed
	var missed *stretch
	if err == nil {
		stand, missed, err = p.first(&a.Channel)
	}
	if err != nil { // some of the log is gone, or all of it
		a.loseTrack(err.Error())
		return nil
	}
	return a.pass(a.held.Load(), missed, stand)
}

// admits reports whether a token is the one that the client was given last: or the one before
// that, if the connection was lost before the client has shown to have got the last one.
func (t *tether) admits(token uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return token != 0 && t.token != 0 && (token == t.token || token == t.former && !t.since.IsZero())
}

// confirmed notes that the client has shown to have got the answer to its last join.
func (t *tether) confirmed() {
	if t != nil {
		t.former = 0
	}
}

// start notes what the client says at its join.
func (t *tether) start(in Payload) {
	if t == nil {
		return
	}
	_, counts := t.got(in)
	t.mu.Lock()
	t.counts = counts
	t.mu.Unlock()
}

// obey gives the channel to the session of a comeback, unless that has forgone it, or another one
// has the channel end.
func (t *tether) obey(b *comeback, from *line) bool {
	return b.state.Load() == nil && t.owner.CompareAndSwap(from, b.line)
}

// comeBack notes that the client is there again, though nothing goes to it yet, and sorts out
// what it is to get. The owner has changed before that: so a session that has lost the channel
// meanwhile finds that under mu, and does not take the new line for its own.
func (t *tether) comeBack(b *comeback) Resumption {
	got, counts := t.got(b.join.Payload)
	t.mu.Lock()
	defer t.mu.Unlock()
	again := b.token == t.former // it has not got the answer to the last one, nor what came behind it
	t.former = b.token
	var r Resumption
	if !t.since.IsZero() {
		r.Away = time.Since(t.since)
	}
	if t.over = nil; t.lost != b.line { // it may be lost again already
		t.lost = nil // and with it all that its session had
		if !t.since.IsZero() {
			t.since = time.Time{}
			b.line.moveOut()
		}
	}
	t.kept = slices.DeleteFunc(t.kept, func(p parcel) bool {
		if p.passing {
			t.bytes -= p.size()
		}
		return p.passing
	})
	if !counts { // what was sent it may have got, or not
		got = t.base
		if n := len(t.retained); n > 0 {
			got, t.loose = t.retained[n-1].number, true
		}
	}
	for len(t.retained) > 0 && t.retained[0].number <= got {
		t.bytes -= t.retained[0].size()
		t.retained = cut(t.retained)
	}
	if t.gap || t.base > got {
		t.retained, t.kept, t.bytes = nil, nil, 0
	} else {
		r.Complete = !t.loose && !(again && t.unsure)
		t.kept, t.retained = append(t.retained, t.kept...), nil
	}
	for i := range t.kept { // what was kept when the client did not count
		if p := &t.kept[i]; counts && p.push != nil && p.number == 0 {
			t.pushed++
			p.number = t.pushed
		}
	}
	r.Missed = len(t.kept)
	t.unsure = !r.Complete
	t.base, t.gap, t.loose, t.counts = t.baseOfKept(), false, false, counts
	return r
}

// baseOfKept is the number of the last push that the client need not be sent any more.
func (t *tether) baseOfKept() uint64 {
	for _, p := range t.kept {
		if p.number > 0 {
			return p.number - 1
		}
	}
	return t.pushed
}

// flushState says what is to be done with what was kept.
type flushState uint8

const (
	flushPart flushState = iota // send this
	flushDone                   // nothing: all is sent, and from now on the line is the way
	flushLost                   // nothing: the line is lost
	flushGap                    // some of it is lost
)

// flushAtOnce is how many messages are taken from what was kept at a time.
const flushAtOnce = 32

// unsent takes the next part of what was kept.
func (t *tether) unsent(l *line) ([]parcel, flushState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.lost == l:
		return nil, flushLost
	case t.gap:
		return nil, flushGap
	case len(t.kept) == 0:
		t.over = l
		return nil, flushDone
	}
	n := min(flushAtOnce, len(t.kept))
	part := make([]parcel, n)
	for i := range part {
		p := t.kept[0]
		part[i] = p
		t.kept = cut(t.kept)
		if p.number > 0 {
			t.retained = append(t.retained, p)
			continue
		}
		t.bytes -= p.size()
		t.loose = t.loose || p.broadcast == nil
		t.unsure = t.unsure || !p.passing
	}
	return part, flushPart
}

// welcome is the answer to a join, with a token to come back with. A payload that is no object
// has no room for one.
func (t *tether) welcome(l *line, payload any, resumed bool) Reply {
	if t == nil {
		return OK(payload)
	}
	p, err := JSON(payload)
	if err != nil {
		return OK(payload) // which fails again
	}
	t.mu.Lock()
	t.tries++
	t.token = t.tries
	text := l.endpoint.signResume(resumeClaim{t.id, t.tries}, l, t.channel.topic)
	with, ok := withResume(p, text, resumed)
	if !ok {
		t.token = 0
	}
	t.mu.Unlock()
	if !ok {
		l.log().Warn("channel cannot linger: the reply to its join is no JSON object", "topic", t.channel.topic)
	}
	return OK(with)
}

// withResume adds the fields of an answer to a join, unless it is no object.
func withResume(p Payload, token string, resumed bool) (Payload, bool) {
	var fields map[string]json.RawMessage
	if p.IsBinary() || json.Unmarshal(p.Bytes(), &fields) != nil || fields == nil {
		return p, false
	}
	text := p.Bytes()
	for end := len(text) - 1; ; end-- {
		if text[end] == '}' {
			text = text[:end]
			break
		}
	}
	merged := make([]byte, 0, len(text)+len(token)+40)
	merged = append(merged, text...)
	if len(fields) > 0 {
		merged = append(merged, ',')
	}
	merged = append(merged, `"resume_token":"`+token+`","resumed":`...)
	if resumed {
		merged = append(merged, "true}"...)
	} else {
		merged = append(merged, "false}"...)
	}
	return RawJSON(merged), true
}
