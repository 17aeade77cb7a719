package presence

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/presence/internal/crdt"
)

// owner is an actor that has presences in a shard. It is an [actor.Resource] of that
// actor. All of it is guarded by the shard's lock.
//
// Most owners have one presence, which takes a list of one. A long list would be
// gone through for each change, so one that has many keeps them by topic and key.
type owner struct {
	shard *shard
	few   []*crdt.Entry
	many  map[string]map[string]*crdt.Entry // by topic and key; nil while there are few
}

const fewPresences = 8

// own returns the owner record of an actor, which it makes on first use, or an error that
// wraps [actor.NoProc]. It is called with mu held: an actor gives up its resources
// without a lock of its own, so to own one while holding mu is safe.
func (s *shard) own(pid actor.PID) (*owner, error) {
	if o := s.owners[pid]; o != nil {
		return o, nil
	}
	if s.ended {
		return nil, errDown
	}
	o := &owner{shard: s}
	if !pid.Own(o) {
		return nil, fmt.Errorf("%v: %w", pid, actor.NoProc)
	}
	s.owners[pid] = o
	return o, nil
}

// Release removes the actor's presences at its end. It implements [actor.Resource].
// An owner that comes after that is refused, and one from before has been removed here.
func (o *owner) Release(pid actor.PID, _ error) {
	o.shard.mu.Lock()
	defer o.shard.mu.Unlock()
	delete(o.shard.owners, pid)
	o.shard.announce(o.shard.state.Leave(o.all()...)...)
	o.few, o.many = nil, nil
}

// find returns the owner's presence of a key, or nil. The owner may be nil.
func (o *owner) find(topic, key string) *crdt.Entry {
	switch {
	case o == nil:
		return nil
	case o.many != nil:
		return o.many[topic][key]
	}
	if i := o.index(topic, key); i >= 0 {
		return o.few[i]
	}
	return nil
}

func (o *owner) index(topic, key string) int {
	return slices.IndexFunc(o.few, func(e *crdt.Entry) bool { return e.Key == key && e.Topic == topic })
}

// put notes a presence, in the place of the one with its topic and key, if any.
func (o *owner) put(e *crdt.Entry) {
	if o.many == nil {
		if i := o.index(e.Topic, e.Key); i >= 0 {
			o.few[i] = e
			return
		}
		if len(o.few) < fewPresences {
			o.few = append(o.few, e)
			return
		}
		o.many = make(map[string]map[string]*crdt.Entry)
		for _, e := range o.few {
			o.put(e)
		}
		o.few = nil
	}
	keys := o.many[e.Topic]
	if keys == nil {
		keys = make(map[string]*crdt.Entry)
		o.many[e.Topic] = keys
	}
	keys[e.Key] = e
}

// take removes and returns the owner's presence of a key, or nil.
func (o *owner) take(topic, key string) *crdt.Entry {
	e := o.find(topic, key)
	switch {
	case e == nil:
	case o.many == nil:
		i := o.index(topic, key)
		o.few = slices.Delete(o.few, i, i+1)
	default:
		if delete(o.many[topic], key); len(o.many[topic]) == 0 {
			o.forget(topic)
		}
	}
	return e
}

// all returns the owner's presences, in the order in which they came.
func (o *owner) all() []*crdt.Entry {
	if o.many == nil {
		return o.few
	}
	var all []*crdt.Entry
	for _, keys := range o.many {
		all = slices.AppendSeq(all, maps.Values(keys))
	}
	return inOrder(all)
}

// takeAll removes and returns all of the owner's presences in a topic, in the order
// in which they came.
func (o *owner) takeAll(topic string) (all []*crdt.Entry) {
	if o.many == nil {
		o.few = slices.DeleteFunc(o.few, func(e *crdt.Entry) bool {
			if e.Topic != topic {
				return false
			}
			all = append(all, e)
			return true
		})
		return all
	}
	all = slices.Collect(maps.Values(o.many[topic]))
	o.forget(topic)
	return inOrder(all)
}

// forget drops a topic of many. An owner that has none left has few.
func (o *owner) forget(topic string) {
	if delete(o.many, topic); len(o.many) == 0 {
		o.many = nil
	}
}

func inOrder(entries []*crdt.Entry) []*crdt.Entry {
	slices.SortFunc(entries, func(a, b *crdt.Entry) int { return cmp.Compare(a.Dot, b.Dot) })
	return entries
}
