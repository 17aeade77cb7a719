package actortest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// crashes collects the unexpected crashes of a test from its system's events. The event
// comes before the end can be seen, so a test that waits for the end misses no crash.
type crashes struct {
	expected []error

	mu   sync.Mutex
	list []actor.Crashed
}

// note is for [actor.System.Observe].
func (c *crashes) note(e actor.Event) {
	crash, ok := e.(actor.Crashed)
	if !ok || c.expects(crash.Reason) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, crash)
}

// expects asks the reason what it is. One that cannot be asked is not expected; without the
// guard it would take the observer off, and later crashes would go unseen.
func (c *crashes) expects(reason error) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	expected := false // not to be read if the call is left alone
	err := actor.Guard(ctx, func() error {
		expected = slices.ContainsFunc(c.expected, func(err error) bool { return errors.Is(reason, err) })
		return nil
	})
	return err == nil && expected
}

func (c *crashes) report(t testing.TB) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, crash := range c.list {
		t.Errorf("actortest: %v crashed: %v", label(crash.PID), crash.Reason)
	}
}
