package supervisor

import (
	"fmt"

	"github.com/troupe-go/troupe/actor"
)

// resize asks the supervisor of partitions to start or stop some.
type resize struct {
	set   resizable
	n     int
	reply actor.Reply[struct{}]
}

// resizable is a set of partitions of any type.
type resizable interface {
	size() int
	child(i int) Child
	resized(supervisor actor.PID, n int)
}

func (r resize) serve(s *treeActor, ctx *actor.Context[treeRequest]) error {
	answer(ctx, r.reply, func() (none struct{}, err error) {
		return none, s.resize(ctx, r.set, r.n)
	})
	return nil
}

// resize makes the children those of the first n partitions: all, or nothing changes.
// Partitions that users have deleted are passed over when it is their turn to go.
func (s *treeActor) resize(ctx *actor.Context[treeRequest], set resizable, n int) error {
	old := set.size()
	for i := old; i < n; i++ {
		c := set.child(i)
		if _, err := s.startNew(ctx, c); err != nil {
			for i--; i >= old; i-- {
				s.drop(ctx, set.child(i).ID)
			}
			return fmt.Errorf("start child %q: %w", c.ID, err)
		}
	}
	set.resized(ctx.PID(), n) // first nothing leads to the partitions that go
	for i := old - 1; i >= n; i-- {
		s.drop(ctx, set.child(i).ID)
	}
	return nil
}
