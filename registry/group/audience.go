package group

import (
	"slices"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/internal/book"
)

// audience are the members of a group: those of this node one by one, and how many each other
// node has.
type audience struct {
	here  []actor.PID
	nodes []share
}

type share struct {
	node    string
	members int
}

// audience implements [place].
func (p spot[G]) audience() (a audience) {
	last := -1 // members of a node mostly come together
	p.set.book.Each(p.group, func(row book.Row) {
		f, ok := row.Value.(*far)
		switch {
		case !ok:
			if row.PID.Alive() {
				a.here = append(a.here, row.PID)
			}
			return
		case last < 0 || a.nodes[last].node != f.node:
			last = slices.IndexFunc(a.nodes, func(s share) bool { return s.node == f.node })
		}
		if last < 0 {
			last = len(a.nodes)
			a.nodes = append(a.nodes, share{node: f.node})
		}
		a.nodes[last].members++
	})
	return a
}

// far returns how many members other nodes have.
func (a *audience) far() (n int) {
	for _, s := range a.nodes {
		n += s.members
	}
	return n
}

// nodeOf returns where the i-th member of other nodes is.
func (a *audience) nodeOf(i int) int {
	for at, s := range a.nodes {
		if i -= s.members; i < 0 {
			return at
		}
	}
	return len(a.nodes) - 1
}

func (a *audience) drop(i int) {
	last := len(a.here) - 1
	a.here[i] = a.here[last]
	a.here = a.here[:last]
}

func (a *audience) dropNode(i int) { a.nodes = slices.Delete(a.nodes, i, i+1) }
