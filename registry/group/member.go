package group

import (
	"strconv"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/internal/book"
)

// Member is an actor in a group, of this node or, if the set is connected, of another one.
// Members are comparable: two are equal if they are the same actor. When a node is gone and
// comes back, its members are others.
type Member struct {
	pid actor.PID
	far *far // nil if it is of this node
}

// far is an actor of another node. There is one for each that is known.
type far struct {
	node string
	id   uint64 // which its node has given it
	rows int64  // how often it stands in the set
}

// PID returns the actor's PID if it is of this node, and otherwise the zero PID.
func (m Member) PID() actor.PID { return m.pid }

// Node returns the name of the actor's node, or "" if it is this one.
//
// OTP: node/1.
func (m Member) Node() string {
	if m.far == nil {
		return ""
	}
	return m.far.node
}

// String returns the PID, or a number of the actor with its node: 7@tokyo.
func (m Member) String() string {
	if m.far == nil {
		return m.pid.String()
	}
	return strconv.FormatUint(m.far.id, 10) + "@" + m.far.node
}

// MarshalText returns the same as String, so that members are readable in logs.
func (m Member) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// memberOf returns what a row of the book stands for.
func memberOf(row book.Row) Member {
	f, _ := row.Value.(*far)
	return Member{row.PID, f}
}

// alive reports whether a row is of an actor that is not known to be dead or doomed.
func alive(row book.Row) bool { return row.Far() || row.PID.Alive() }
