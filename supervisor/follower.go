package supervisor

import (
	"slices"

	"github.com/troupe-go/troupe/actor"
)

// starter starts an incarnation of a child, as [Child.Start] does.
type starter = func(parent actor.Self) (actor.PID, error)

// follower is told when a child is started. It is not in the child's Start but beside
// it, so that it stays when the description is changed, see [Tree.ChangeChild].
type follower interface {
	// follow returns a Start that tells the follower of what start does.
	follow(start starter) starter
}

// followedBy returns the child with one more follower.
func (c Child) followedBy(f follower) Child {
	c.followers = append(slices.Clip(c.followers), f)
	return c
}

// instead returns the child in place of another one: it has the followers of both.
func (c Child) instead(of Child) Child {
	for _, f := range of.followers {
		if !slices.Contains(c.followers, f) {
			c = c.followedBy(f)
		}
	}
	return c
}

// starter returns the child's Start along with its followers.
func (c Child) starter() starter {
	start := c.Start
	for _, f := range c.followers {
		start = f.follow(start)
	}
	return start
}
