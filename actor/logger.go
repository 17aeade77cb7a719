package actor

import (
	"context"
	"log/slog"
	"reflect"
	"sync/atomic"
)

// guardedHandler keeps a log handler's failures away from those that log: actors,
// supervisors, and whoever happens to send a message. A record whose handler panics,
// calls runtime.Goexit, or does the like by way of a value in the record, is lost. One
// whose handler does not return is left alone after a moment; when many hang, the
// records that follow are lost, rather than goroutines piled up.
type guardedHandler struct {
	inner   slog.Handler
	trusted bool // Enabled can be called directly
	hanging *atomic.Int32
}

// maxHanging is how many log calls may hang before there are no more.
const maxHanging = 16

func newGuardedHandler(h slog.Handler) *guardedHandler {
	return &guardedHandler{h, isTrusted(h), new(atomic.Int32)}
}

// isTrusted reports whether h is one of slog's own, whose Enabled cannot fail.
func isTrusted(h slog.Handler) bool {
	t := reflect.TypeOf(h)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() == "log/slog"
}

func (h *guardedHandler) Enabled(ctx context.Context, level slog.Level) bool {
	if h.trusted {
		return h.inner.Enabled(ctx, level)
	}
	on := false
	return h.call(func() error {
		on = h.inner.Enabled(ctx, level)
		return nil
	}) && on
}

func (h *guardedHandler) Handle(ctx context.Context, r slog.Record) error {
	h.call(func() error { return h.inner.Handle(ctx, r) })
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
	if !h.call(func() error { inner = f(); return nil }) || isNil(inner) {
		return h // without, which is better than nothing
	}
	return &guardedHandler{inner, isTrusted(inner), h.hanging}
}

// call calls f, a method of the inner handler, unless too many of them hang. It reports
// whether f has returned, in whatever way.
func (h *guardedHandler) call(f func() error) bool {
	if h.hanging.Load() >= maxHanging {
		return false
	}
	// Of the two, the one that comes second takes the call off the count.
	var over atomic.Bool
	_, returned := guardFor(patience, func() error {
		defer func() {
			if over.Swap(true) {
				h.hanging.Add(-1)
			}
		}()
		return f()
	})
	if !returned {
		h.hanging.Add(1)
		if over.Swap(true) {
			h.hanging.Add(-1)
		}
	}
	return returned
}
