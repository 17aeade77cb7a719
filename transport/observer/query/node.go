package query

import (
	"context"
	"reflect"
	"strings"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
)

// Node is an actor in a tree, or a child that does not run, or the system, which is the root.
type Node struct {
	PID      string `json:"pid"` // "" of the system, and of a child that does not run
	Parent   string `json:"parent"`
	ID       string `json:"id,omitempty"` // of the child in its supervisor
	Name     string `json:"name,omitempty"`
	Label    string `json:"label,omitempty"`
	Kind     Kind   `json:"kind"`
	Strategy string `json:"strategy,omitempty"` // of a supervisor
	Behavior string `json:"behavior,omitempty"`
	Status   string `json:"status"`
	Queue    int    `json:"queue"`
	Restarts int    `json:"restarts,omitempty"`
	Started  int64  `json:"started,omitempty"`
	Ended    int64  `json:"ended,omitempty"` // of one that has: in a tree of the past

	Count    int     `json:"count"` // of the children
	Children []*Node `json:"children,omitempty"`
	More     int     `json:"more,omitempty"` // children that are not shown, of a node that is open

	at actor.PID
}

// Actor returns the PID of the node, for code in the same program; zero if it has none.
func (n *Node) Actor() actor.PID { return n.at }

// Kind says what a node is.
type Kind string

// The kinds of nodes.
const (
	KindSystem     Kind = "system"
	KindSupervisor Kind = "supervisor"
	KindActor      Kind = "actor"
)

// Node describes one actor, without its children.
func (s *Source) Node(ctx context.Context, pid actor.PID) *Node {
	n := &Node{
		PID: text.PID(pid), Parent: text.PID(pid.Parent()), Kind: KindActor, at: pid,
		Name: text.Line(pid.Name()), Status: pid.Status().String(), Queue: pid.QueueLen(), Started: millis(pid.Started()),
	}
	n.Restarts = pid.Restarts()
	n.Label, n.Behavior = s.label(ctx, pid), typeName(pid.Behavior())
	if supervisor.TypeOf(pid) == supervisor.TypeSupervisor {
		n.Kind = KindSupervisor
	}
	if !pid.Alive() {
		n.Status = "ended"
	}
	return n
}

// label returns the label of an actor, cut to a length that a page can show.
func (s *Source) label(ctx context.Context, pid actor.PID) string {
	if ctx.Err() != nil { // a Labeler may take its time
		return ""
	}
	return text.Line(pid.Label())
}

// isSupervisorType reports whether behaviors of a type are supervisors. Of an actor that has
// ended nothing else is known.
func isSupervisorType(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() == supervisorPackage
}

var supervisorPackage = reflect.TypeFor[supervisor.Spec]().PkgPath()

// typeName is how a type is told: without the arguments of a generic one.
func typeName(t reflect.Type) string {
	if t == nil {
		return ""
	}
	name := t.String()
	if at := strings.IndexByte(name, '['); at > 0 && strings.HasSuffix(name, "]") && !strings.HasPrefix(name, "map[") {
		name = name[:at]
	}
	return text.Line(name)
}
