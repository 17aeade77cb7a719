package observer

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/query"
)

// descriptions are the nodes that pages have been told of lately, in JSON: what one page is
// told of an actor, the others mostly are as well, at about the same time.
type descriptions struct {
	mu sync.Mutex
	by map[actor.PID]*description
}

// description is made by the page that has put it into the list, without a lock, since
// users' code has a part in it.
type description struct {
	now  looked // what it says of the actor
	asOf time.Time
	done chan struct{} // closed when it is made
	text []byte        // then
}

const (
	// describedFor is how long a description holds if the actor does as before: its label
	// may be another one.
	describedFor    = time.Second
	maxDescriptions = 10_000
)

// of returns the descriptions of actors, made anew where there is none that is right. One that
// another page makes is waited for, until all have taken a second.
func (d *descriptions) of(life context.Context, source *query.Source, shown []shownChild) [][]byte {
	if len(shown) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(life, time.Second)
	defer cancel()
	all, missing := d.claim(shown)
	nodes := make([]*query.Node, len(missing))
	for at, i := range missing {
		nodes[at] = source.Node(ctx, shown[i].pid)
	}
	source.Strategies(ctx, nodes...)
	for at, i := range missing {
		all[i].text = describe(nodes[at])
		close(all[i].done)
	}
	texts := make([][]byte, len(shown))
	for i, one := range all {
		select {
		case <-one.done:
			texts[i] = one.text
		case <-ctx.Done():
			texts[i] = describe(source.Node(ctx, shown[i].pid)) // without users' code
		}
	}
	return texts
}

func describe(n *query.Node) []byte {
	text, _ := json.Marshal(uncounted{Node: n}) // it has texts and numbers
	return text
}

// claim returns the descriptions of actors, and which of them the caller has to make.
func (d *descriptions) claim(shown []shownChild) (all []*description, missing []int) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.by == nil || len(d.by)+len(shown) > maxDescriptions {
		d.by = map[actor.PID]*description{}
	}
	for i, s := range shown {
		one := d.by[s.pid]
		if one == nil || one.now != s.now || now.Sub(one.asOf) >= describedFor {
			one = &description{now: s.now, asOf: now, done: make(chan struct{})}
			d.by[s.pid] = one
			missing = append(missing, i)
		}
		all = append(all, one)
	}
	return all, missing
}

// uncounted is a node without the number of its children.
type uncounted struct {
	*query.Node
	Count *int `json:"count,omitempty"`
}

func (d *descriptions) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.by = nil
}
