package supervisor

import (
	"context"
	"log/slog"

	"github.com/troupe-go/troupe/actor"
)

// What a supervisor reports of a child, with slog.LevelError, to the system's
// logger: OTP's supervisor reports.
const (
	reportTerminated  = "supervisor: child terminated"
	reportStartFailed = "supervisor: child did not start"
	reportStopFailed  = "supervisor: child did not stop in order"
	reportGaveUp      = "supervisor: giving up: too many restarts"
)

// report logs something that befell a child, whose PID may be zero.
func report(self actor.Self, what, id string, pid actor.PID, reason error) {
	if self.System().Logger().Enabled(context.Background(), slog.LevelError) {
		writeReport(self, what, id, pid, reason)
	}
}

// writeReport is apart because of the size of its frame, which nobody needs to have
// on the stack who has no use for reports.
func writeReport(self actor.Self, what, id string, pid actor.PID, reason error) {
	attrs := append(make([]slog.Attr, 0, 6),
		slog.Any("supervisor", self.PID()),
		slog.String("name", self.PID().Name()))
	if id != "" {
		attrs = append(attrs, slog.String("child", id))
	}
	if !pid.IsZero() {
		attrs = append(attrs, slog.Any("pid", pid))
	}
	var stack actor.Stack // of a panic that nothing else has logged
	if f, ok := reason.(*startFailure); ok {
		reason, stack = f.error, f.stack
	}
	attrs = append(attrs, slog.Any("reason", reason))
	if stack != nil {
		attrs = append(attrs, slog.Any("stack", stack))
	}
	self.System().Logger().LogAttrs(context.Background(), slog.LevelError, what, attrs...)
}
