package ws

import (
	"context"
	"log/slog"
	"sync"
)

// asideHandler is a [slog.Handler] that writes to another one in order, on a goroutine of its
// own, and waits for nothing. It is for what is found out under locks for which others wait, a
// row's of an audience or a tether's: a handler of the log takes its time, and five seconds if it
// hangs, see [actor.GuardLogger].
type asideHandler struct {
	slog.Handler
	records *records
}

// records are those that are still to be written.
type records struct {
	mu      sync.Mutex
	waiting []func()
	busy    bool // there is a goroutine that writes
}

// mostRecords is how many may wait. If there are more they are lost.
const mostRecords = 1000

func newAsideHandler(to slog.Handler) asideHandler { return asideHandler{to, new(records)} }

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

func (rs *records) add(write func()) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if len(rs.waiting) >= mostRecords {
		return
	}
	rs.waiting = append(rs.waiting, write)
	if !rs.busy {
		rs.busy = true
		go rs.write()
	}
}

// write writes all that wait.
func (rs *records) write() {
	for write := rs.next(); write != nil; write = rs.next() {
		write()
	}
}

// next returns one that waits; nil, and the goroutine ends: none does.
func (rs *records) next() (write func()) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if len(rs.waiting) == 0 {
		rs.waiting, rs.busy = nil, false
		return nil
	}
	write, rs.waiting[0] = rs.waiting[0], nil
	rs.waiting = rs.waiting[1:]
	return write
}
