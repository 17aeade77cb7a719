package statem

import (
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Context is a state machine as its own handlers see it. It is the [actor.Context] of its
// actor, whose methods and rules all hold. Its own methods ask for more than a change of
// state; gen_statem calls that transition actions. They take effect when the handler has
// returned nil, in the order that the package documentation gives. They panic if they are
// called outside of a handler.
//
// A machine postpones events where a plain actor would Stash them, and sets
// timeouts where that would use SetTimer or IdleAfter.
type Context[S comparable, M any] struct {
	*actor.Context[M]

	machine Machine[S, M] // see setMachine
	flow    flow[S, M]
	now     transition[S, M] // the one under way
	phase   phase
	shown   sync.Mutex
}

// setMachine sets the machine under the lock under which others look at its type.
func (c *Context[S, M]) setMachine(m Machine[S, M]) {
	c.shown.Lock()
	c.machine = m
	c.shown.Unlock()
}

// phase says which handler runs, for what may be asked for differs.
type phase uint8

const (
	handling phase = 1 << iota // of an event; and Terminate, whose requests come to nothing
	starting                   // Init
	entering                   // Enter
)

func (p phase) String() string {
	switch p {
	case starting:
		return "in Init"
	case entering:
		return "in Enter"
	}
	return "outside of a handler"
}

// only panics if the machine is in another phase than those allowed: what was
// asked for would be lost, or break the order of events.
func (c *Context[S, M]) only(allowed phase, method string) {
	if c.phase&allowed == 0 {
		panic("statem: " + method + " " + c.phase.String())
	}
}

// Kind returns the kind of the event that is being handled, in Enter of the one
// that led there. In Init, and in the Enter after it, it is [Internal].
func (c *Context[S, M]) Kind() Kind { return c.now.event.kind }

// Postpone keeps the event that is being handled for the next change of state:
// then it is handled again, before everything that waits in the mailbox, and
// after events that were postponed earlier. A call that is postponed goes on
// waiting for its reply.
//
// The machine ends with an error that wraps [actor.ErrFull] when it postpones
// its 100,001st event. The mailbox's limit does not count postponed events.
//
// OTP: postpone.
func (c *Context[S, M]) Postpone() {
	c.only(handling, "Postpone")
	c.now.postpone = true
	c.now.event.values = actor.Values(c)
}

// NextEvent inserts an event, of kind [Internal]: it is handled after this one,
// before events that were postponed and before everything that waits in the
// mailbox. Events that one handler inserts are handled in the order in which it
// inserted them.
//
// OTP: {next_event, internal, Content}.
func (c *Context[S, M]) NextEvent(m M) {
	c.only(handling|starting, "NextEvent")
	c.insert(event[M]{kind: Internal, message: m})
}

// NextEventOf is NextEvent with another kind: the event is handled as if it had come
// that way. A machine that takes a frame apart inserts what is in it as [Message], so
// that it is handled, and postponed, as what others send; a call keeps the
// [actor.Reply] that is in it. An inserted timeout is an event and no timeout: it
// leaves the timeout of that kind alone, and nothing cancels it. NextEventOf panics
// if kind is [Signal], for signals are no M.
//
// OTP: {next_event, EventType, Content}.
func (c *Context[S, M]) NextEventOf(kind Kind, m M) {
	c.only(handling|starting, "NextEventOf")
	if kind == Signal {
		panic("statem: an event of kind " + string(kind) + " cannot be inserted")
	}
	c.insert(event[M]{kind: kind, message: m})
}

func (c *Context[S, M]) insert(e event[M]) { c.now.inserted = append(c.now.inserted, e) }

// RepeatState has [Enterer] called even if the state stays the same, which then
// is the old state, too. Otherwise it is not a change of state: postponed events
// and the state timeout stay.
//
// OTP: repeat_state.
func (c *Context[S, M]) RepeatState() {
	c.only(handling, "RepeatState")
	c.now.repeat = true
}

// SetTimeout makes m an event of the given kind after d, in place of the timeout
// of that kind that is running. Kind is [StateTimeout], [EventTimeout] or, for
// a generic timeout, which only its own kind cancels, any name. SetTimeout panics
// if kind is [Message], [Internal] or [Signal].
//
// If d is 0 or less there is no timer: m is handled after what is inserted and
// what is put back from being postponed, before everything that waits in the
// mailbox. So an event timeout of 0 occurs only if nothing has been inserted or
// put back.
//
// OTP: {state_timeout, T, Content}, {timeout, T, Content}, {{timeout, Name}, T, Content}.
func (c *Context[S, M]) SetTimeout(kind Kind, d time.Duration, m M) {
	c.change("SetTimeout", timeoutChange[M]{op: setTimeout, kind: kind, d: d, message: m})
}

// SetTimeoutAt is SetTimeout for a moment instead of a duration, so that neither the
// time that the handler takes nor that of an earlier one is added. A moment that has
// passed is a timeout of 0. The zero time is never: it cancels, so that the time of a
// deadline that there may not be can be given as it is.
//
// Like all timers of Go, it does not follow the wall clock when that is set.
//
// OTP: {Timeout, Time, Content, [{abs, true}]}.
func (c *Context[S, M]) SetTimeoutAt(kind Kind, at time.Time, m M) {
	change := timeoutChange[M]{op: setTimeoutAt, kind: kind, at: at, message: m}
	if at.IsZero() {
		change.op = cancelTimeout
	}
	c.change("SetTimeoutAt", change)
}

// TimeLeft returns how long it is until the timeout of that kind is due, and reports
// whether one is running. It is 0 for one whose time has run out, and which waits for
// its turn. What the present handler has asked for does not count yet; in Enter, the
// state timeout is still that of the old state. TimeLeft panics if kind is that of no
// timeout.
//
// OTP: erlang:read_timer/1.
func (c *Context[S, M]) TimeLeft(kind Kind) (left time.Duration, running bool) {
	kind.mustBeTimeout()
	return c.flow.timeouts.left(kind)
}

// UpdateTimeout makes m the event of the timeout of that kind that is running;
// its time stays. If there is none, m is handled as after a timeout of 0.
//
// OTP: {Timeout, update, Content}.
func (c *Context[S, M]) UpdateTimeout(kind Kind, m M) {
	c.change("UpdateTimeout", timeoutChange[M]{op: updateTimeout, kind: kind, message: m})
}

// CancelTimeout takes the timeout of that kind down, if it is running. It will
// not be delivered, even if its time has run out already.
//
// OTP: {Timeout, cancel}, and a time of infinity.
func (c *Context[S, M]) CancelTimeout(kind Kind) {
	c.change("CancelTimeout", timeoutChange[M]{op: cancelTimeout, kind: kind})
}

func (c *Context[S, M]) change(method string, t timeoutChange[M]) {
	c.only(handling|starting|entering, method)
	t.kind.mustBeTimeout()
	c.now.timeouts = append(c.now.timeouts, t)
}

// Become hands the state, and all events and timeouts to come, to another
// machine, at once: an enter call that is due goes to m. Its Init does not run.
// The present machine can be kept, to go back to. It takes the place of
// [actor.Context.Become]. Become panics if m is one that [New] refuses.
//
// OTP: {change_callback_module, Module}.
func (c *Context[S, M]) Become(m Machine[S, M]) {
	c.only(handling|starting, "Become")
	if isNil(m) {
		panic("statem: Become: the machine is nil")
	}
	if err := checkMethods(m); err != nil {
		panic("statem: Become: " + err.Error())
	}
	c.setMachine(m)
}
