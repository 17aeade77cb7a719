package actor

import (
	"context"
	"time"
)

// spawnHook runs when a new actor can be reached by its PID, and before it is linked,
// listed or initialized. If it returns an error the actor ends, which undoes what it was
// given: names and other resources go with their owner. The actor by, if there is one, is
// the spawner and waits; limit is the StartTimeout, or 0.
type spawnHook func(p, by *process, limit time.Duration) error

// Name registers the actor under a name that is unique in its system; see
// [System.WhereIs] and [Lookup]. If it is taken, the spawn fails with a
// [*NameTakenError] before Init runs. An empty name is none. The name is free again before anybody
// hears of the actor's end. A spawn waits for a name whose holder is about to end, for
// a second at most.
//
// OTP: gen_server:start_link/4 with {local, Name}.
func Name(name string) Option {
	if name == "" {
		return func(*spawnConfig) {}
	}
	return before(func(p, by *process, _ time.Duration) error { return p.sys.names.give(name, p, by) })
}

// BeforeInit has f called with the PID of the new actor, before Init and before the
// actor handles anything. If f returns an error the spawn fails with it, and nothing is
// left of the actor: what it [PID.Own]s by then is released. Registries make their options
// of it, with which an actor has its key before its first message. Hooks run in the order
// of the options, names included.
//
// f runs on a goroutine of its own, because it may panic or call runtime.Goexit, either of
// which fails the spawn. It should not block: the spawn waits for it until the
// [StartTimeout] has passed, the spawner is killed, or the new actor is.
//
// OTP: gen_server:start_link/4 with {via, Module, Name}.
func BeforeInit(f func(PID) error) Option {
	return before(func(p, by *process, limit time.Duration) error { return p.callHook(f, by, limit) })
}

func before(hook spawnHook) Option {
	return func(c *spawnConfig) { c.before = append(c.before, hook) }
}

// callHook calls f, which is not trusted. The wait for it is one for an answer of p: p's
// doom ends it, too.
func (p *process) callHook(f func(PID) error, by *process, limit time.Duration) error {
	ctx := context.Background()
	if by != nil {
		ctx = by.context()
	}
	if limit > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, limit, ErrStartTimeout)
		defer cancel()
		ctx = limited
	}
	c := pendingCall{wake: make(chan struct{}, 1)}
	if !p.expect(&c) {
		return p.doomed().reason
	}
	defer p.unexpect(&c)
	g := newGuardedCall()
	g.f = func() error { return f(PID{p}) }
	go func() {
		defer func() { c.fail(firstTurn, g.err) }() // also if f calls runtime.Goexit
		g.run()
	}()
	if c.await(ctx, firstTurn) != nil {
		return context.Cause(ctx)
	}
	if end, ok := c.err.(calleeEnd); ok {
		return end.error
	}
	return logUnmade(p.sys, "spawn hook", c.err)
}
