package presence

import (
	"cmp"
	"slices"
	"strings"
)

// Stats are figures about a tracker on this node. Those of the other nodes are among them,
// as far as this one knows of them. They begin anew when the tracker is restarted.
type Stats struct {
	Topics    int // in which somebody is present now
	Presences int // that there are now

	// Joins and Leaves count presences that came and went. A meta that has changed counts
	// as both.
	Joins, Leaves uint64
}

// Stats returns the tracker's present figures, the zero Stats while it is down. It takes a
// microsecond, however many presences there are.
func (t *Tracker) Stats() (all Stats) {
	in, err := t.now()
	if err != nil {
		return all
	}
	for _, s := range in.shards {
		s.mu.RLock()
		topics, presences := s.state.Size()
		all.Topics += topics
		all.Presences += presences
		all.Joins += s.stats.Joins
		all.Leaves += s.stats.Leaves
		s.mu.RUnlock()
	}
	return all
}

// KeyCount is a key that is present in a topic, and how many presences it has there.
type KeyCount struct {
	Key   string
	Count int
}

// Keys returns up to limit of the keys that are present in a topic and contain the filter,
// in order, and how many such keys there are. Unlike List it does not call Fetch, and makes
// no list of all. It goes through all keys of the topic, and holds up changes meanwhile. If
// limit is not positive it only counts. While the tracker is down there are none.
func (t *Tracker) Keys(topic, filter string, limit int) (keys []KeyCount, total int) {
	s, err := t.shard(topic)
	if err != nil {
		return nil, 0
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for key, n := range s.state.Keys(topic) {
		if !strings.Contains(key, filter) {
			continue
		}
		total++
		keys = insert(keys, KeyCount{key, n}, limit)
	}
	return keys, total
}

// insert puts k into the list, which is in order and keeps the first few.
func insert(list []KeyCount, k KeyCount, few int) []KeyCount {
	at, _ := slices.BinarySearchFunc(list, k.Key, func(in KeyCount, key string) int { return cmp.Compare(in.Key, key) })
	if at >= few {
		return list
	}
	return slices.Insert(list[:min(len(list), few-1)], at, k)
}
