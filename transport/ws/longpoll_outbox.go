package ws

import (
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
)

// outbox holds what is sent to a client that polls. The messages of an answer stay
// until the next poll shows that the client has got them: answers that carry
// messages are numbered, and a poll names the last one that its client has got. So
// a poll that is repeated, by the client or by its browser, is answered by the same
// messages again, with none lost and none twice.
//
// Clients written by hand may poll with the token that they got first, all the time.
// Until one is seen to do otherwise, a poll with that token acknowledges an answer
// that could be written: messages come once, and one is lost with an answer that
// the network loses after that.
type outbox struct {
	waiting []frame.Sealed // in no answer yet
	bytes   int            // of those
	sent    []frame.Sealed // in the last answer, unless it has arrived
	answer  uint64         // number of that one
	follows bool           // the client has named an answer
	failed  bool           // the last answer could not be written
}

// put adds messages that are sent together, all or none. There may be limit bytes waiting,
// or more if they were put at once; otherwise put reports false.
func (o *outbox) put(messages []frame.Sealed, limit int) bool {
	size := 0
	for _, f := range messages {
		size += f.Len()
	}
	if o.bytes > 0 && o.bytes+size > limit {
		return false
	}
	o.waiting = append(o.waiting, messages...)
	o.bytes += size
	return true
}

// acknowledge takes note of the answer that a poll has named. What has arrived goes.
func (o *outbox) acknowledge(answer uint64) {
	o.follows = o.follows || answer > 0
	if answer == o.answer || answer == 0 && !o.follows && !o.failed {
		o.sent = nil
	}
}

// empty reports whether there is nothing to answer with.
func (o *outbox) empty() bool { return len(o.sent) == 0 && len(o.waiting) == 0 }

// next returns the messages of the next answer: those of the last one if they may not
// have arrived, with the same number; otherwise what waits.
func (o *outbox) next() []frame.Sealed {
	o.failed = false
	if len(o.sent) == 0 && len(o.waiting) > 0 {
		o.sent, o.waiting, o.bytes = o.waiting, nil, 0
		o.answer++
	}
	return o.sent
}
