package httpapi

import (
	"context"
	"net/http"

	"github.com/troupe-go/troupe/transport/ws/presence"
)

// presence says who is in a topic.
func (h *Handler) presence(ctx context.Context, c *call) (any, error) {
	q, err := c.query("topic", "filter", "limit", "key")
	if err != nil {
		return nil, err
	}
	topic := q.Get("topic")
	c.target = topic
	if err := h.mayTopic(c.grant.Presence, topic); err != nil {
		return nil, err
	}
	if h.cfg.Presence == nil {
		return nil, &problem{status: http.StatusNotFound, code: "no_presence", message: "the program does not say who is there"}
	}
	if q.Has("key") {
		return h.present(ctx, topic, q.Get("key"))
	}
	n, err := limitOf(q)
	if err != nil {
		return nil, err
	}
	return h.keys(topic, q.Get("filter"), n)
}

// keys is who is in a topic, by key.
func (h *Handler) keys(topic, filter string, n int) (any, error) {
	type key struct {
		Key   string `json:"key"`
		Count int    `json:"count"`
	}
	keys, total := h.cfg.Presence.Keys(topic, filter, n)
	answer := struct {
		Total int   `json:"total"`
		Keys  []key `json:"keys"`
	}{total, make([]key, 0, len(keys))}
	for _, k := range keys {
		answer.Keys = append(answer.Keys, key{k.Key, k.Count})
	}
	return answer, nil
}

// present is what there is of one key.
func (h *Handler) present(ctx context.Context, topic, key string) (any, error) {
	entry, err := h.cfg.Presence.Get(ctx, topic, key)
	switch {
	case err != nil:
		p := unavailable("who is there cannot be said now")
		p.cause = err
		return nil, p
	case len(entry.Metas) == 0:
		return nil, &problem{status: http.StatusNotFound, code: "not_present", message: "this key is not in this topic"}
	}
	return struct {
		Key   string         `json:"key"`
		Entry presence.Entry `json:"entry"`
	}{key, entry}, nil
}
