package supervisor

import (
	"context"
	"log/slog"

	"github.com/troupe-go/troupe/actor"
)

// What a supervisor reports of a child to the system's logger: OTP's supervisor reports.
//
// One failure is one record at slog.LevelError. The actor's own record of its crash is one,
// with the stack, so its supervisor's report of the crash has slog.LevelInfo. A failure
// that is returned has that level as well: the caller decides whether to log it. A failure
// that nothing else logs has slog.LevelError.
const (
	reportTerminated  = "supervisor: child terminated"
	reportStartFailed = "supervisor: child did not start"
	reportStopFailed  = "supervisor: child did not stop in order"
	reportGaveUp      = "supervisor: giving up: too many restarts"
)

// report logs something that befell a child, whose PID may be zero.
func report(self actor.Self, level slog.Level, what, id string, pid actor.PID, reason error) {
	if self.System().Logger().Enabled(context.Background(), level) {
		writeReport(self, level, what, id, pid, reason)
	}
}

// writeReport is a function of its own to keep its large stack frame off the path where
// reports are disabled.
func writeReport(self actor.Self, level slog.Level, what, id string, pid actor.PID, reason error) {
	attrs := append(make([]slog.Attr, 0, 7), slog.Any("supervisor", self.PID()))
	if name := self.PID().Name(); name != "" {
		attrs = append(attrs, slog.String("name", name))
	}
	if label := self.PID().Label(); label != "" { // its ID in the supervisor above
		attrs = append(attrs, slog.String("label", label))
	}
	if id != "" {
		attrs = append(attrs, slog.String("child", id))
	}
	if !pid.IsZero() {
		attrs = append(attrs, slog.Any("pid", pid))
	}
	f, notStarted := reason.(*startFailure)
	if notStarted {
		reason = f.error
	}
	attrs = append(attrs, slog.Any("reason", reason))
	if notStarted && f.stack != nil {
		attrs = append(attrs, slog.Any("stack", f.stack))
	}
	self.System().Logger().LogAttrs(context.Background(), level, what, attrs...)
}

// endLevel is the level of a report of an end. One that came from outside, by a kill or
// another exit signal, has not been logged by its actor.
func endLevel(pid actor.PID) slog.Level {
	if pid.ClaimRecord() {
		return slog.LevelError
	}
	return slog.LevelInfo
}

// failureLevel is the level of a report of a start that the supervisor has to try again.
func failureLevel(err error) slog.Level {
	if f, ok := err.(*startFailure); ok && f.logged {
		return slog.LevelInfo
	}
	return slog.LevelError
}
