package actor

import (
	"context"
	"time"
)

// Guard calls f, which is not trusted, and returns its error; a [*PanicError] if it
// panicked; or [Goexit] if it called runtime.Goexit, as t.FailNow does. An error whose
// methods panic comes back as a [*ReasonError]. It is for code that must go on whatever
// a callback does: libraries on top of this package that call their users' functions
// from an actor of their own.
//
// f runs on a goroutine of its own, for nothing else survives Goexit, while the
// caller waits: what the caller did happens before f, and what f did before Guard
// returns. If ctx is done first, Guard returns its cause, and f goes on alone: it
// cannot be interrupted. It costs about a third of a microsecond.
func Guard(ctx context.Context, f func() error) error {
	g := guardedCall{f: f, done: make(chan struct{})}
	go g.run()
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
	}
	select {
	case <-g.done: // both came: what f returned says more
		return g.err
	default:
		return context.Cause(ctx)
	}
}

// guardFor is Guard with a bound in place of a context. It reports false if f was
// left alone.
func guardFor(d time.Duration, f func() error) (error, bool) {
	g := guardedCall{f: f, done: make(chan struct{})}
	go g.run()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-g.done:
		return g.err, true
	case <-timer.C:
		return nil, false
	}
}

// patience bounds the wait for what must not block and is not an actor's handler: an
// observer, a log handler, the text of an error. Whatever takes longer is left alone.
const patience = time.Second

// guardedCall is a call on a goroutine of its own. Its err may be read when done is
// closed.
type guardedCall struct {
	f    func() error
	err  error
	done chan struct{}
}

func (g *guardedCall) run() {
	defer close(g.done) // even if the text of a panic cannot be had
	defer func() {
		if v := recover(); v != nil {
			g.err = newPanicError(v)
		}
	}()
	g.err = Goexit // unless f returns
	g.err = vet(g.f())
}
