package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/internal/jsontext"
)

// maxName is how many bytes a name may have: an event, or the ID of connections. maxKey is that
// of a key, see [ws.Idempotent].
const (
	maxName = 1024
	maxKey  = 256
)

// publish broadcasts an event.
func (h *Handler) publish(ctx context.Context, c *call) (any, error) {
	var q struct {
		Topic   string          `json:"topic"`
		Event   string          `json:"event"`
		Payload json.RawMessage `json:"payload"`
		Key     *string         `json:"key"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	c.target, c.event = q.Topic, q.Event
	if err := h.mayTopic(c.grant.Publish, q.Topic); err != nil {
		return nil, err
	}
	if err := checkEvent(q.Event); err != nil {
		return nil, err
	}
	options := []ws.BroadcastOption{ws.Within(ctx)}
	if q.Key != nil {
		if *q.Key == "" || len(*q.Key) > maxKey {
			return nil, invalid("invalid_key", fmt.Sprintf("a key has 1 to %d bytes", maxKey))
		}
		options = append(options, ws.Idempotent(*q.Key))
	}
	err := h.cfg.Endpoint.Broadcast(q.Topic, q.Event, ws.RawJSON(q.Payload), options...)
	switch {
	case errors.Is(err, ws.ErrNoHistory):
		return nil, notRecorded(http.StatusBadRequest)
	case errors.Is(err, ws.ErrPayload):
		return nil, invalid("invalid_payload", "a payload is a JSON object")
	case err != nil:
		p := unavailable("the event may not have reached all nodes")
		p.cause = err
		return nil, p
	}
	return struct{}{}, nil
}

// checkEvent refuses events that are not for publishing: those of the protocol, and those that
// the official client makes of replies, since it would take one that is published for the
// answer to a push of its own; those by which clients know who is present; and the one that
// closes the connections whose ID happens to be the topic. Rights to disconnect are others.
func checkEvent(event string) error {
	switch {
	case event == "" || len(event) > maxName:
		return invalid("invalid_event", fmt.Sprintf("an event has 1 to %d bytes", maxName))
	case strings.HasPrefix(event, "phx_"), strings.HasPrefix(event, "chan_reply_"), slices.Contains([]string{"disconnect", "presence_state", "presence_diff"}, event):
		return invalid("invalid_event", "this event has a meaning of its own, and cannot be published")
	}
	return nil
}

// disconnect closes connections.
func (h *Handler) disconnect(_ context.Context, c *call) (any, error) {
	var q struct {
		ID string `json:"id"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	c.target = q.ID
	switch {
	case q.ID == "" || len(q.ID) > maxName:
		return nil, invalid("invalid_id", fmt.Sprintf("an ID has 1 to %d bytes", maxName))
	case !matches(c.grant.Disconnect, q.ID):
		return nil, forbidden("disconnect this ID")
	}
	if err := h.cfg.Endpoint.Disconnect(q.ID); err != nil {
		p := unavailable("the order may not have reached all nodes")
		p.cause = err
		return nil, p
	}
	return struct{}{}, nil
}

// mayTopic checks the right to a topic, and then that there is one. Without the right nobody
// is told.
func (h *Handler) mayTopic(right []string, topic string) error {
	switch {
	case topic == "":
		return invalid("invalid_topic", "there is no topic")
	case !matches(right, topic):
		return forbidden("do this to this topic")
	case !h.cfg.Endpoint.Serves(topic):
		return &problem{status: http.StatusNotFound, code: "unknown_topic", message: "no socket has a route for this topic"}
	}
	return nil
}

func forbidden(what string) *problem {
	return &problem{status: http.StatusForbidden, code: "forbidden", message: "the token does not give the right to " + what}
}

// decode reads the body, which is one object with no fields but those of into.
func (c *call) decode(into any) error {
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		if e, ok := err.(*json.UnmarshalTypeError); ok && e.Field != "" {
			return invalid("invalid_request", fmt.Sprintf("field %q is a %s", e.Field, e.Type))
		}
		if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return invalid("invalid_request", fmt.Sprintf("there is no field %.100s", field))
		}
		return invalid("invalid_request", "the body is not a JSON object")
	}
	if d.More() || len(bytes.TrimSpace(c.body[d.InputOffset():])) > 0 {
		return invalid("invalid_request", "there is something behind the JSON object")
	}
	return checkNames(c.body)
}

// checkNames refuses what encoding/json lets pass: it takes "Topic" for "topic", and of two fields
// of a name the second one. What is before this handler may have looked at the other one.
func checkNames(object []byte) error {
	seen := make(map[string]bool)
	for name := range jsontext.Members(object) {
		switch {
		case strings.ContainsFunc(name, func(r rune) bool { return r < 'a' || r > 'z' }):
			return invalid("invalid_request", fmt.Sprintf("there is no field %.100q", name))
		case seen[name]:
			return invalid("invalid_request", fmt.Sprintf("the field %q is there twice", name))
		}
		seen[name] = true
	}
	return nil
}
