package wsclient

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Presence keeps the list of who is present on a channel, from the states and diffs that
// the server sends: the counterpart of the class Presence in the JavaScript client. It
// is usable once it follows a channel:
//
//	users := &wsclient.Presence{OnSync: func() { … }}
//	users.Follow(room)
//	room.Join(ctx)
//
// The list outlives interruptions of the channel: after one, the functions are called
// only for those who came or went in the meantime. The functions run like those of the
// channel and may call List; the list is as after all of the message that they tell of.
type Presence struct {
	// OnJoin is called for a key with new metas. before is the key's entry without
	// them; it has no metas if the key was not present at all.
	OnJoin func(key string, before, joined PresenceEntry)
	// OnLeave is called for a key that has lost metas. remaining is the key's entry
	// without them; it has no metas if the key is not present any more.
	OnLeave func(key string, remaining, left PresenceEntry)
	// OnSync is called after each message from the server is worked in.
	OnSync func()

	// StateEvent and DiffEvent are the events to follow, if not "presence_state" and
	// "presence_diff".
	StateEvent, DiffEvent string

	mu      sync.Mutex
	entries map[string]PresenceEntry
	synced  string // the join ref of the last state
	pending []presenceDiff
	waiting string // the join ref of the pending diffs
}

// PresenceEntry is what is known about one key, a user for instance.
type PresenceEntry struct {
	// Metas are the key's presences, one for each of the user's connections, say.
	Metas []PresenceMeta
	// Fields is what the server's fetch has added next to the metas, if anything.
	Fields map[string]json.RawMessage
}

// PresenceMeta is one presence of a key.
type PresenceMeta struct {
	// Ref names the presence. An update gives it another, and PrevRef is then the one
	// before; else it is empty.
	Ref, PrevRef string
	// Payload is all of the meta.
	Payload Payload
}

// UnmarshalJSON implements [json.Unmarshaler].
func (e *PresenceEntry) UnmarshalJSON(data []byte) error {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	*e = PresenceEntry{}
	if err := json.Unmarshal(fields["metas"], &e.Metas); err != nil {
		return fmt.Errorf("metas: %w", err)
	}
	if delete(fields, "metas"); len(fields) > 0 {
		e.Fields = fields
	}
	return nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (m *PresenceMeta) UnmarshalJSON(data []byte) error {
	var refs struct {
		Ref  string `json:"phx_ref"`
		Prev string `json:"phx_ref_prev"`
	}
	if err := json.Unmarshal(data, &refs); err != nil {
		return err
	}
	*m = PresenceMeta{refs.Ref, refs.Prev, wire.RawJSON(bytes.Clone(data))}
	return nil
}

// presenceDiff is the payload of presence_diff: PRES-3.
type presenceDiff struct {
	Joins  map[string]PresenceEntry `json:"joins"`
	Leaves map[string]PresenceEntry `json:"leaves"`
}

// maxPendingDiffs bounds the diffs that are kept until there is a state. It comes right
// after the join, so these are many; where a server never sends one, the diffs are of
// no use.
const maxPendingDiffs = 1000

// Follow has the presence follow a channel. It is called once, before the channel is
// joined.
func (p *Presence) Follow(ch *Channel) {
	state, diff := p.StateEvent, p.DiffEvent
	if state == "" {
		state = wire.EventPresenceState
	}
	if diff == "" {
		diff = wire.EventPresenceDiff
	}
	ch.On(state, func(m Message) {
		var entries map[string]PresenceEntry
		if err := m.Payload.Decode(&entries); err != nil {
			ch.client.cfg.Logger.Warn("wsclient: presence state not understood", "topic", ch.topic, "error", err)
			return
		}
		p.report(p.state(m.joinRef, entries))
	})
	ch.On(diff, func(m Message) {
		var d presenceDiff
		if err := m.Payload.Decode(&d); err != nil {
			ch.client.cfg.Logger.Warn("wsclient: presence diff not understood", "topic", ch.topic, "error", err)
			return
		}
		if changes, ok := p.diff(m.joinRef, d); ok {
			p.report(changes)
		}
	})
}

// List returns who is present, by key. The map is the caller's; what is in it must not
// be changed.
func (p *Presence) List() map[string]PresenceEntry {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.entries)
}

