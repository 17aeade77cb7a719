package ws

import (
	"context"
	"log/slog"
)

// asideHandler is a [slog.Handler] that writes to another one in order, on a goroutine of its
// own, see backlog: a handler of the log has five seconds if it hangs, see [actor.GuardLogger].
type asideHandler struct {
	slog.Handler
	records *backlog
}

func newAsideHandler(to slog.Handler) asideHandler { return asideHandler{to, new(backlog)} }

// Enabled implements [slog.Handler]. The other handler is asked when a record is written.
func (h asideHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (h asideHandler) Handle(ctx context.Context, r slog.Record) error {
	h.records.add(func() {
		if h.Handler.Enabled(ctx, r.Level) {
			h.Handler.Handle(ctx, r)
		}
	})
	return nil
}

// WithAttrs implements [slog.Handler].
func (h asideHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return asideHandler{h.Handler.WithAttrs(attrs), h.records}
}

// WithGroup implements [slog.Handler].
func (h asideHandler) WithGroup(name string) slog.Handler {
	return asideHandler{h.Handler.WithGroup(name), h.records}
}
