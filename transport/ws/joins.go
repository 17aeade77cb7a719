package ws

import (
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/limit"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// joins decides for a session what becomes of each message of the client's: which channel
// gets it, what waits for what, and which join starts a channel or replaces one. It is a
// state machine without a clock, a goroutine or an effect: its session tells it what has
// happened, does what it decides, and tells it how that went.
//
// A topic has one channel at most, and what comes for a topic is handled in order, but for
// a join that comes while another runs: it does not wait for that one.
type joins struct {
	rate     limit.Rate // of joins
	channels roster
}

// joined is a channel from its start to its end.
type joined struct {
	channel *Channel // of which the topic and the joinRef count here
	leaving bool     // the client has left; the channel is about to end
	door    *door    // nil: what comes for the topic goes to the channel

	ref  actor.Ref[channelMsg]  // for the session; nothing is decided by it
	next atomic.Pointer[joined] // on the roster
}

// door is before a channel that takes no messages: until its Join has let the client
// in, and until it has ended when the client joins its topic anew.
type door struct {
	join    string    // the ref of the message that asked for the Join
	giveUp  bool      // the client has left meanwhile, and does not wait for ever
	rejoin  *inward   // the join that waits for the channel to end
	waiting []inward  // what else has come for the topic
	back    *comeback // the join, if it is one to a channel that there was before; nothing is decided by it
}

// inward is a message of the client's, and what it counts for until it is handled.
type inward struct {
	wire.Message
	weight int64
	read   moment // see sessionMsg
}

// verdict says what becomes of a message.
type verdict uint8

const (
	toChannel      verdict = iota // the channel gets it
	waits                         // it is kept until the channel lets the client in, or has ended
	waitsNotLong                  // so it is, and the Join is to be given up after a while
	asksToJoin                    // it is a join, and its turn has come: see asked
	isStale                       // its channel has been replaced, and it is dropped
	hasLeft                       // it leaves a topic on which there is nothing to leave
	unmatchedTopic                // there is no channel for it

	startsChannel   // it is a join that starts a channel
	replacesChannel // it is a join that starts one when the present one has ended
	refused         // it is a join that may not be
)

// decision is what becomes of a join whose turn has come.
type decision struct {
	verdict verdict
	reason  string   // refused: why
	dropped []inward // replacesChannel: what has waited for the present one, and is void
}

// notice is what the client hears of a channel's end.
type notice uint8

const (
	noNotice     notice = iota
	joinCrashed         // as the answer to its join
	channelClose        // it does not come back
	channelError        // it joins again
)

// ending is what follows when a channel has ended.
type ending struct {
	notice  notice
	rejoin  *inward  // the join that starts a channel now, if there is one
	waiting []inward // what is to be handled after that, in order
}

// on returns the channel of a topic, or nil.
func (js *joins) on(topic string) *joined {
	for j := range js.channels.all {
		if j.channel.topic == topic {
			return j
		}
	}
	return nil
}

// of returns the channel that is this actor, or nil if it has ended.
func (js *joins) of(channel actor.PID) *joined {
	for j := range js.channels.all {
		if j.ref.PID() == channel {
			return j
		}
	}
	return nil
}

// came decides on a message that has come for a topic, or has waited and comes again. j is
// the channel of the topic, or nil.
func (js *joins) came(j *joined, m inward) verdict {
	switch {
	case j != nil && j.door != nil && (m.Event != wire.EventJoin || j.door.rejoin != nil):
		return j.door.wait(m, j.means(m))
	case m.Event == wire.EventJoin:
		return asksToJoin
	case j != nil && !j.leaving && j.means(m):
		j.leaving = m.Event == wire.EventLeave
		return toChannel
	case j != nil && !j.leaving:
		return isStale
	case m.Event == wire.EventLeave:
		return hasLeft
	}
	return unmatchedTopic
}

// wait keeps a message, which may be meant for the channel behind the door.
func (d *door) wait(m inward, meant bool) verdict {
	d.waiting = append(d.waiting, m)
	if m.Event != wire.EventLeave || !meant || d.giveUp {
		return waits
	}
	d.giveUp = true
	return waitsNotLong
}

// means reports whether a message on the channel's topic is meant for it, and not for
// one that it has replaced.
func (j *joined) means(m inward) bool { return m.JoinRef == "" || m.JoinRef == j.joinRef() }

// asked decides on a join whose turn has come. old is the channel of the topic, or nil;
// routed says whether the socket has a route for the topic.
func (js *joins) asked(old *joined, m *inward, routed bool, socket *Socket, now time.Duration) decision {
	switch {
	case routed && old == nil && js.full(socket.MaxChannels):
		return decision{verdict: refused, reason: "too many channels joined"}
	case js.rate.Take(now, socket.MaxJoinRate) > 0:
		return decision{verdict: refused, reason: "too many joins"}
	case len(m.Topic) > maxTopic || len(m.JoinRef) > maxTopic:
		return decision{verdict: refused, reason: "topic too long"}
	case !routed:
		return decision{verdict: unmatchedTopic}
	case old == nil:
		return decision{verdict: startsChannel}
	}
	d := decision{verdict: replacesChannel}
	first := old.door
	old.door = &door{rejoin: m}
	if first != nil { // its Join is running still
		old.door.join, old.door.back = first.join, first.back
		d.dropped = first.waiting
	}
	return d
}

// full reports whether the client has all the channels that it may have. One that
// it is leaving does not count, unless very many of them take their time.
func (js *joins) full(most int) bool {
	all, staying := 0, 0
	for j := range js.channels.all {
		all++
		if !j.leaving {
			staying++
		}
	}
	return staying >= most || all >= 2*most
}

// started records that a channel has been started, and that its Join runs; join is the ref
// of the message that asked for it.
func (js *joins) started(j *joined, join string) {
	j.door = &door{join: join}
	js.channels.add(j)
}

// letIn records that a Join has let the client in. It returns what is to be handled now,
// in order: nothing if the channel is to be replaced.
func (js *joins) letIn(j *joined) (waiting []inward) {
	if j.door == nil || j.door.rejoin != nil {
		return nil
	}
	waiting, j.door = j.door.waiting, nil
	return waiting
}

// overstays reports whether a Join that the client has left is running still, when it has
// had time enough.
func (j *joined) overstays() bool { return j.door != nil && j.door.giveUp }

// ended decides what follows when a channel has ended, and forgets it. letIn says whether
// Join had let the client in, wanted whether the channel has ended because the client or
// its handler wanted it to.
func (js *joins) ended(j *joined, letIn, wanted bool) ending {
	js.channels.remove(j)
	var e ending
	if j.door != nil {
		e.rejoin, e.waiting = j.door.rejoin, j.door.waiting
	}
	// A client whose channel closes does not come back, and one that gets an error does;
	// so only what the client, or the channel itself, wanted is a close.
	switch {
	case !letIn && wanted: // refused, and the client has been told
	case !letIn:
		e.notice = joinCrashed
	case wanted || e.rejoin != nil:
		e.notice = channelClose
	default:
		e.notice = channelError
	}
	return e
}
