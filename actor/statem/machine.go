package statem

import "github.com/troupe-go/troupe/actor"

// Machine is a state machine: S is the type of its states, M that of its events,
// which are the actor's messages. What else it knows is in its own fields, and
// needs no lock.
//
// Handle handles one event in the given state and returns the next state. To
// return the state that it was given, or an equal one, is to keep it. Handle asks for
// anything else, such as a timeout, by methods of c, which take effect when it has
// returned.
//
// If Handle returns an error the machine ends: with reason [actor.Normal] if it
// is [actor.Stop], with that error otherwise. The state and all that Handle had
// asked of c are forgotten then; replies it sent are sent. A panic ends it with a
// [*actor.PanicError].
//
// A machine may also implement [Initializer], [Enterer], [Terminator],
// [ExitHandler] and [DownHandler]. The names of these methods are taken, as those of an
// [actor.Behavior] are: with another signature they are refused. If it is a [log/slog.LogValuer] the log of its
// crash shows its state and what its LogValue returns.
//
// OTP: gen_statem's callback module.
type Machine[S comparable, M any] interface {
	Handle(c *Context[S, M], state S, event M) (S, error)
}

// Initializer is a [Machine] with work to do before its first event: see
// [actor.Initializer], whose rules hold. Init returns the first state; without
// it that is the zero value of S. Init may set timeouts and insert events.
//
// OTP: gen_statem's Module:init/1.
type Initializer[S comparable, M any] interface {
	Init(c *Context[S, M]) (S, error)
}

// Enterer is a [Machine] that is told when it enters a state. Enter runs before any other
// event: after each change of state, after [Context.RepeatState], and after Init, when the
// spawn has returned already. After Init the first state is both old and state.
//
// Enter may set timeouts and answer calls. It cannot change the state, and to
// postpone or insert events, or to repeat the state, panics.
//
// OTP: gen_statem's state_enter.
type Enterer[S comparable, M any] interface {
	Enter(c *Context[S, M], old, state S) error
}

// Terminator is a [Machine] that cleans up. Terminate runs when it does for
// [actor.Terminator], with the state that the machine was in.
//
// OTP: gen_statem's Module:terminate/3.
type Terminator[S comparable, M any] interface {
	Terminate(c *Context[S, M], state S, reason error)
}

// ExitHandler is a [Machine] that handles the exit signals that it traps, except
// its parent's, which ends it. Each is an event like any other, of kind
// [Signal]. Without an ExitHandler they are dropped. See [actor.ExitHandler].
type ExitHandler[S comparable, M any] interface {
	HandleExit(c *Context[S, M], state S, exit actor.Exit) (S, error)
}

// DownHandler is a [Machine] that handles the end of actors that it monitors.
// Each is an event like any other, of kind [Signal]. See [actor.DownHandler].
type DownHandler[S comparable, M any] interface {
	HandleDown(c *Context[S, M], state S, down actor.Down) (S, error)
}
