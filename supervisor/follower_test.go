package supervisor

import (
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// A description that is read, changed and given back, again and again, does not grow.
func TestFollowersAreKeptOnce(t *testing.T) {
	c, _ := Follow[int](Child{Start: nobody})
	d, _ := Follow[int](c)
	for range 10 {
		c, d = c.instead(d), d.instead(c)
	}
	if len(c.followers) != 2 || len(d.followers) != 2 {
		t.Errorf("they have %d and %d followers", len(c.followers), len(d.followers))
	}
	calls := 0
	c.Start = func(actor.Self) (actor.PID, error) {
		calls++
		return actor.PID{}, actor.Ignore
	}
	if _, err := c.starter()(nil); err != actor.Ignore || calls != 1 {
		t.Errorf("%d calls, error %v", calls, err)
	}
}
