package supervisor

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor/roll"
)

// Node describes an actor, or a child that does not run, in a snapshot. Its String is a
// drawing of the tree under it, one line for each: a name is in quotes, a label in
// parentheses.
type Node struct {
	PID      actor.PID // zero if the child does not run, and for a system
	Name     string    // of the actor, or ""
	Label    string    // see [actor.PID.Label]
	ID       string    // of the child in its Tree, or ""
	Type     Type
	Status   string // "idle", "running", "suspended", "restarting", "stopped" or "ended"
	QueueLen int    // messages that wait
	Restarts int    // how often its supervisor has restarted it
	Children []Node // in start order, then the actors that are linked to it from their spawn
}

// Snapshot shows all actors of a system, under a root that stands for the system
// itself. Actors that were spawned without a link are the root's children.
//
// It asks each supervisor for its children until ctx is done, while the rest of the
// system goes on, so the snapshot need not have been true as a whole at any one moment. A
// supervisor may not answer, because it is starting or stopping a child or is the caller
// itself; its running children are then shown without their IDs.
//
// OTP: observer:start/0.
func Snapshot(ctx context.Context, sys *actor.System) Node {
	p := photographer{ctx, make(map[actor.PID]bool)}
	root := Node{ID: "system", Type: TypeSupervisor, Status: actor.Running.String()}
	for _, pid := range sys.Actors() {
		if info, ok := pid.Info(); ok && info.Parent.IsZero() {
			root.Children = p.add(root.Children, pid, ChildInfo{Type: TypeOf(pid)})
		}
	}
	return root
}

// SnapshotOf is [Snapshot] of an actor and those under it.
func SnapshotOf(ctx context.Context, pid actor.PID) Node {
	p := photographer{ctx, make(map[actor.PID]bool)}
	return p.add(nil, pid, ChildInfo{Type: TypeOf(pid)})[0]
}

// photographer takes one snapshot.
type photographer struct {
	ctx  context.Context
	seen map[actor.PID]bool // each actor has one place only
}

// add adds the actor and all under it; known is what its supervisor knows of it.
func (p photographer) add(list []Node, pid actor.PID, known ChildInfo) []Node {
	if p.seen[pid] {
		return list
	}
	p.seen[pid] = true
	n := Node{PID: pid, Name: pid.Name(), ID: known.ID, Type: known.Type, Status: "ended", Restarts: known.Restarts}
	if info, ok := pid.Info(); ok {
		n.Label, n.Status, n.QueueLen = info.Label, info.Status.String(), info.QueueLen
		n.Children = p.under(info)
	}
	return append(list, n)
}

// under returns the nodes under an actor.
func (p photographer) under(parent actor.Info) (list []Node) {
	children, ordered := childrenOf(p.ctx, parent.PID)
	known := make(map[actor.PID]ChildInfo, len(children))
	for _, c := range children {
		switch {
		case c.PID.IsZero():
			n := Node{ID: c.ID, Type: c.Type, Status: "stopped", Restarts: c.Restarts}
			if c.Restarting {
				n.Status = "restarting"
			}
			list = append(list, n)
		case ordered:
			list = p.add(list, c.PID, c)
		default:
			known[c.PID] = c // its place follows from the order of the links
		}
	}
	for _, pid := range parent.Links {
		c, ok := known[pid]
		if !ok {
			info, alive := pid.Info()
			if !alive || info.Parent != parent.PID {
				continue
			}
			c.Type = TypeOf(pid)
		}
		list = p.add(list, pid, c)
	}
	return list
}

// childrenOf asks a supervisor for its children, and reports whether their order means
// something. Other actors have no children.
func childrenOf(ctx context.Context, pid actor.PID) (list []ChildInfo, ordered bool) {
	if t, ok := TreeOf(pid); ok {
		list, _ = t.Children(ctx) // without an answer there is less to tell
		slices.Reverse(list)
		return list, true
	}
	if d, ok := DynamicOf(pid); ok {
		list, _ = d.Children(ctx)
	}
	if s, ok := actor.RefOf[roll.Call[Restarted]](pid); ok {
		answer, _ := callRoll(ctx, s, roll.Call[Restarted]{Limit: math.MaxInt})
		for _, c := range answer.Children {
			list = append(list, infoOf(c))
		}
	}
	return list, false
}

// TypeOf tells a supervisor, of this package or of package entity, from other actors. It asks
// nobody.
func TypeOf(pid actor.PID) Type {
	if _, ok := TreeOf(pid); ok {
		return TypeSupervisor
	}
	if _, ok := DynamicOf(pid); ok {
		return TypeSupervisor
	}
	if _, ok := actor.RefOf[roll.Call[Restarted]](pid); ok {
		return TypeSupervisor
	}
	return TypeWorker
}

// String draws the tree, one line for each node.
func (n Node) String() string {
	var b strings.Builder
	n.draw(&b, "")
	return b.String()
}

func (n Node) draw(b *strings.Builder, indent string) {
	b.WriteString(n.label() + "\n")
	for i, c := range n.Children {
		branch, below := "├─ ", "│  "
		if i == len(n.Children)-1 {
			branch, below = "└─ ", "   "
		}
		b.WriteString(indent + branch)
		c.draw(b, indent+below)
	}
}

// label describes the node itself.
func (n Node) label() string {
	var words []string
	add := func(wanted bool, format string, arg any) {
		if wanted {
			words = append(words, fmt.Sprintf(format, arg))
		}
	}
	add(n.ID != "", "%s", n.ID)
	add(!n.PID.IsZero(), "%v", n.PID)
	add(n.Name != "" && n.Name != n.ID, "%q", n.Name)
	add(n.Label != "" && n.Label != n.ID, "(%s)", plain(n.Label))
	add(n.Type == TypeSupervisor && !n.PID.IsZero(), "%v", n.Type)
	add(true, "%s", n.Status)
	add(n.QueueLen > 0, "waiting:%d", n.QueueLen)
	add(n.Restarts > 0, "restarts:%d", n.Restarts)
	return strings.Join(words, " ")
}

// plain returns text in one line. Labels may have parts that clients have made up.
func plain(text string) string {
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