// presenceChange is a call of OnJoin or OnLeave.
type presenceChange struct {
	left        bool
	key         string
	rest, metas PresenceEntry
}

func (p *Presence) report(changes []presenceChange) {
	for _, c := range changes {
		switch {
		case c.left && p.OnLeave != nil:
			p.OnLeave(c.key, c.rest, c.metas)
		case !c.left && p.OnJoin != nil:
			p.OnJoin(c.key, c.rest, c.metas)
		}
	}
	if p.OnSync != nil {
		p.OnSync()
	}
}

// state works in a full state, and the diffs that came before it on the same join.
func (p *Presence) state(joinRef string, entries map[string]PresenceEntry) []presenceChange {
	p.mu.Lock()
	defer p.mu.Unlock()
	changes := p.apply(p.difference(entries))
	p.synced = joinRef
	if p.waiting == joinRef {
		for _, d := range p.pending {
			changes = append(changes, p.apply(d)...)
		}
	}
	p.pending = nil
	return changes
}

// diff works in a diff, or keeps it for when the first state of the join has come:
// PRES-12.
func (p *Presence) diff(joinRef string, d presenceDiff) ([]presenceChange, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.synced == joinRef {
		return p.apply(d), true
	}
	if p.waiting != joinRef { // a state of its join never came; this join's knows better
		p.waiting, p.pending = joinRef, nil
	}
	if len(p.pending) == maxPendingDiffs {
		p.pending = slices.Delete(p.pending, 0, 1)
	}
	p.pending = append(p.pending, d)
	return nil, false
}

// difference returns what makes the list into the given state, by the refs of metas.
func (p *Presence) difference(entries map[string]PresenceEntry) presenceDiff {
	d := presenceDiff{map[string]PresenceEntry{}, map[string]PresenceEntry{}}
	for key, old := range p.entries {
		if left := without(old.Metas, entries[key].Metas); len(left) > 0 {
			d.Leaves[key] = PresenceEntry{left, old.Fields}
		}
	}
	for key, entry := range entries {
		if came := without(entry.Metas, p.entries[key].Metas); len(came) > 0 {
			d.Joins[key] = PresenceEntry{came, entry.Fields}
		}
	}
	return d
}

// apply merges a diff: joins first, so that a key which is in both, by an update, stays
// on the list.
func (p *Presence) apply(d presenceDiff) (changes []presenceChange) {
	if p.entries == nil {
		p.entries = map[string]PresenceEntry{}
	}
	for _, key := range slices.Sorted(maps.Keys(d.Joins)) {
		before, joined := p.entries[key], d.Joins[key]
		metas := slices.Concat(without(before.Metas, joined.Metas), joined.Metas)
		p.entries[key] = PresenceEntry{metas, joined.Fields}
		changes = append(changes, presenceChange{false, key, before, joined})
	}
	for _, key := range slices.Sorted(maps.Keys(d.Leaves)) {
		current, ok := p.entries[key]
		if !ok {
			continue
		}
		left := d.Leaves[key]
		remaining := PresenceEntry{without(current.Metas, left.Metas), current.Fields}
		if p.entries[key] = remaining; len(remaining.Metas) == 0 {
			delete(p.entries, key)
		}
		changes = append(changes, presenceChange{true, key, remaining, left})
	}
	return changes
}

// without returns the metas whose refs are not among those of others. It takes as long
// as both are, not their product.
func without(metas, others []PresenceMeta) []PresenceMeta {
	if len(others) == 0 {
		return slices.Clip(metas)
	}
	refs := make(map[string]bool, len(others))
	for _, o := range others {
		refs[o.Ref] = true
	}
	var rest []PresenceMeta
	for _, m := range metas {
		if !refs[m.Ref] {
			rest = append(rest, m)
		}
	}
	return rest
}
