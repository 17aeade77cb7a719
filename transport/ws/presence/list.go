package presence

import (
	"context"
	"fmt"
	"strings"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence/internal/crdt"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// List returns who is present in a topic, by key. The context is for Fetch; an error
// is Fetch's, too.
func (t *Tracker) List(ctx context.Context, topic string) (map[string]Entry, error) {
	entries, fetched, err := t.entries(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("presence: list %q: %w", topic, err)
	}
	return entriesOf(entries, fetched), nil
}

// Get returns what there is of one key in a topic. If there is nothing, the entry
// has no metas. The context is for Fetch; an error is Fetch's, too.
func (t *Tracker) Get(ctx context.Context, topic, key string) (Entry, error) {
	s, err := t.shard(topic)
	if err != nil {
		return Entry{}, fmt.Errorf("presence: get %q in %q: %w", key, topic, err)
	}
	s.mu.RLock()
	present := s.state.Key(topic, key)
	s.mu.RUnlock()
	entries := present.Entries()
	fetched, err := t.fetch(ctx, topic, entries)
	if err != nil {
		return Entry{}, fmt.Errorf("presence: get %q in %q: fetch: %w", key, topic, err)
	}
	return entriesOf(entries, fetched)[key], nil
}

// PushState pushes the event presence_state to the client, with all who are present
// in its topic. Diffs follow by themselves. It is for once after each join, [ws.Resumer]'s Resumed
// included: clients keep diffs back until the first state of a join, and a diff that is told while
// Fetch runs for a second one comes before that, which does not have the change.
//
// It fails where [ws.Channel.Push] does, if Fetch fails, and if the channel's endpoint does not have
// the Tracker in its [ws.Config].
func (t *Tracker) PushState(c *ws.Channel) error {
	if err := t.tells(c); err != nil {
		return fmt.Errorf("presence: state of %q: %w", c.Topic(), err)
	}
	entries, fetched, err := t.entries(c.Context(), c.Topic())
	if err != nil {
		return fmt.Errorf("presence: state of %q: %w", c.Topic(), err)
	}
	b := make([]byte, 0, sizeOf(entries, fetched))
	return c.Push(wire.EventPresenceState, ws.RawJSON(appendEntries(b, entries, fetched)))
}

// entries returns who is present in a topic, those of a key together, and what Fetch has
// about them.
func (t *Tracker) entries(ctx context.Context, topic string) ([]*crdt.Entry, map[string]string, error) {
	s, err := t.shard(topic)
	if err != nil {
		return nil, nil, err
	}
	s.mu.RLock()
	entries := s.state.Topic(topic)
	s.mu.RUnlock()
	fetched, err := t.fetch(ctx, topic, entries)
	if err != nil {
		return nil, nil, fmt.Errorf("fetch: %w", err)
	}
	return entries, fetched, nil
}

// fetch returns what Fetch adds to entries, by key: what is between the braces of an
// object. Errors are those of a foreign call.
func (t *Tracker) fetch(ctx context.Context, topic string, entries []*crdt.Entry) (map[string]string, error) {
	if t.cfg.Fetch == nil || len(entries) == 0 {
		return nil, nil
	}
	result := make(chan map[string]string, 1) // of a call that may outlive the wait for it
	err := t.fetching.Call(ctx, func(ctx context.Context) error {
		values, err := t.cfg.Fetch(ctx, topic, entriesOf(entries, nil))
		if err != nil {
			return err
		}
		fetched, err := fieldsOf(values)
		result <- fetched
		return err
	})
	if err != nil {
		return nil, err
	}
	return <-result, nil
}

// fieldsOf marshals what Fetch has returned.
func fieldsOf(values map[string]any) (map[string]string, error) {
	fields := make(map[string]string, len(values))
	for key, v := range values {
		text, err := object(v)
		if err == nil && strings.Contains(text, `"metas"`) {
			text, err = without(text, "metas")
		}
		if err != nil {
			return nil, fmt.Errorf("what it has for %q: %w", key, err)
		}
		fields[key] = string(appendFields(nil, text))
	}
	return fields, nil
}
