package observer

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
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
	if n.orphans {
		p.ref.SendAfter(orphanedFor, orphaned{w})
	}
	if n.size() == 0 && len(n.counts) == 0 {
		return nil
	}
	return c.Push("changed", p.changed(n))
}

// orphanedFor is how long an actor may live when its parent has ended for the page to show
// it in its former place.
const orphanedFor = time.Second

func (p *page) changed(n news) changed {
	ctx, cancel := context.WithTimeout(p.life, time.Second)
	defer cancel()
	out := newChanged()
	ended, ids := map[actor.PID]bool{}, map[actor.PID]string{}
	for _, e := range n.gone {
		ended[e.pid] = true
		out.Gone = append(out.Gone, goneNode{
			PID: e.pid.String(), Parent: name(e.parent), At: e.at.UnixMilli(),
			Reason: query.ReasonText(ctx, e.reason), Crashed: e.crashed,
		})
	}
	for _, e := range n.restarted {
		ids[e.pid] = e.child
		out.Restarted = append(out.Restarted, restarted{
			Supervisor: name(e.parent), ID: text.Line(e.child), Old: name(e.old), New: name(e.pid),
			At: e.at.UnixMilli(), Reason: query.ReasonText(ctx, e.reason),
		})
	}
	for _, e := range n.added {
		if !ended[e.pid] {
			node := p.run.source.Node(ctx, e.pid)
			node.Count, node.ID = n.counts[e.pid], text.Line(ids[e.pid])
			out.Nodes = append(out.Nodes, changedNode{Parent: name(e.parent), Node: node})
		}
	}
	p.strategies(ctx, out.Nodes)
	for pid, count := range n.counts {
		out.Counts[name(pid)] = count
	}
	return out
}

func newChanged() changed {
	return changed{Now: time.Now().UnixMilli(), Nodes: []changedNode{}, Gone: []goneNode{}, Restarted: []restarted{}, Counts: map[string]int{}}
}

// pushNodes tells the page how actors are now.
func (p *page) pushNodes(c *ws.Channel, pids map[actor.PID]int) error {
	if len(pids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(p.life, time.Second)
	defer cancel()
	out := newChanged()
	for pid, count := range pids {
		node := p.run.source.Node(ctx, pid)
		node.Count = count
		parent := pid.Parent()
		if parent.Ended() {
			parent = actor.PID{}
		}
		out.Nodes = append(out.Nodes, changedNode{Parent: name(parent), Node: node})
	}
	p.strategies(ctx, out.Nodes)
	return c.Push("changed", out)
}

// strategies fills in those of supervisors.
func (p *page) strategies(ctx context.Context, changed []changedNode) {
	nodes := make([]*query.Node, len(changed))
	for i, c := range changed {
		nodes[i] = c.Node
	}
	p.run.source.Strategies(ctx, nodes...)
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
