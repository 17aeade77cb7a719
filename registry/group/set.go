package group

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/internal/book"
)

// ErrNotJoined says that an actor is not a member of the group that it was to leave. It
// comes wrapped with context.
//
// OTP: pg's not_joined.
var ErrNotJoined = errors.New("not a member")

// Set is a set of groups with names of type G. The zero Set is empty and ready to
// use; it must not be copied. All methods may be called from any goroutine.
type Set[G comparable] struct {
	book   book.Book[G]
	served table                   // of messages, by name
	link   atomic.Pointer[post[G]] // to the other nodes; nil if there are none
	counts counts
}

// Join makes the actor a member of the group, or a member once more, until it
// leaves or ends. It fails with an error that wraps [actor.NoProc] if pid is dead.
func (s *Set[G]) Join(group G, pid actor.PID) error {
	if !s.book.Add(group, pid, nil) {
		return fmt.Errorf("group: join %v for %v: %w", group, pid, actor.NoProc)
	}
	return nil
}

// Leave takes one Join back. It fails with an error that wraps [ErrNotJoined] if
// there is none.
func (s *Set[G]) Leave(group G, pid actor.PID) error {
	if !s.book.Remove(group, pid, true) {
		return fmt.Errorf("group: leave %v for %v: %w", group, pid, ErrNotJoined)
	}
	return nil
}

// Members returns the members of the group on all nodes, in the order in which this one heard
// of them, each as often as it has joined, without those that are dead or doomed here. Those of
// other nodes are as [Child] says.
//
// OTP: pg:get_members/2.
func (s *Set[G]) Members(group G) []Member {
	var few [32]Member // on the stack, so that most lists are allocated once
	list := few[:0]
	s.book.Each(group, func(row book.Row) {
		if alive(row) {
			list = append(list, memberOf(row))
		}
	})
	return append([]Member(nil), list...)
}

// LocalMembers returns the members that run in this program, in the order in which they joined,
// each as often as it did, without those that are dead or doomed.
//
// OTP: pg:get_local_members/2.
func (s *Set[G]) LocalMembers(group G) []actor.PID {
	var few [32]actor.PID
	pids := few[:0]
	s.book.Each(group, func(row book.Row) {
		if row.PID.Alive() {
			pids = append(pids, row.PID)
		}
	})
	return append([]actor.PID(nil), pids...)
}

// GroupsOf returns the groups of the actor in no particular order, each as often as
// the actor has joined it.
func (s *Set[G]) GroupsOf(pid actor.PID) []G {
	var groups []G
	s.book.EachOf(pid, func(group G) { groups = append(groups, group) })
	return groups
}

// Groups returns the groups that have members on any node, in no particular order.
//
// OTP: pg:which_groups/1.
func (s *Set[G]) Groups() []G {
	var groups []G
	for group := range s.book.All() {
		if n := len(groups); n == 0 || groups[n-1] != group { // they come together
			groups = append(groups, group)
		}
	}
	return groups
}
