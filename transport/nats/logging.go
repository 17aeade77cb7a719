package nats

import (
	"cmp"
	"log/slog"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/boundlog"
)

// newLog returns a logger for what other nodes can cause, within bounds. What its handler
// does wrong stays with it.
func newLog(l *slog.Logger) *slog.Logger {
	return boundlog.New(actor.GuardLogger(cmp.Or(l, slog.Default())))
}
