package ws

import (
	"context"
	"fmt"

	"github.com/troupe-go/troupe/actor"
)

// Log is a part of what is recorded of a topic, see [Endpoint.Recorded].
type Log struct {
	// Messages are in the order in which they were broadcast.
	Messages []Recorded
	// From is the position behind which they are. To is the last position there is: if
	// that of the last message is less, there are more.
	From, To Position
	// Complete says that these are, in the mode Stream, the first of all messages behind the
	// position that was asked for, in the other modes of what these keep of them. If it is
	// false, messages before these are lost: they are behind another position, or there is
	// no such position in this log. So it is if none was asked for.
	Complete bool
}

// Recorded is a message in the log of a topic.
type Recorded struct {
	Position Position
	Event    string
	Payload  Payload
}

// maxListed is how many bytes of messages a Log has, if it has more than one.
const maxListed = 1 << 20

// Recorded returns what is recorded of a topic behind a position: limit messages at most, and
// about 1 MiB. With the zero Position they are the oldest that are kept. The answer to a
// client's join is made from the same log. It is for parts of the program that are no channels.
//
// The log begins with the first use of the topic here, be it this one, see [History]. With a
// Store, Recorded waits until the node has read the log, for three seconds at most or until ctx
// is done. The error wraps [ErrNoHistory] if the topic is not recorded, and [actor.NoProc] if
// the endpoint is down.
func (e *Endpoint) Recorded(ctx context.Context, topic string, since Position, limit int) (Log, error) {
	l, err := e.readLog(ctx, topic, since, limit)
	if err != nil {
		return Log{}, fmt.Errorf("ws: log of %q: %w", topic, err)
	}
	return l, nil
}

func (e *Endpoint) readLog(ctx context.Context, topic string, since Position, limit int) (Log, error) {
	h := e.historyOf(topic)
	if h == nil {
		return Log{}, ErrNoHistory
	}
	a := e.archive.Load()
	if a == nil {
		return Log{}, actor.NoProc
	}
	r, err := a.recorderOf(ctx, topic, h)
	if err != nil {
		return Log{}, err
	}
	defer a.leave(r)
	if r.replica != nil {
		if err := r.replica.await(ctx, since); err != nil {
			return Log{}, err
		}
	}
	return r.list(since, limit), nil
}

// list returns what is in the log behind a position.
func (r *recorder) list(since Position, limit int) Log {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log.trim(r.endpoint.now())
	from, complete := Position{r.log.epoch, 0}, r.log.covers(since)
	if complete {
		from = since
	} else {
		from.Offset = min(r.log.lost, r.log.top)
	}
	l := Log{From: from, To: r.log.position(r.log.top), Complete: complete}
	size := 0
	for i := r.log.after(from.Offset); i < r.log.entries.n && len(l.Messages) < limit; i++ {
		entry := r.log.entries.at(i)
		if entry.void {
			continue
		}
		if size += entry.size(); size > maxListed && len(l.Messages) > 0 {
			break
		}
		l.Messages = append(l.Messages, Recorded{r.log.position(entry.offset), entry.event, entry.payload})
	}
	return l
}
