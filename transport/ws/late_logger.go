package ws

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// lateLogger is a [slog.Handler] that writes to a logger which is known later: an
// endpoint is made before the system that it logs to. Until then it is [slog.Default].
type lateLogger struct{ atomic.Pointer[slog.Logger] }

func (l *lateLogger) handler() slog.Handler {
	if log := l.Load(); log != nil {
		return log.Handler()
	}
	return slog.Default().Handler()
}

// Enabled implements [slog.Handler].
func (l *lateLogger) Enabled(ctx context.Context, level slog.Level) bool {
	return l.handler().Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (l *lateLogger) Handle(ctx context.Context, r slog.Record) error {
	return l.handler().Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (l *lateLogger) WithAttrs(attrs []slog.Attr) slog.Handler { return l.handler().WithAttrs(attrs) }

// WithGroup implements [slog.Handler].
func (l *lateLogger) WithGroup(name string) slog.Handler { return l.handler().WithGroup(name) }
