package actor

import (
	"context"
	"reflect"
	"time"
)

// Instrument is how code that is no behavior sees what all actors of a [System] do, and
// hands on what belongs to a request: metrics, traces, a tenant. It is part of [Config].
// Any of its functions may be nil. They are called in this order:
//
//	Install once, before there is any actor
//	Send    in the sender, before a message is sent with a context: what it returns goes
//	        with the message, and nothing does if it is nil
//	Begin   in the receiver, before the handler: the handler's [Context] has the values of
//	        the context that it returns, until the handler has returned
//	End     in the receiver, after the handler
//
// [Call], [Ask], [AskTo], [Ref.SendContext] and the timers of a Context send with a context, and so
// do its Continue and what is made of these. [Ref.Send] has none: it carries nothing, and a
// trace ends there. A handler that calls another actor with its own Context goes on with
// the values that it was given, and so does a goroutine of [Context.Go].
//
// Begin and End are called for each handler whose message carries something of this
// instrument, and of the others for one in OneIn. What is not sampled costs next to nothing.
//
// The functions run on the goroutines of senders and receivers, many at once, and must be
// quick. One that panics, calls runtime.Goexit or, in a receiver, takes longer than five
// seconds has the whole instrument taken off for good, which is logged; the actor goes on.
// The exception is Send that calls Goexit or hangs: as with the methods of ctx, the sender
// bears that.
type Instrument struct {
	// Install is called by [NewSystem] with the new system, before there is any actor: the
	// place to [System.Observe] it from the first one on. NewSystem waits for it, five
	// seconds at most.
	Install func(sys *System)

	// Send returns what the message to the actor carries, or nil. If what happens takes
	// another shape than the context's values, it had better be small and flat: what a
	// handler sends on carries what Send returns then, and a chain of contexts would grow.
	Send func(ctx context.Context, s Sending) any

	// Begin returns a context of which only the values count, or nil for none. It must
	// derive it from ctx, which has those of the instruments before this one, and not from
	// the context of an actor.
	Begin func(ctx context.Context, h *Handling) context.Context

	// End is told what came of a handling. ctx is what Begin returned.
	End func(ctx context.Context, h *Handling)

	// OneIn says which handlings Begin and End are called for if the message carries
	// nothing of this instrument: one of so many, chosen at random. 0 means all of them,
	// and a negative number none. More than 2^30 counts as 2^30: a runner counts with 32 bits.
	OneIn int
}

// Sending tells what is about to be sent.
type Sending struct {
	To PID
	// By is "Call", "Ask", "AskTo", "SendContext" or "Continue"; "Timer" for a SendAfter, SetTimer
	// or After; or "Answer", for the message that will bring the answer to an AskTo.
	By string
}

// Handling tells of one call of a handler. The runner of an actor has one for all that it
// handles: it is to be read, not written, and only until the function that got it returns.
type Handling struct {
	PID      PID
	Handler  string        // "Receive", "Init", "Terminate", "HandleExit", "HandleDown", "HandleIdle", "After" or "Continue"
	Behavior reflect.Type  // of the user's behavior, also if that is a state machine; see [Wrapper]
	Message  reflect.Type  // of the message, the [Exit] or the [Down]; nil if there is none
	Carried  any           // what Send returned; nil if nothing
	Waited   time.Duration // since the message was sent; 0 if nothing is carried

	// Worked and Err are for End. Err is the reason that the handler ends its actor with: a
	// [*PanicError] if it panicked, nil if it ends nothing.
	Worked time.Duration
	Err    error

	began time.Duration // since the system was made
}

// Began returns when the handler began.
func (h *Handling) Began() time.Time {
	if h.PID.p == nil { // made by hand
		return time.Time{}
	}
	return h.PID.p.sys.born.Add(h.began)
}

// Sent returns when the message was sent, the zero time if nothing is carried.
func (h *Handling) Sent() time.Time {
	if h.Carried == nil {
		return time.Time{}
	}
	return h.Began().Add(-h.Waited)
}

// Wrapper is a [Behavior] that runs something of another type for its users, as a state
// machine does. Instruments, [Info] and events show that type.
//
// Wrapped runs beside the handlers, too, as ActorLabel of a [Labeler] does, and must be as
// careful.
type Wrapper interface {
	Wrapped() reflect.Type
}

// Carry returns an [Instrument] that hands on the values which a context has for keys, such
// as a tenant or the number of a request: from the context that a message is sent with to
// that of its handler, and so on from there. It carries nothing if there is none.
func Carry(keys ...any) Instrument {
	return Instrument{
		OneIn: -1,
		Send: func(ctx context.Context, _ Sending) any {
			var values []any
			for i, key := range keys {
				if v := ctx.Value(key); v != nil {
					if values == nil {
						values = make([]any, len(keys))
					}
					values[i] = v
				}
			}
			if values == nil {
				return nil
			}
			return values
		},
		Begin: func(ctx context.Context, h *Handling) context.Context {
			return &carriedValues{ctx, keys, h.Carried.([]any)}
		},
	}
}

// carriedValues is a context with the values that [Carry] handed on.
type carriedValues struct {
	context.Context
	keys, values []any
}

func (c *carriedValues) Value(key any) any {
	for i, k := range c.keys {
		if k == key && c.values[i] != nil {
			return c.values[i]
		}
	}
	return c.Context.Value(key)
}
