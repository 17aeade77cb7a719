package limit

import "time"

// Recent keeps a value for each key that was used lately, in two maps. What has not been used
// since the younger one was made is in the older one, and is let go with that, without a look
// at each. The zero Recent is ready for use, by one goroutine at a time.
//
// Times are since some moment that is the same for all calls.
type Recent[V any] struct {
	turned         time.Duration // when recent was made
	recent, former map[string]V
}

// MostRecent is how many keys are kept in each of the two maps. If there are more, the older
// ones go early.
const MostRecent = 1 << 16

// Get returns what is kept of a key at the time now. What has been Set is kept for as long as
// keep, or twice that.
func (r *Recent[V]) Get(key string, now, keep time.Duration) (v V, ok bool) {
	if r.recent == nil || now-r.turned >= keep || len(r.recent) >= MostRecent {
		r.former, r.recent, r.turned = r.recent, map[string]V{}, now
	}
	if v, ok = r.recent[key]; !ok {
		v, ok = r.former[key]
	}
	return v, ok
}

// Set keeps a value. It is called after Get.
func (r *Recent[V]) Set(key string, v V) { r.recent[key] = v }

// Len returns how many values are kept, counting those twice that are in both maps.
func (r *Recent[V]) Len() int { return len(r.recent) + len(r.former) }
