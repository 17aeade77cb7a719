package ws

import (
	"encoding/json"
	"sync"
	"time"
)

// comeback is a join with a resume token, from a session to the channel that it names.
type comeback struct {
	line  *line  // of the session
	join  inward // the channel's to read once it obeys; empty if it is forgone
	token uint64

	mu    sync.Mutex // not held for long, nor while another lock is taken
	state *decided   // nil: it is undecided
}

// decided says what has become of a comeback.
type decided struct{ end error } // renounced: with what the channel ends

// accepted and forgone are what may become of a comeback, but for an end.
var accepted, forgone = new(decided), new(decided)

// decide reports false if something else has become of the comeback already. The first has its way:
// so a session that cannot forgo a channel is its owner, or has been; and a channel whose session
// has forgone it is still that of the session before.
func (b *comeback) decide(d *decided) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != nil {
		return false
	}
	b.state = d
	return true
}

// forgo is for a session that does not wait for the channel any more.
func (b *comeback) forgo() bool { return b.decide(forgone) }

// renounce is forgo for a client that does not come back any more. The channel is not the
// session's to end, so it ends by itself when it gets to the comeback, if the token holds.
func (b *comeback) renounce(end error) bool { return b.decide(&decided{end}) }

// renounced returns with what the channel is to end, or nil.
func (b *comeback) renounced() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == nil {
		return nil
	}
	return b.state.end
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
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != nil || !t.owner.CompareAndSwap(from, b.line) {
		return false
	}
	b.state = accepted
	return true
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
	t.kept = t.without(t.kept, func(p parcel) bool { return p.passing })
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
		t.retained, t.kept, t.bytes, got = nil, nil, 0, t.pushed
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
	t.base, t.gap, t.loose, t.counts = min(got, t.baseOfKept()), false, false, counts
	return r
}

// baseOfKept is the number of the last push before those that are kept. The client may not have got
// it, if a later one has taken its place.
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
