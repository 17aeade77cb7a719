package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/troupe-go/troupe/transport/ws"
)

// recorded is a message as an answer has it.
type recorded struct {
	Position string          `json:"position"`
	Event    string          `json:"event"`
	Payload  json.RawMessage `json:"payload,omitempty"`
	Binary   []byte          `json:"binary,omitempty"` // in place of Payload
}

// history says what is recorded of a topic.
func (h *Handler) history(ctx context.Context, c *call) (any, error) {
	q, err := c.query("topic", "since", "limit")
	if err != nil {
		return nil, err
	}
	c.target = q.Get("topic")
	if err := h.mayTopic(c.grant.History, c.target); err != nil {
		return nil, err
	}
	limit, err := limitOf(q)
	if err != nil {
		return nil, err
	}
	var since ws.Position
	if text := q.Get("since"); text != "" {
		if since, err = ws.ParsePosition(text); err != nil {
			return nil, invalid("invalid_request", "since is a position, such as those of messages")
		}
	}
	log, err := h.cfg.Endpoint.Recorded(ctx, c.target, since, limit)
	switch {
	case errors.Is(err, ws.ErrNoHistory):
		return nil, notRecorded(http.StatusNotFound)
	case err != nil:
		p := unavailable("the log cannot be read now")
		p.cause = err
		return nil, p
	}
	answer := struct {
		Complete bool       `json:"complete"`
		Position string     `json:"position"`
		Messages []recorded `json:"messages"`
	}{log.Complete, log.To.String(), make([]recorded, 0, len(log.Messages))}
	for _, m := range log.Messages {
		r := recorded{Position: m.Position.String(), Event: m.Event}
		if m.Payload.IsBinary() {
			r.Binary = m.Payload.Bytes()
		} else {
			r.Payload = m.Payload.Bytes()
		}
		answer.Messages = append(answer.Messages, r)
	}
	return answer, nil
}

func notRecorded(status int) *problem {
	return &problem{status: status, code: "not_recorded", message: "the topic is not recorded"}
}
