package actor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// logCrash reports the crash of an actor to the observers and in the log. Behavior is
// that of the actor, or nil if the caller is not its runner and so must not look at it.
func logCrash(p *process, reason error, behavior any) {
	if p.sys.Observed() {
		emitCrash(p, reason, behavior)
	}
	if p.sys.log.Enabled(context.Background(), slog.LevelError) {
		writeCrash(p, reason, behavior)
	}
}

// logEnd is logCrash for the failure that an actor ends with.
func logEnd(p *process, d *doom, behavior any) {
	d.claimRecord()
	logCrash(p, d.reason, behavior)
}

// writeCrash is a function of its own to keep its large frame off the path of a crash
// that is not logged: it makes a goroutine's first stack overflow, which costs more than
// the rest.
func writeCrash(p *process, reason error, behavior any) {
	load := p.typed.load()
	attrs := append(identify("pid", PID{p}),
		slog.Any("reason", shortened(reason)),
		slog.Int("waiting", load.Waiting),
		slog.Uint64("handled", load.Taken))
	if p.parent != p.sys.root {
		attrs = append(attrs, slog.Any("parent", PID{p.parent}))
	}
	if behavior != nil {
		attrs = append(attrs, slog.String("behavior", fmt.Sprintf("%T", behavior)))
	}
	if v, ok := behavior.(slog.LogValuer); ok {
		attrs = append(attrs, slog.Any("state", stateOf(v)))
	}
	if e, ok := reason.(*PanicError); ok {
		attrs = append(attrs, slog.Any("stack", e.Stack))
	}
	p.sys.log.LogAttrs(context.Background(), slog.LevelError, "actor crashed", attrs...)
}

// logUnmade reports a constructor, or another part of a spawn, that has not returned. Like
// a panic of Init it is logged here and returned as well, so that a supervisor need not
// log what its child did.
func logUnmade(sys *System, part string, err error) error {
	p, ok := err.(*PanicError)
	switch {
	case ok:
		sys.log.Error("actor not made: its "+part+" panicked", "reason", shortened(p), "stack", p.Stack)
	case err == Goexit:
		sys.log.Error("actor not made: its "+part+" called runtime.Goexit", "reason", err)
	default:
		return err
	}
	return loggedError{err}
}

// loggedError is why a spawn failed, if that has its record in the log, on its way to
// spawnError.
type loggedError struct{ error }

// spawnError returns the error of a spawn. The subject may be empty.
func spawnError(subject string, err error) error {
	l, logged := err.(loggedError)
	if logged {
		err = l.error
	}
	if subject != "" {
		subject = " " + subject
	}
	if err = fmt.Errorf("actor: spawn%s: %w", subject, err); logged {
		return &loggedSpawnError{err}
	}
	return err
}

// loggedSpawnError is the error of a spawn that has its record in the log.
type loggedSpawnError struct{ error }

func (e *loggedSpawnError) Unwrap() error { return errors.Unwrap(e.error) }

// Logged is how package supervisor knows that it need not log the failure.
func (*loggedSpawnError) Logged() bool { return true }

// failure returns why a spawn failed whose actor ended with d.
func (d *doom) failure() error {
	if d.logged.Load() {
		return loggedError{d.reason}
	}
	return d.reason
}

// shortened returns reason, with a shorter text if that is very long: it may quote what a
// client has sent. That Error has returned once, for the verdict, does not say that it will
// again, and nothing guards the runner here.
func shortened(reason error) error {
	if text := describe(reason); len(text) > maxText {
		return &shortError{text, reason}
	}
	return reason
}

type shortError struct {
	text string
	err  error
}

func (e *shortError) Error() string { return e.text }
func (e *shortError) Unwrap() error { return e.err }

// stateOf returns the state that a behavior shows. It is resolved here and now, because
// a log handler might do it when the actor is gone.
func stateOf(v slog.LogValuer) slog.Value {
	var state slog.Value
	err, returned := guardFor(patience, func() error {
		state = slog.AnyValue(v).Resolve() // a panic of LogValue becomes the value
		return nil
	})
	switch {
	case !returned:
		return slog.StringValue("LogValue did not return")
	case err != nil:
		return slog.AnyValue(err)
	}
	return state
}
