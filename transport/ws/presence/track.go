package presence

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/actor"
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
// one; see [Actor] for others. A method of the Tracker asks for both once, before it
// does anything, and panics if that does: an Owner must not be nil.
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
// [actor.NoProc] if the owner or the tracker has ended. A channel whose endpoint does not
// have the Tracker in its [ws.Config] cannot be tracked: nobody would be told.
func (t *Tracker) Track(o Owner, key string, meta any) (ref string, err error) {
	pid, topic := o.PID(), o.Topic()
	text, err := encodeMeta(meta)
	if err == nil {
		err = t.tells(o)
	}
	if err == nil {
		ref, err = t.add(pid, topic, key, text)
	}
	if err != nil {
		return "", fmt.Errorf("presence: track %q in %q: %w", key, topic, err)
	}
	return ref, nil
}

func (t *Tracker) add(pid actor.PID, topic, key, meta string) (ref string, err error) {
	s, err := t.shard(topic)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	owner, err := s.own(pid)
	if err != nil {
		return "", err
	}
	if owner.find(topic, key) != nil {
		return "", ErrAlreadyTracked
	}
	e := s.state.Join(topic, key, meta)
	owner.put(e)
	s.announce(crdt.Change{Topic: e.Topic, Joins: []*crdt.Entry{e}})
	return e.Ref(), nil
}

// Update gives a presence of the owner another meta, and with it another ref; the
// one before is in the meta as clients get it, as phx_ref_prev. Clients get one diff,
// with the key among the joins and among the leaves. The error wraps [ErrNotTracked]
// if the owner does not have the key, or [ErrMeta].
func (t *Tracker) Update(o Owner, key string, meta any) (ref string, err error) {
	pid, topic := o.PID(), o.Topic()
	text, err := encodeMeta(meta)
	if err == nil {
		ref, err = t.replace(pid, topic, key, nil, text)
	}
	if err != nil {
		return "", fmt.Errorf("presence: update %q in %q: %w", key, topic, err)
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
	pid, topic := o.PID(), o.Topic()
	for {
		if ref, err = editOnce(t, pid, topic, key, edit); err != errChanged {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("presence: edit %q in %q: %w", key, topic, err)
	}
	return ref, nil
}

func editOnce[M any](t *Tracker, pid actor.PID, topic, key string, edit func(*M)) (ref string, err error) {
	old, err := t.find(pid, topic, key)
	if err != nil {
		return "", err
	}
	var meta M
	if err := json.Unmarshal([]byte(old.Meta), &meta); err != nil {
		return "", err
	}
	edit(&meta)
	text, err := encodeMeta(meta)
	if err != nil {
		return "", err
	}
	return t.replace(pid, topic, key, old, text)
}

var errChanged = errors.New("it has changed")

func (t *Tracker) find(pid actor.PID, topic, key string) (*crdt.Entry, error) {
	s, err := t.shard(topic)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if e := s.owners[pid].find(topic, key); e != nil {
		return e, nil
	}
	return nil, ErrNotTracked
}

// replace gives a presence another meta; if old is not nil, only if it is still that
// one.
func (t *Tracker) replace(pid actor.PID, topic, key string, old *crdt.Entry, meta string) (ref string, err error) {
	s, err := t.shard(topic)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	owner := s.owners[pid]
	e := owner.find(topic, key)
	switch {
	case e == nil:
		return "", ErrNotTracked
	case old != nil && e != old:
		return "", errChanged
	}
	next := s.state.Replace(e, meta)
	owner.put(next)
	s.announce(crdt.Change{Topic: e.Topic, Joins: []*crdt.Entry{next}, Leaves: []*crdt.Entry{e}})
	return next.Ref(), nil
}

// Untrack ends the owner's presence under a key. It does nothing if there is none.
func (t *Tracker) Untrack(o Owner, key string) {
	topic := o.Topic()
	t.untrack(o.PID(), topic, func(owner *owner) []*crdt.Entry {
		if e := owner.take(topic, key); e != nil {
			return []*crdt.Entry{e}
		}
		return nil
	})
}

// UntrackAll ends all presences of the owner in its topic.
func (t *Tracker) UntrackAll(o Owner) {
	topic := o.Topic()
	t.untrack(o.PID(), topic, func(owner *owner) []*crdt.Entry { return owner.takeAll(topic) })
}

func (t *Tracker) untrack(pid actor.PID, topic string, take func(*owner) []*crdt.Entry) {
	s, err := t.shard(topic)
	if err != nil {
		return // and has no presences
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if owner := s.owners[pid]; owner != nil {
		s.announce(s.state.Leave(take(owner)...)...)
	}
}
