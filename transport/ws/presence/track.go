package presence

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence/internal/crdt"
)

// Errors of Track, Update and Edit. They come wrapped with context.
var (
	ErrAlreadyTracked = errors.New("already tracked")
	ErrNotTracked     = errors.New("not tracked")
	// ErrMeta says that a meta is not a JSON object, or cannot be marshalled.
	ErrMeta = errors.New("a meta must be a JSON object")
)

// Owner is an actor in a topic. Its presences go when it ends. A [*ws.Channel] is
// one; see [Actor] for others.
type Owner interface {
	PID() actor.PID
	Topic() string
}

// Actor returns an actor that is to be present in a topic. It need not be a channel,
// and need not have joined the topic.
func Actor(pid actor.PID, topic string) Owner { return actorIn{pid, topic} }

type actorIn struct {
	pid   actor.PID
	topic string
}

func (a actorIn) PID() actor.PID { return a.pid }
func (a actorIn) Topic() string  { return a.topic }

// Track makes the owner present in its topic under the key, until it untracks the
// key or ends. The meta is anything that marshals to a JSON object; nil is {}. The
// ref that it returns is also in the meta as clients get it, as phx_ref.
//
// An owner can be present under several keys, and a key have several owners. The
// error wraps [ErrAlreadyTracked] if the owner has the key already, [ErrMeta], or
// [actor.NoProc] if the owner or the tracker has ended.
func (t *Tracker) Track(o Owner, key string, meta any) (ref string, err error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("presence: track %q in %q: %w", key, o.Topic(), err)
	}
	text, err := encodeMeta(meta)
	if err != nil {
		return fail(err)
	}
	if !t.tree.PID().Alive() {
		return fail(actor.NoProc)
	}
	t.meet(o)
	s := t.shard(o.Topic())
	s.mu.Lock()
	defer s.mu.Unlock()
	owner, err := s.own(o.PID())
	if err != nil {
		return fail(err)
	}
	if s.find(owner, o.Topic(), key) != nil {
		return fail(ErrAlreadyTracked)
	}
	e := s.state.Join(o.Topic(), key, text)
	owner.entries = append(owner.entries, e)
	s.announce(crdt.Change{Topic: e.Topic, Joins: []*crdt.Entry{e}})
	return e.Ref(), nil
}

// Update gives a presence of the owner another meta, and with it another ref; the
// one before is in the meta as clients get it, as phx_ref_prev. Clients get one diff,
// with the key among the joins and among the leaves. The error wraps [ErrNotTracked]
// if the owner does not have the key, or [ErrMeta].
func (t *Tracker) Update(o Owner, key string, meta any) (ref string, err error) {
	text, err := encodeMeta(meta)
	if err == nil {
		ref, err = t.replace(o, key, nil, text)
	}
	if err != nil {
		return "", fmt.Errorf("presence: update %q in %q: %w", key, o.Topic(), err)
	}
	return ref, nil
}

// Edit is [Tracker.Update] with a function of the present meta, which it gets
// unmarshalled into an M:
//
//	ref, err := presence.Edit(who, c, user, func(m *Meta) { m.Status = "away" })
//
// If somebody else updates the presence meanwhile, the function is called again. The
// error may also be that of the unmarshalling.
func Edit[M any](t *Tracker, o Owner, key string, edit func(*M)) (ref string, err error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("presence: edit %q in %q: %w", key, o.Topic(), err)
	}
	for {
		old := t.find(o, key)
		if old == nil {
			return fail(ErrNotTracked)
		}
		var meta M
		if err := json.Unmarshal([]byte(old.Meta), &meta); err != nil {
			return fail(err)
		}
		edit(&meta)
		text, err := encodeMeta(meta)
		if err != nil {
			return fail(err)
		}
		switch ref, err = t.replace(o, key, old, text); err {
		case nil:
			return ref, nil
		case errChanged:
		default:
			return fail(err)
		}
	}
}

var errChanged = errors.New("it has changed")

func (t *Tracker) find(o Owner, key string) *crdt.Entry {
	s := t.shard(o.Topic())
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.find(s.owners[o.PID()], o.Topic(), key)
}

// replace gives a presence another meta; if old is not nil, only if it is still that
// one.
func (t *Tracker) replace(o Owner, key string, old *crdt.Entry, meta string) (ref string, err error) {
	s := t.shard(o.Topic())
	s.mu.Lock()
	defer s.mu.Unlock()
	owner := s.owners[o.PID()]
	e := s.find(owner, o.Topic(), key)
	switch {
	case e == nil:
		return "", ErrNotTracked
	case old != nil && e != old:
		return "", errChanged
	}
	next := s.state.Replace(e, meta)
	owner.entries[slices.Index(owner.entries, e)] = next
	s.announce(crdt.Change{Topic: e.Topic, Joins: []*crdt.Entry{next}, Leaves: []*crdt.Entry{e}})
	return next.Ref(), nil
}

// Untrack ends the owner's presence under a key. It does nothing if there is none.
func (t *Tracker) Untrack(o Owner, key string) {
	t.untrack(o, func(e *crdt.Entry) bool { return e.Key == key })
}

// UntrackAll ends all presences of the owner in its topic.
func (t *Tracker) UntrackAll(o Owner) {
	t.untrack(o, func(*crdt.Entry) bool { return true })
}

func (t *Tracker) untrack(o Owner, goes func(*crdt.Entry) bool) {
	s := t.shard(o.Topic())
	s.mu.Lock()
	defer s.mu.Unlock()
	owner := s.owners[o.PID()]
	if owner == nil {
		return
	}
	var gone []*crdt.Entry
	owner.entries = slices.DeleteFunc(owner.entries, func(e *crdt.Entry) bool {
		if e.Topic != o.Topic() || !goes(e) {
			return false
		}
		gone = append(gone, e)
		return true
	})
	s.announce(s.state.Leave(gone...)...)
}

// meet notes the endpoint of a channel.
func (t *Tracker) meet(o Owner) {
	if c, ok := o.(*ws.Channel); ok {
		t.serve(c.Endpoint())
	}
}
