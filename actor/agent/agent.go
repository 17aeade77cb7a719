package agent

import (
	"context"

	"github.com/troupe-go/troupe/actor"
)

// Ref is the address of an agent with a state of type S.
type Ref[S any] = actor.Ref[Message[S]]

// Message is what an agent is sent. The functions of this package make it.
type Message[S any] struct{ run func(S) S }

// Agent is the behavior of an agent; see [New].
type Agent[S any] struct {
	init  func() (S, error)
	state S
}

// New returns a constructor of agents whose first state is what init returns, for a spawn
// or a supervisor. init runs in the agent, at each of its starts; if it fails so does the
// start. New panics if init is nil.
//
// Elixir: Agent.child_spec/1.
func New[S any](init func() (S, error)) func() *Agent[S] {
	if init == nil {
		panic("agent: New: init is nil")
	}
	return func() *Agent[S] { return &Agent[S]{init: init} }
}

// Start starts an agent and returns when init has returned. It fails as [actor.Spawn]
// does, with the error of init if there is one.
//
// Elixir: Agent.start/2.
func Start[S any](sys *actor.System, init func() (S, error), opts ...actor.Option) (Ref[S], error) {
	return actor.Spawn(sys, New(init), opts...)
}

// Init implements [actor.Initializer].
func (a *Agent[S]) Init(*actor.Context[Message[S]]) (err error) {
	a.state, err = a.init()
	return err
}

// Receive implements [actor.Behavior].
func (a *Agent[S]) Receive(_ *actor.Context[Message[S]], m Message[S]) error {
	if m.run != nil {
		a.state = m.run(a.state)
	}
	return nil
}

// Get returns what f returns of the agent's state. f must not change what the state refers
// to, and what it returns must not be changed later; see the package's documentation.
//
// The wait ends as that of [actor.Call], with an [*actor.CallError]: if ctx ends first, f may
// or may not run later. There is no other limit. Get panics if f is nil.
//
// Elixir: Agent.get/3.
func Get[S, R any](ctx context.Context, a Ref[S], f func(S) R) (R, error) {
	if f == nil {
		panic("agent: Get: f is nil")
	}
	return call(ctx, a, func(state S) (R, S) { return f(state), state })
}

// Update replaces the agent's state with what f returns of it, and waits for that. The wait
// ends as that of [Get]; if it ends early, the state may or may not be replaced later. Update
// panics if f is nil.
//
// Elixir: Agent.update/3.
func Update[S any](ctx context.Context, a Ref[S], f func(S) S) error {
	if f == nil {
		panic("agent: Update: f is nil")
	}
	_, err := call(ctx, a, func(state S) (struct{}, S) { return struct{}{}, f(state) })
	return err
}

// GetAndUpdate does both in one step: f returns what the caller gets, and the next state.
// The rules of [Get] and [Update] hold for it.
//
// Elixir: Agent.get_and_update/3.
func GetAndUpdate[S, R any](ctx context.Context, a Ref[S], f func(S) (R, S)) (R, error) {
	if f == nil {
		panic("agent: GetAndUpdate: f is nil")
	}
	return call(ctx, a, f)
}

// Cast is [Update] that neither waits nor fails: to an agent that has ended, or whose mailbox
// is full, it does nothing. It panics if f is nil.
//
// Elixir: Agent.cast/2.
func Cast[S any](a Ref[S], f func(S) S) {
	if f == nil {
		panic("agent: Cast: f is nil")
	}
	a.Send(Message[S]{f})
}

func call[S, R any](ctx context.Context, a Ref[S], f func(S) (R, S)) (R, error) {
	return actor.Call(ctx, a, func(reply actor.Reply[R]) Message[S] {
		return Message[S]{func(state S) S {
			v, next := f(state)
			reply.Send(v) // nobody sees the state before the next function does
			return next
		}}
	})
}
