package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/troupe-go/troupe/transport/ws/presence"
)

// How many keys an answer has.
const (
	someKeys = 100
	mostKeys = 1000
)

// presence says who is in a topic.
func (h *Handler) presence(ctx context.Context, c *call) (any, error) {
	q, err := url.ParseQuery(c.request.URL.RawQuery)
	if err != nil {
		return nil, invalid("invalid_request", "the query cannot be read")
	}
	for name, values := range q {
		switch {
		case name != "topic" && name != "filter" && name != "limit" && name != "key":
			return nil, invalid("invalid_request", fmt.Sprintf("there is no parameter %.100q", name))
		case len(values) > 1:
			return nil, invalid("invalid_request", fmt.Sprintf("there is more than one %s", name))
		}
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
	return h.keys(topic, q.Get("filter"), q.Get("limit"))
}

// keys is who is in a topic, by key.
func (h *Handler) keys(topic, filter, limit string) (any, error) {
	n := someKeys
	if limit != "" {
		var err error
		if n, err = strconv.Atoi(limit); err != nil || n < 1 || n > mostKeys {
			return nil, invalid("invalid_request", fmt.Sprintf("limit is a number from 1 to %d", mostKeys))
		}
	}
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
