package actor

import (
	"context"
	"log/slog"
	"reflect"
)

// GuardLogger returns a logger that writes to l and cannot harm the goroutine that logs:
// a record whose handler panics, calls runtime.Goexit or takes longer than five seconds
// is lost, as is what is logged meanwhile. It is for code that must go on, as [Guard] is.
// A [System]'s logger is one.
func GuardLogger(l *slog.Logger) *slog.Logger {
	if _, ok := l.Handler().(*guardedHandler); ok {
		return l
	}
	return slog.New(newGuardedHandler(l.Handler()))
}

// guardedHandler keeps a log handler's failures away from those that log: actors,
// supervisors, and any goroutine that sends a message. A record whose handler panics,
// calls runtime.Goexit, or does the like by way of a value in the record, is lost. So
// are those that come while a call of the handler hangs.
type guardedHandler struct {
	inner   slog.Handler
	trusted bool // Enabled can be called directly
	calls   *bounded
}

func newGuardedHandler(h slog.Handler) *guardedHandler {
	return &guardedHandler{h, isTrusted(h), new(bounded)}
}

// isTrusted reports whether h is one of the two handlers of slog's own whose Enabled
// calls nothing of a user's: the others ask a Leveler, or other handlers.
func isTrusted(h slog.Handler) bool {
	t := reflect.TypeOf(h)
	return t == reflect.TypeOf(slog.DiscardHandler) || t == firstHandler
}

// firstHandler is the type of the handler that a program has which sets none.
var firstHandler = reflect.TypeOf(slog.Default().Handler())

func (h *guardedHandler) Enabled(ctx context.Context, level slog.Level) bool {
	if h.trusted {
		return h.inner.Enabled(ctx, level)
	}
	on := false
	_, returned := h.calls.call(func() error {
		on = h.inner.Enabled(ctx, level)
		return nil
	})
	return returned && on
}

func (h *guardedHandler) Handle(ctx context.Context, r slog.Record) error {
	h.calls.call(func() error { return h.inner.Handle(ctx, r) })
	return nil // a caller that heard of a failure could do nothing about it
}

func (h *guardedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func() slog.Handler { return h.inner.WithAttrs(attrs) })
}

func (h *guardedHandler) WithGroup(name string) slog.Handler {
	return h.with(func() slog.Handler { return h.inner.WithGroup(name) })
}

func (h *guardedHandler) with(f func() slog.Handler) slog.Handler {
	var inner slog.Handler
	_, returned := h.calls.call(func() error { inner = f(); return nil })
	if !returned || isNil(inner) {
		return h // without, which is better than nothing
	}
	return &guardedHandler{inner, isTrusted(inner), h.calls}
}
