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
	for _, c := range []Child{c, d} {
		n := 0
		for l := c.followers; l != nil; l = l.rest {
			n++
		}
		if n != 2 {
			t.Errorf("there are %d followers, want 2", n)
		}
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
