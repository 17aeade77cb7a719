package actor

import "context"

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
	p := caller(ctx)
	if p == nil {
		err, _ := newGuardedCall().call(ctx, f)
		return err
	}
	// An actor that guards one call guards more.
	g := p.sys.guards.Get().(*guardedCall)
	err, returned := g.call(ctx, f)
	if returned {
		p.sys.guards.Put(g)
	}
	return err
}

// guardedCall is a call on a goroutine of its own. What has received from done may read
// err, and use the call again: its goroutine is through with it. One that was left alone
// belongs to its goroutine.
type guardedCall struct {
	f    func() error
	err  error
	done chan struct{}
	run  func() // made once: a go statement with a receiver allocates
}

func newGuardedCall() *guardedCall {
	g := &guardedCall{done: make(chan struct{}, 1)}
	g.run = func() {
		defer g.over() // even if the text of a panic cannot be had
		defer g.caught()
		growStack()    // f is usually deeper than a new stack
		g.err = Goexit // unless f returns
		g.err = vet(g.f())
	}
	return g
}

// call calls f. It reports false if f was left alone, because ctx is done.
func (g *guardedCall) call(ctx context.Context, f func() error) (error, bool) {
	g.f = f
	go g.run()
	select {
	case <-g.done:
		return g.result(), true
	case <-ctx.Done():
	}
	select {
	case <-g.done: // both came: what f returned says more
		return g.result(), true
	default:
		return context.Cause(ctx), false
	}
}

// result returns what came of the call, and lets go of it.
func (g *guardedCall) result() error {
	err := g.err
	g.f, g.err = nil, nil
	return err
}

func (g *guardedCall) caught() {
	if v := recover(); v != nil {
		g.err = Recovered(v)
	}
}

func (g *guardedCall) over() { g.done <- struct{}{} }
