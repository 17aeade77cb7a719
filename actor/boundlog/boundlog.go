// Package boundlog keeps what clients and other nodes can cause from flooding a log:
// each text is logged at most so often, and what comes with it is cut. The packages that
// clients reach log through it; so can those that are built on them.
package boundlog

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"time"
)

const (
	// maxText is the length in bytes of the longest value that is logged whole. A
	// call stack fits in.
	maxText = 4 << 10

	// A hundred records of a text are logged at once, and ten a second from then on.
	burst    = 100
	interval = 100 * time.Millisecond

	// maxTexts is how many texts are told apart; they are usually constants of the
	// program.
	maxTexts = 256
)

// New returns a logger that writes to log what is within bounds. The first record of
// a text that is logged again says in "left_out" how many were not. Records of level
// Debug and below are all logged: those that want them want to see everything.
func New(log *slog.Logger) *slog.Logger {
	if _, ok := log.Handler().(*handler); ok {
		return log
	}
	return slog.New(&handler{log.Handler(), &rates{texts: make(map[string]*rate)}})
}

// handler is a [slog.Handler] around another one.
type handler struct {
	slog.Handler
	rates *rates // shared with the handlers that are made from this one
}

// Handle implements [slog.Handler].
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	leftOut := 0
	if r.Level > slog.LevelDebug {
		var ok bool
		if leftOut, ok = h.rates.take(r.Message, time.Now()); !ok {
			return nil
		}
	}
	short := slog.NewRecord(r.Time, r.Level, Text(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		short.AddAttrs(cutAttr(a))
		return true
	})
	if leftOut > 0 {
		short.AddAttrs(slog.Int("left_out", leftOut))
	}
	return h.Handler.Handle(ctx, short)
}

// WithAttrs implements [slog.Handler].
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	short := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		short[i] = cutAttr(a)
	}
	return &handler{h.Handler.WithAttrs(short), h.rates}
}

// WithGroup implements [slog.Handler].
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.Handler.WithGroup(name), h.rates}
}

// rates are how often texts are logged.
type rates struct {
	mu    sync.Mutex
	texts map[string]*rate
}

// rate is a token bucket, kept as the time at which the next record would be due if
// they came just as fast as they may.
type rate struct {
	due     time.Time
	leftOut int
}

// take counts a record. It reports whether it may be logged, and how many were not
// since the last one that was.
func (rs *rates) take(text string, now time.Time) (leftOut int, ok bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.texts[text]
	if r == nil {
		if len(rs.texts) >= maxTexts {
			text = "" // the rest is one text
		}
		if r = rs.texts[text]; r == nil {
			r = new(rate)
			rs.texts[strings.Clone(text)] = r
		}
	}
	if r.due.Before(now) {
		r.due = now
	}
	if r.due.Sub(now) > (burst-1)*interval {
		r.leftOut++
		return 0, false
	}
	r.due = r.due.Add(interval)
	leftOut, r.leftOut = r.leftOut, 0
	return leftOut, true
}

// Text shortens a text that is too long, and says how long it was.
func Text(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + fmt.Sprintf("… (%d bytes)", len(s))
}

func cutAttr(a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(Text(a.Value.String()))
	case slog.KindGroup:
		attrs := a.Value.Group()
		short := make([]slog.Attr, len(attrs))
		for i, a := range attrs {
			short[i] = cutAttr(a)
		}
		a.Value = slog.GroupValue(short...)
	case slog.KindAny, slog.KindLogValuer:
		a.Value = Value(a.Value.Any())
	}
	return a
}

// Value returns v as an attribute's value of bounded length. Its text is made by the
// handler that writes it, not before, since a method of v may fail in any way.
func Value(v any) slog.Value {
	switch reflect.ValueOf(v).Kind() {
	case reflect.Invalid, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return slog.AnyValue(v)
	}
	return slog.AnyValue(long{v})
}

// long is a value whose text may be too long.
type long struct{ of any }

// LogValue implements [slog.LogValuer].
func (l long) LogValue() slog.Value {
	v, ok := l.of.(slog.LogValuer)
	if !ok {
		return slog.StringValue(Text(fmt.Sprintf("%+v", l.of)))
	}
	resolved := slog.AnyValue(v).Resolve()
	if resolved.Kind() == slog.KindAny { // not what has a LogValue: that is resolved
		return slog.StringValue(Text(fmt.Sprintf("%+v", resolved.Any())))
	}
	return cutAttr(slog.Attr{Value: resolved}).Value
}
