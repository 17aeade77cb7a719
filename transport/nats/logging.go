package nats

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/boundlog"
)

// logFor is how long a record may take.
const logFor = time.Second

// newLog returns a logger for what other nodes can cause, within bounds.
func newLog(l *slog.Logger) *slog.Logger { return boundlog.New(cmp.Or(l, slog.Default())) }

// logSafely logs. A handler of package slog is somebody's code: one that panics, calls
// runtime.Goexit or does not return costs its record, and nothing else.
func logSafely(l *slog.Logger, level slog.Level, msg string, args ...any) {
	ctx, cancel := context.WithTimeout(context.Background(), logFor)
	defer cancel()
	_ = actor.Guard(ctx, func() error {
		l.Log(ctx, level, msg, args...)
		return nil
	})
}
