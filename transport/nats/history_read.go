package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/transport/ws/history"
)

// Errors of a read. Each is tried again.
var (
	errAnew  = errors.New("the stream was made anew meanwhile")
	errStale = errors.New("the server that was read from is behind the stream's leader")
	errTorn  = errors.New("a part of the answer was lost")
	errOld   = errors.New("nats-server must be 2.11 or later")
)

// Since implements [history.Store]. The offsets are the stream's sequence numbers, which all
// topics share.
//
// Nothing leaves the stream but from its beginning, or, where a topic has more messages than are
// kept of it, from the topic's. So what was kept is known from where the stream begins after the
// read, and from whether the topic is full. Where the stream ends before the read is how far
// that goes.
func (h *History) Since(ctx context.Context, topic string, after uint64, limit int) (history.Span, error) {
	if err := h.check(ctx); err != nil {
		return history.Span{}, err
	}
	select {
	case h.turns <- struct{}{}:
		defer func() { <-h.turns }()
	case <-ctx.Done():
		return history.Span{}, context.Cause(ctx)
	}
	span, err := h.since(ctx, topic, after, limit)
	if err != nil {
		return history.Span{}, fmt.Errorf("nats: read the history of %q: %w", topic, err)
	}
	return span, nil
}

func (h *History) since(ctx context.Context, topic string, after uint64, limit int) (s history.Span, err error) {
	before, err := h.state(ctx)
	if err != nil {
		return s, err
	}
	last := uint64(0)
	if before.replicas > 1 { // any of them answers, and may be behind
		ask := func(ctx context.Context) (uint64, error) { return h.lastOf(ctx, topic) }
		if last, err = persist(ctx, historyAgain, ask, drop); err != nil {
			return s, err
		}
	}
	if after >= max(before.last, last) { // a follower can have been told anything
		return history.Span{Epoch: before.epoch, Top: max(before.last, last), Lost: max(before.first, 1) - 1}, nil
	}
	ask := func(ctx context.Context) (readPart, error) { return h.batch(ctx, topic, after, limit) }
	part, err := persist(ctx, historyAgain, ask, drop)
	if err != nil {
		return s, err
	}
	if part.pending == 0 && part.read < last {
		return s, errStale
	}
	now, err := h.state(ctx)
	if err != nil {
		return s, err
	}
	if now.epoch != before.epoch {
		return s, errAnew
	}
	records := part.records
	s = history.Span{Epoch: now.epoch, Records: records, More: part.pending > 0, Lost: max(max(now.first, 1)-1, part.lost)}
	if len(records) > 0 && len(records)+part.pending >= now.perTopic {
		s.Lost = max(s.Lost, records[0].Offset-1)
	}
	if s.Top = part.read; !s.More {
		s.Top = max(before.last, last)
		if len(records) > 0 || part.lost > 0 {
			s.Top = max(s.Top, part.read)
		}
	}
	return s, nil
}

// lastOf asks the stream's leader for the last sequence number of a topic; 0: there is none.
func (h *History) lastOf(ctx context.Context, topic string) (uint64, error) {
	m, err := h.Conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+h.stream(), messageGet{Last: h.put(topic)}.encode())
	if err != nil {
		return 0, err
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Seq uint64 `json:"seq"`
		} `json:"message"`
	}
	switch err := json.Unmarshal(m.Data, &answer); {
	case err != nil:
		return 0, err
	case answer.Error == nil:
		return answer.Message.Seq, nil
	case answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return 0, nil
	}
	return 0, answer.Error
}

// messageGet is a request for messages of a stream.
type messageGet struct {
	Seq      uint64 `json:"seq,omitempty"`
	Last     string `json:"last_by_subj,omitempty"`
	Next     string `json:"next_by_subj,omitempty"`
	Batch    int    `json:"batch,omitempty"`
	MaxBytes int    `json:"max_bytes,omitempty"`
}

func (g messageGet) encode() []byte {
	data, _ := json.Marshal(g) // cannot fail
	return data
}

// readPart is what one request for messages of a topic brings.
type readPart struct {
	records []history.Record
	read    uint64 // the sequence number of the last message of the topic that was looked at
	lost    uint64 // of the last one that cannot be read
	pending int    // messages of the topic behind them
	last    uint64 // of the last one of the records
	hole    bool   // one behind that cannot be read
}

// batch reads messages of a topic behind a sequence number.
//
// It is not a SubscribeSync, which takes a message for an error if a header that anybody can
// give it says so. What the channel has no room for is missing then, as what the connection has
// lost.
func (h *History) batch(ctx context.Context, topic string, after uint64, limit int) (p readPart, err error) {
	inbox, came := h.Conn.NewInbox(), make(chan *nats.Msg, limit+1)
	sub, err := h.Conn.ChanSubscribe(inbox, came)
	if err != nil {
		return p, err
	}
	defer sub.Unsubscribe()
	q := messageGet{Seq: after + 1, Next: h.put(topic), Batch: limit, MaxBytes: historyPart}
	if err := h.Conn.PublishRequest("$JS.API.DIRECT.GET."+h.stream(), inbox, q.encode()); err != nil {
		return p, err
	}
	p.read = after
	for {
		select {
		case m := <-came:
			if over, err := p.take(m); over || err != nil {
				return p, err
			}
		case <-ctx.Done():
			return p, context.Cause(ctx)
		}
	}
}

// take takes a message of the answer, each of which says which one was before it, by its
// sequence number; 0: it is the first. It reports whether that was all.
func (p *readPart) take(m *nats.Msg) (over bool, err error) {
	if m.Header == nil { // its headers are malformed, and the next one says which it was
		p.hole = true
		return false, nil
	}
	isRecord := len(m.Header.Values("Nats-Sequence")) > 0 // the server's own have none
	switch status := headerOf(m, "Status"); {
	case isRecord && headerOf(m, "Nats-Num-Pending") == "":
		return false, errOld
	case isRecord:
	case status == "404":
		return true, nil
	case status != "204":
		return false, fmt.Errorf("status %s: %s", status, headerOf(m, "Description"))
	}
	previous, err := strconv.ParseUint(headerOf(m, "Nats-Last-Sequence"), 10, 64)
	if err != nil {
		return false, err
	}
	switch {
	case p.hole && previous > p.last:
		p.lost, p.read = previous, previous
	case previous != p.last:
		return false, errTorn
	}
	if p.hole = false; !isRecord {
		p.pending, err = strconv.Atoi(headerOf(m, "Nats-Num-Pending"))
		return true, err
	}
	r, err := recordOf(m)
	if err != nil {
		return false, err
	}
	r.Previous = 0 // it is the one before in this batch
	p.records = append(p.records, r)
	p.read, p.last = r.Offset, r.Offset
	return false, nil
}

// recordOf returns a message of the stream as a record.
func recordOf(m *nats.Msg) (r history.Record, err error) {
	seq, err1 := strconv.ParseUint(headerOf(m, "Nats-Sequence"), 10, 64)
	previous, err2 := strconv.ParseUint(headerOf(m, "Nats-Last-Sequence"), 10, 64)
	at, err3 := time.Parse(time.RFC3339Nano, headerOf(m, "Nats-Time-Stamp"))
	return history.Record{Offset: seq, Previous: previous, At: at, Data: m.Data}, errors.Join(err1, err2, err3)
}

// headerOf returns what the server says in a header. It says that behind what those that have
// published the message may have said in it.
func headerOf(m *nats.Msg, name string) string {
	values := m.Header.Values(name)
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}
