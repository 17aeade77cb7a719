package nats

import (
	"sync"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// Nodes implements [pubsub.Roster], on which group.Child rests: the nodes that are Up. A node that
// crashes, hangs or is cut off is there until nothing has been heard of it for five seconds; one
// that leaves is gone at once.
func (a *Adapter) Nodes() (list []pubsub.Node, changed <-chan struct{}) {
	changed = a.roster.next() // first: what changes from now on closes it
	for _, m := range a.Members() {
		if m.State == Up {
			list = append(list, pubsub.Node{Name: m.Name, Incarnation: m.Incarnation})
		}
	}
	return list, changed
}

// roster tells those that wait for it that other nodes are there than before.
type roster struct {
	mu      sync.Mutex
	changed chan struct{} // nil if nobody waits
}

func (r *roster) next() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return r.changed
}

// change does not wait. A nil roster has nobody that waits.
func (r *roster) change() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}
