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
	if err := h.check(ctx, topic); err != nil {
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
		if last, err = h.lastOf(ctx, topic); err != nil {
			return s, err
		}
	}
	records, pending, err := h.batch(ctx, topic, after, limit)
	if err != nil {
		return s, err
	}
	read := after
	if len(records) > 0 {
		read = records[len(records)-1].Offset
	}
	if pending == 0 && read < last {
		return s, errStale
	}
	now, err := h.state(ctx)
	if err != nil {
		return s, err
	}
	if now.epoch != before.epoch {
		return s, errAnew
	}
	s = history.Span{Epoch: now.epoch, Records: records, More: pending > 0, Lost: max(now.first, 1) - 1}
	if len(records) > 0 && len(records)+pending >= now.perTopic {
		s.Lost = max(s.Lost, records[0].Offset-1)
	}
	if s.Top = read; !s.More {
		s.Top = max(before.last, last)
		if len(records) > 0 {
			s.Top = max(s.Top, read)
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

// batch reads messages of a topic behind a sequence number, and returns how many there are
// behind them.
func (h *History) batch(ctx context.Context, topic string, after uint64, limit int) (records []history.Record, pending int, err error) {
	inbox := h.Conn.NewInbox()
	sub, err := h.Conn.SubscribeSync(inbox)
	if err != nil {
		return nil, 0, err
	}
	defer sub.Unsubscribe()
	q := messageGet{Seq: after + 1, Next: h.put(topic), Batch: limit, MaxBytes: historyPart}
	if err := h.Conn.PublishRequest("$JS.API.DIRECT.GET."+h.stream(), inbox, q.encode()); err != nil {
		return nil, 0, err
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, 0, err
		}
		switch status := m.Header.Get("Status"); status {
		case "404":
			return nil, 0, nil
		case "204":
			pending, err = strconv.Atoi(m.Header.Get("Nats-Num-Pending"))
			return records, pending, err
		case "":
		default:
			return nil, 0, fmt.Errorf("status %s: %s", status, m.Header.Get("Description"))
		}
		if m.Header.Get("Nats-Num-Pending") == "" {
			return nil, 0, errOld
		}
		r, err := recordOf(m)
		if err != nil {
			return nil, 0, err
		}
		r.Previous = 0 // it is the one before in this batch
		records = append(records, r)
	}
}

// recordOf returns a message of the stream as a record.
func recordOf(m *nats.Msg) (r history.Record, err error) {
	seq, err1 := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
	previous, err2 := strconv.ParseUint(m.Header.Get("Nats-Last-Sequence"), 10, 64)
	at, err3 := time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp"))
	return history.Record{Offset: seq, Previous: previous, At: at, Data: m.Data}, errors.Join(err1, err2, err3)
}
