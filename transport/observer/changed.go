package observer

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws"
)

// changed is what a page is pushed when the tree that it shows has changed.
type changed struct {
	Now       int64          `json:"now"`
	Nodes     []changedNode  `json:"nodes"`
	Gone      []goneNode     `json:"gone"`
	Counts    map[string]int `json:"counts"`
	Restarted []restarted    `json:"restarted"`
}

// changedNode is a node that is new, or is not as it was.
type changedNode struct {
	Parent string      `json:"parent"`
	After  *string     `json:"after,omitempty"` // the sibling before it, "" if it is the first; nil: the last
	Node   *query.Node `json:"node"`
}

// goneNode is an actor that has ended.
type goneNode struct {
	PID     string `json:"pid"`
	Parent  string `json:"parent"`
	At      int64  `json:"at"`
	Reason  string `json:"reason"`
	Crashed bool   `json:"crashed"`
}

// restarted tells that a supervisor has restarted a child.
type restarted struct {
	Supervisor string `json:"supervisor"`
	ID         string `json:"id"`
	Old        string `json:"old"`
	New        string `json:"new"`
	At         int64  `json:"at"`
	Reason     string `json:"reason"`
}

// flush pushes what has happened.
func (p *page) flush(c *ws.Channel) error {
	w := p.watch.Load()
	if w == nil {
		return nil
	}
	n := w.collect()
	if n.lost {
		p.stopWatching(w)
		return c.Push("reset", nil)
	}
	ctx, cancel := context.WithTimeout(p.life, time.Second)
	defer cancel()
	out := changed{Now: time.Now().UnixMilli(), Nodes: []changedNode{}, Gone: []goneNode{}, Restarted: []restarted{}, Counts: map[string]int{}}
	ended := map[actor.PID]bool{}
	for _, e := range n.gone {
		ended[e.pid] = true
		out.Gone = append(out.Gone, goneNode{
			PID: e.pid.String(), Parent: name(e.parent), At: e.at.UnixMilli(),
			Reason: query.ReasonText(ctx, e.reason), Crashed: e.crashed,
		})
	}
	for _, e := range n.added {
		if !ended[e.pid] {
			node := p.run.source.Node(ctx, e.pid)
			node.Count = n.counts[e.pid]
			out.Nodes = append(out.Nodes, changedNode{Parent: name(e.parent), Node: node})
		}
	}
	for pid, count := range n.counts {
		out.Counts[name(pid)] = count
	}
	return c.Push("changed", out)
}

func (p *page) stopWatching(w *watch) {
	if p.watch.CompareAndSwap(w, nil) {
		p.run.feed.remove(w)
	}
}

// name is how a PID is told: "" is the root.
func name(pid actor.PID) string {
	if pid.IsZero() {
		return ""
	}
	return pid.String()
}
