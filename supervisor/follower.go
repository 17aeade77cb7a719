package supervisor

import (
	"slices"

	"github.com/troupe-go/troupe/actor"
)

// starter starts an incarnation of a child, as [Child.Start] does.
type starter = func(parent actor.Self) (actor.PID, error)

// follower hears of each start of a child. It is kept beside the child's Start, so that
// it stays when the description is changed, see [Tree.ChangeChild].
type follower interface {
	// follow returns a Start that does what start does and tells the follower.
	follow(start starter) starter
}

// followers is an immutable list; nil is the empty one. Most children have no follower,
// and pay one word for that.
type followers struct {
	follower
	rest *followers
}

func (l *followers) has(f follower) bool {
	for ; l != nil; l = l.rest {
		if l.follower == f {
			return true
		}
	}
	return false
}

// followedBy returns the child with one more follower.
func (c Child) followedBy(f follower) Child {
	c.followers = &followers{f, c.followers}
	return c
}

// instead returns the child as a replacement for another one, with the followers of both.
func (c Child) instead(of Child) Child {
	for l := of.followers; l != nil; l = l.rest {
		if !c.followers.has(l.follower) {
			c = c.followedBy(l.follower)
		}
	}
	return c
}

// starter returns the child's Start, which tells its followers.
func (c Child) starter() starter {
	start := c.Start
	for l := c.followers; l != nil; l = l.rest {
		start = l.follow(start)
	}
	return start
}

// renamed returns the child under another ID, and tells the followers that speak of it.
func (c Child) renamed(id string) Child {
	c.ID = id
	for l := c.followers; l != nil; l = l.rest {
		if f, ok := l.follower.(interface{ rename(child string) }); ok {
			f.rename(id)
		}
	}
	return c
}

// namedAfterSupervisor is a follower whose child is named after its supervisor.
type namedAfterSupervisor interface {
	nameAfter(supervisor string, c Child) Child
}

// namedAfter returns the spec as that of the supervisor with the given ID.
func (s Spec) namedAfter(id string) Spec {
	if id == "" {
		return s
	}
	s.Children = slices.Clone(s.Children)
	for i, c := range s.Children {
		for l := c.followers; l != nil; l = l.rest {
			if f, ok := l.follower.(namedAfterSupervisor); ok {
				s.Children[i] = f.nameAfter(id, c)
			}
		}
	}
	return s
}
