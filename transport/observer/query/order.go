package query

import (
	"context"
	"slices"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
)

// A supervisor knows more of its children than they do: their IDs, their order, and those
// that do not run. It may be busy, and have too many: what is shown does not depend on it.

const (
	supervisorLimit = 100 * time.Millisecond
	maxOrdered      = 1000 // children of one that is asked
)

// ordered returns what a supervisor says of its children, in the order of its Spec; nothing if
// it has no order, too many children, or does not answer.
func (s *Source) ordered(ctx context.Context, pid actor.PID, count int) []supervisor.ChildInfo {
	tree, ok := supervisor.TreeOf(pid)
	if !ok || count > maxOrdered || ctx.Err() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, supervisorLimit)
	defer cancel()
	list, err := tree.Children(ctx)
	if err != nil {
		return nil
	}
	slices.Reverse(list)
	return list
}

// arrange puts the children of a node into the order of its supervisor, with those that do
// not run. Children that the supervisor does not know come last.
func (n *Node) arrange(known []supervisor.ChildInfo, limit int) {
	if known == nil {
		return
	}
	running := map[actor.PID]*Node{}
	for _, c := range n.Children {
		running[c.at] = c
	}
	var list []*Node
	for _, k := range known {
		c := running[k.PID]
		switch {
		case c != nil:
			delete(running, k.PID)
		case k.PID.IsZero():
			c = &Node{Parent: n.PID, Kind: KindActor, Status: "stopped"}
			if k.Type == supervisor.TypeSupervisor {
				c.Kind = KindSupervisor
			}
			if k.Restarting {
				c.Status = "restarting"
			}
		default:
			continue // it is new, or beyond the limit
		}
		c.ID, c.Restarts = text.Line(k.ID), max(c.Restarts, k.Restarts)
		list = append(list, c)
	}
	for _, c := range n.Children {
		if running[c.at] != nil {
			list = append(list, c)
		}
	}
	n.More += max(0, len(list)-limit)
	n.Children = list[:min(len(list), limit)]
}
