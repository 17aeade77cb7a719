package actortest

import (
	"errors"
	"slices"
	"sync"
	"testing"

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
	if !ok || slices.ContainsFunc(c.expected, func(err error) bool { return errors.Is(crash.Reason, err) }) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, crash)
}

func (c *crashes) report(t testing.TB) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, crash := range c.list {
		t.Errorf("actortest: %v crashed: %v", label(crash.PID), crash.Reason)
	}
}
