package wsclient

import (
	"context"
	"log/slog"
	"sync"
)

// logLimit is how many records may wait for the user's slog.Handler. Further ones are
// lost.
const logLimit = 1000

// logbook is a slog.Handler that hands records on to the user's, on a goroutine that is
// there only while there are any. So nobody waits for that handler, under the client's
// lock for one, and one that panics or calls runtime.Goexit costs its record.
type logbook struct {
	handler slog.Handler
	*logQueue
}

type logQueue struct {
	mu      sync.Mutex
	waiting []func()
	running bool
}

func newLogger(l *slog.Logger) *slog.Logger { return slog.New(logbook{l.Handler(), new(logQueue)}) }

// Enabled leaves it to Handle to ask.
func (logbook) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (b logbook) Handle(ctx context.Context, r slog.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == logLimit {
		return nil
	}
	b.waiting = append(b.waiting, func() {
		if b.handler.Enabled(ctx, r.Level) {
			_ = b.handler.Handle(ctx, r)
		}
	})
	if !b.running {
		b.running = true
		go b.drain()
	}
	return nil
}

func (q *logQueue) drain() {
	for {
		q.mu.Lock()
		if len(q.waiting) == 0 {
			q.waiting, q.running = nil, false
			q.mu.Unlock()
			return
		}
		write := q.waiting[0]
		q.waiting[0] = nil
		q.waiting = q.waiting[1:]
		q.mu.Unlock()
		_ = guard(context.Background(), func() error {
			write()
			return nil
		})
	}
}

// WithAttrs implements [slog.Handler].
func (b logbook) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logbook{b.handler.WithAttrs(attrs), b.logQueue}
}

// WithGroup implements [slog.Handler].
func (b logbook) WithGroup(name string) slog.Handler {
	return logbook{b.handler.WithGroup(name), b.logQueue}
}
