package actor

// Behavior is what an actor does with its messages. M is the actor's protocol:
// one Go type, often an interface that its messages implement.
//
// Receive handles one message at a time; the actor's state needs no lock. If it
// returns nil the actor goes on. If it returns [Stop] the actor ends with reason
// [Normal]; any other error ends it with that error as the reason. A panic ends
// it with a [*PanicError].
//
// A behavior may also implement [Initializer], [Terminator], [ExitHandler], [DownHandler]
// and [IdleHandler]; the same rules hold for what their methods return. If it is a [Labeler]
// it says what its actor is. The names of these methods are taken: a behavior that has one of
// them with another signature, or only as a pointer and is none, is refused by Spawn and
// Become, because the method would never be called.
//
// If it is a [log/slog.LogValuer] the log of its crash shows its state, as its LogValue
// has it: that is the place to leave secrets out. The state of others is never logged.
//
// OTP: gen_server:format_status/1.
type Behavior[M any] interface {
	Receive(ctx *Context[M], m M) error
}

// Func returns a constructor of a [Behavior] that is just a function. M is inferred:
//
//	actor.Spawn(sys, actor.Func(func(ctx *actor.Context[string], line string) error { … }))
//
// Func panics if receive is nil.
func Func[M any](receive func(ctx *Context[M], m M) error) func() Behavior[M] {
	if receive == nil {
		panic("actor: Func: receive is nil")
	}
	return func() Behavior[M] { return BehaviorFunc[M](receive) }
}

// BehaviorFunc is a function as a [Behavior], for [Context.Become] and for constructors
// that make a function of their own for each actor; see also [Func].
type BehaviorFunc[M any] func(ctx *Context[M], m M) error

// Receive calls f.
func (f BehaviorFunc[M]) Receive(ctx *Context[M], m M) error { return f(ctx, m) }

// Initializer is a [Behavior] with work to do before its first message. The
// spawn returns when Init has returned. If Init returns an error, the spawn
// fails with it and the actor ends quietly; if it returns [Ignore], the actor is
// not wanted. Terminate does not run after a failed Init.
//
// Init keeps its parent waiting, usually a whole supervisor: leave slow work to
// [Context.Continue].
type Initializer[M any] interface {
	Init(ctx *Context[M]) error
}

// Terminator is a [Behavior] that cleans up. Terminate runs when the actor ends
// by itself, crashes, or is stopped by [PID.Stop], and when it traps exits and
// its parent tells it to end. It does not run when the actor is killed, nor when
// an exit signal ends an actor that does not trap exits. An actor that wants it
// to run at its supervisor's shutdown must therefore call Context.TrapExit.
//
// The context is alive until the actor is killed for taking too long.
type Terminator[M any] interface {
	Terminate(ctx *Context[M], reason error)
}

// ExitHandler is a [Behavior] that handles the exit signals that it traps, but
// for its parent's: that one ends the actor. Without it they are dropped.
type ExitHandler[M any] interface {
	HandleExit(ctx *Context[M], exit Exit) error
}

// DownHandler is a [Behavior] that handles the end of actors that it monitors.
type DownHandler[M any] interface {
	HandleDown(ctx *Context[M], down Down) error
}

// Become makes b the actor's behavior from the next message on. The present one
// can be kept, to go back to. Init of b does not run. Become panics if b is one that Spawn
// would refuse: nil, or with a method that would never be called.
func (c *Context[M]) Become(b Behavior[M]) {
	if isNil(b) {
		panic("actor: Become: the behavior is nil")
	}
	if err := checkMethods(b); err != nil {
		panic("actor: Become: " + err.Error())
	}
	if c.has(returned) {
		panic("actor: the Context of " + c.PID().subject() + " is used after its end")
	}
	c.cell().setBehavior(b)
}
