// Package safelog logs where nothing may happen to the caller: a handler of package slog
// is somebody's code, and so are the values that it writes.
package safelog

import (
	"context"
	"log/slog"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Error logs. A handler that panics, calls runtime.Goexit or takes longer than a second
// costs its record, and nothing else.
func Error(l *slog.Logger, msg string, args ...any) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = actor.Guard(ctx, func() error {
		l.Error(msg, args...)
		return nil
	})
}
