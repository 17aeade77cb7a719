package netconn

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Host is what connections share: their clock, the place where those that are idle wait,
// and the count of their goroutines. The zero Host works. It must not be copied.
type Host struct {
	// Logger takes the warnings that connections cannot be parked; it is
	// [slog.Default] if nil. It is set before the first connection is made.
	Logger *slog.Logger

	// Queued, if not nil, counts the bytes that wait to be written, of all connections. It
	// is set before the first connection is made.
	Queued *atomic.Int64

	group sync.WaitGroup // of all goroutines of the connections
	lot   lot            // where idle connections wait that park
	clock clock
}

// Close waits until all goroutines of the connections have ended, and frees what they
// shared. All connections must be closed. The Host may then be used anew.
func (h *Host) Close() {
	h.group.Wait()
	h.lot.close()
}

// enter gives the connection a place in the lot, if it can have one. It must not be read
// yet.
func (h *Host) enter(c *Conn) {
	if c.raw == nil {
		return
	}
	if err := h.lot.enter(c); err != nil {
		log := h.Logger
		if log == nil {
			log = slog.Default()
		}
		log.Warn("connection not parked", "error", err)
	}
}

// clock is the time since it was first asked.
type clock struct {
	once  sync.Once
	start time.Time
}

func (c *clock) now() time.Duration {
	c.once.Do(func() { c.start = time.Now() })
	return time.Since(c.start)
}
