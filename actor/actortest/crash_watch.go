package actortest

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// crashWatch finds the crashes in a system's log. Unlike the system's events, the
// log tells of a crash before anybody can know of the end: a test that has waited
// for that cannot be over too soon.
type crashWatch struct {
	slog.Handler
	crashes *crashes
}

// Enabled implements [slog.Handler].
func (w *crashWatch) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError || w.Handler.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (w *crashWatch) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "actor crashed" { // as package actor has it
		w.crashes.note(r)
	}
	if !w.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return w.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (w *crashWatch) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &crashWatch{w.Handler.WithAttrs(attrs), w.crashes}
}

// WithGroup implements [slog.Handler].
func (w *crashWatch) WithGroup(name string) slog.Handler {
	return &crashWatch{w.Handler.WithGroup(name), w.crashes}
}

// crashes is the unexpected crashes of a test.
type crashes struct {
	expected []error

	mu   sync.Mutex
	list []crash
}

type crash struct {
	pid    actor.PID
	reason error
}

func (c *crashes) note(r slog.Record) {
	var found crash
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "pid":
			found.pid, _ = a.Value.Any().(actor.PID)
		case "reason":
			found.reason, _ = a.Value.Any().(error)
		}
		return true
	})
	if slices.ContainsFunc(c.expected, func(err error) bool { return errors.Is(found.reason, err) }) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, found)
}

func (c *crashes) report(t testing.TB) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, crash := range c.list {
		t.Errorf("actortest: %v crashed: %v", label(crash.pid), crash.reason)
	}
}
