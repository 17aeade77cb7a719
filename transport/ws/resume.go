package ws

import (
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
	// included: push it here. It takes the place of one that was kept. A Continue would push it
	// behind that, and a change that is told in between may be lost to the client.
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
	// Missed is how many messages come now because they were kept. A presence_state is among
	// them that does not come because Resumed pushes another.
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

// resume gives the channel to the session that its client has come back on, unless the token
// does not hold, or the channel is about to end.
func (a *channelActor) resume(b *comeback) error {
	t, from := a.tether(), a.line()
	holds := t.admits(b.token) && a.flags.Load() == 0
	if !holds || !t.obey(b, from) {
		switch end := b.renounced(); {
		case end == nil:
			b.line.session.Send(sessionMsg{op: opDeclined, channel: a.ctx.PID(), with: b})
		case holds:
			return a.outcome(end)
		}
		return nil
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
		p.of.loosen(&a.Channel)
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
		return a.frameOf(l, l.encoding.Load(), p.broadcast)
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
