package ws

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// What the models know of presence. Each handler is present once, by a meta with its number.

// Attendant is a tracker of package presence, which the tests of this package cannot import, for
// it imports this package.
type Attendant interface {
	Tracker
	Enter(c *Channel, key string, meta any)
	PushState(c *Channel) error
}

// NewAttendant starts one that tells of each diff, in JSON. An external test sets it.
var NewAttendant func(sys *actor.System, cluster *pubsub.Cluster, onDiff func(diff string)) (Attendant, error)

// Meta is a handler's presence.
type Meta struct {
	ID int `json:"id"`
}

type entries map[string]struct{ Metas []Meta }

func (e entries) each(f func(id int)) {
	for _, entry := range e {
		for _, m := range entry.Metas {
			f(m.ID)
		}
	}
}

type presenceDiff struct{ Joins, Leaves entries }

// Crowd is what a client sees of those in its topic. As with the official client's Presence, what
// comes before the state that follows a join is applied to that. So it is to each later state of the
// same join, such as one that comes behind another which had not been confirmed: PushState takes the
// state before it pushes it, and a diff may overtake it.
type Crowd struct {
	present map[int]bool
	since   []presenceDiff // the last join
}

// Joined notes that the client has joined anew. What came behind the answer before and had no state
// is void, while the official client would apply it to the next state.
func (c *Crowd) Joined() { c.present, c.since = map[int]bool{}, nil }

// Hears takes in an event, and reports whether it is one of presence.
func (c *Crowd) Hears(event, payload string) (bool, error) {
	switch event {
	case "presence_state":
		var state entries
		if err := json.Unmarshal([]byte(payload), &state); err != nil {
			return true, err
		}
		c.present = map[int]bool{}
		state.each(func(id int) { c.present[id] = true })
		for _, d := range c.since {
			c.changes(d)
		}
	case "presence_diff":
		var d presenceDiff
		if err := json.Unmarshal([]byte(payload), &d); err != nil {
			return true, err
		}
		c.since = append(c.since, d)
		c.changes(d)
	default:
		return false, nil
	}
	return true, nil
}

func (c *Crowd) changes(d presenceDiff) {
	if c.present == nil { // it has not joined yet
		return
	}
	d.Joins.each(func(id int) { c.present[id] = true })
	d.Leaves.each(func(id int) { delete(c.present, id) })
}

// Sees returns the numbers of those that the client sees.
func (c *Crowd) Sees() []int { return slices.Sorted(maps.Keys(c.present)) }

// Porter sees the comings and goings on a node: nobody comes twice, and nobody goes before its channel
// has ended.
type Porter struct {
	Ended func(id int) bool

	mu         sync.Mutex
	came, left map[int]bool
	fault      error
}

// Sees takes in a diff.
func (p *Porter) Sees(diff string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.came == nil {
		p.came, p.left = map[int]bool{}, map[int]bool{}
	}
	var d presenceDiff
	if err := json.Unmarshal([]byte(diff), &d); err != nil {
		p.fault = err
	}
	d.Joins.each(func(id int) {
		if p.came[id] {
			p.fault = fmt.Errorf("%d has come a second time", id)
		}
		p.came[id] = true
	})
	d.Leaves.each(func(id int) {
		switch {
		case !p.came[id] || p.left[id]:
			p.fault = fmt.Errorf("%d has left, and was not there", id)
		case !p.Ended(id):
			p.fault = fmt.Errorf("%d has left, and its channel goes on", id)
		}
		p.left[id] = true
	})
}

// Here returns the numbers of those that have come and not left.
func (p *Porter) Here() (ids []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.came {
		if !p.left[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Fault returns what was wrong so far.
func (p *Porter) Fault() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault
}
