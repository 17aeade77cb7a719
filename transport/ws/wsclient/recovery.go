package wsclient

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Recovery says what becomes of what the client has missed on a channel, when it has joined
// again.
type Recovery struct {
	// Missed is how many messages come now, because they were missed.
	Missed int
	// Complete says that all that the server has recorded has come then. If it is false,
	// messages are lost.
	Complete bool
}

// OnRecovery has f called when the channel has joined again after an interruption, before
// what it has missed comes, until off is called. It is for topics that the server records, as
// package ws does with a Route's History: the client names the position of the last message
// that it has got with each join, as the parameter since, and the server sends what came
// after it. The client does so by itself; but if f is given before Join, also before the
// first message has come, with null. A since among the parameters of [Client.Channel] stays
// as it is.
//
// Each message comes once. What was still waiting for a function of the channel when that was
// interrupted has come, and is not sent anew. Of several recoveries that a full queue hides, see
// Config.EventLimit, the last one is told: as complete if all of them were.
func (ch *Channel) OnRecovery(f func(Recovery)) (off func()) {
	return ch.onRecovery.add(&ch.client.mu, f)
}

// OnResume has f called when the client has joined again on a topic whose channels outlive their
// connections, as package ws has it with a Route's Linger, until off is called: with true if its
// channel was still there, and with false if it is a new one, and what the client has of the one
// before is void. The client sends by itself what it needs for that.
//
// If f is given before Join, what the server pushes is numbered from the first join on, and the
// client gets as well what was pushed over a connection that was lost already. Without it that
// begins with the second join. Several joins that a full queue hides, see Config.EventLimit, are told
// as one: with true if the channel was there each time.
func (ch *Channel) OnResume(f func(resumed bool)) (off func()) {
	return ch.onResume.add(&ch.client.mu, f)
}

// position is the place of a message in the server's log of a topic, "@epoch:offset".
type position struct {
	text   string // "" is none
	epoch  string
	offset uint64
}

// positionOf returns the position that a ref is.
func positionOf(ref string) (position, bool) {
	text := wire.RefText(ref)
	epoch, offset, ok := strings.Cut(text, ":")
	n, err := strconv.ParseUint(offset, 10, 64)
	if !ok || err != nil || epoch[:min(1, len(epoch))] != "@" {
		return position{}, false
	}
	return position{text, epoch, n}, true
}

// The functions below are called with Client.mu held.

// passes reports whether a message has not come before. A channel that is joined anew while
// the server is still at work on the one before may get a message from both.
func (ch *Channel) passes(m wire.Received) bool {
	p, ok := positionOf(m.Ref)
	if !ok {
		return true
	}
	told := m.Event == wire.EventPosition || m.Event == wire.EventRecovery
	if !told && p.epoch == ch.last.epoch && p.offset <= ch.last.offset {
		ch.client.cfg.Logger.Debug("wsclient: message came before", "topic", ch.topic, "event", m.Event, "position", p.text)
		return false
	}
	return true
}

// passed notes that a message has been taken in.
func (ch *Channel) passed(m wire.Received) {
	if text := wire.RefText(m.Ref); strings.HasPrefix(text, "~") {
		ch.got = text
	}
	p, ok := positionOf(m.Ref)
	if !ok {
		return
	}
	ch.last = p
	if m.Event != wire.EventRecovery {
		return
	}
	var r Recovery
	if err := m.Payload.Decode(&r); err != nil {
		ch.client.cfg.Logger.Warn("wsclient: recovery not understood", "topic", ch.topic, "error", err)
		return
	}
	// None of what was missed then has come, if this one hides another.
	r.Complete = ch.client.whole(&ch.calls, ofRecovery, r.Complete)
	ch.client.notifyOf(&ch.calls, callback{ch.onRecovery.with(r), ofRecovery, r.Complete})
}

// awaitPosition notes that the channel is joined for the first time. If the connection is lost
// before the position comes, the next join names one that is none: with null it would be taken
// for the first, and what was missed in between would be lost silently.
func (ch *Channel) awaitPosition() {
	if ch.last.text == "" && len(ch.onRecovery.list) > 0 {
		ch.last.text = "unknown"
	}
}

// resumable notes the token by which the client comes back to a channel that lingers, and that
// a channel which is another one has pushed nothing yet. It tells of that.
func (ch *Channel) resumable(answer Payload) {
	var r struct {
		Token   string `json:"resume_token"`
		Resumed bool   `json:"resumed"`
	}
	if answer.IsBinary() || answer.Decode(&r) != nil {
		r.Token, r.Resumed = "", false
	}
	again := ch.token != ""
	if ch.token = r.Token; !r.Resumed {
		ch.got = ""
	}
	if again {
		there := ch.client.whole(&ch.calls, ofResumption, r.Resumed)
		ch.client.notifyOf(&ch.calls, callback{ch.onResume.with(there), ofResumption, there})
	}
}

// remembered returns what a join on a topic has among its parameters: the client's position, or
// null, if it is to name one, and what it comes back with to a channel that lingers.
func (c *Client) remembered(topic string) map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := c.channels[topic]
	if ch == nil {
		return nil
	}
	fields := make(map[string]any)
	if ch.last.text != "" {
		fields["since"] = ch.last.text
	} else if len(ch.onRecovery.list) > 0 {
		fields["since"] = nil
	}
	if ch.token != "" {
		fields["resume_token"], fields["got"] = ch.token, ch.got
	} else if len(ch.onResume.list) > 0 {
		fields["got"] = nil
	}
	return fields
}

// withRemembered returns the parameters of a join with what the client remembers.
func (c *Client) withRemembered(topic string, params Payload) Payload {
	fields := c.remembered(topic)
	if len(fields) == 0 || params.IsBinary() {
		return params
	}
	var raw map[string]json.RawMessage
	if json.Unmarshal(params.Bytes(), &raw) != nil {
		return params
	}
	for key, value := range raw { // the user's come first
		fields[key] = value
	}
	p, err := wire.Object(fields)
	if err != nil {
		return params
	}
	return p
}
