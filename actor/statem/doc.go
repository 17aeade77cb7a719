// Package statem is for actors that are state machines: gen_statem of OTP, typed.
//
// A connection, a lock, a login in several steps does with an event what its
// state says. By hand that takes a field for the state, timers that must be
// stopped on every way out of it, and lists of what came too early. Here a
// [Machine] has a handler which is given the state and the event, and returns the
// next state; timeouts end with the state that they belong to, and an event that
// comes too early is postponed.
//
//	type door struct{ code string }
//
//	func (d *door) Handle(c *statem.Context[State, Msg], state State, m Msg) (State, error) {
//		switch m := m.(type) {
//		case Enter:
//			if state == Locked && m.Code == d.code {
//				c.SetTimeout(statem.StateTimeout, 10*time.Second, Close{})
//				return Open, nil
//			}
//		case Close:
//			return Locked, nil
//		}
//		return state, nil
//	}
//
//	ref, err := actor.Spawn(sys, func() actor.Behavior[Msg] { return statem.New(&door{code: "1234"}) })
//
// The actor is like any other: it is sent messages, called, linked, supervised,
// and its mailbox can be bounded. The [Context] is that of the actor, with more
// methods.
//
// # State and data
//
// The state is a value of the comparable type S, and decides what the machine does. What
// else it knows, its data, is in its own fields. State belongs in S if to change it
// should cancel the state timeout, run Enter and bring postponed events back; the digits
// typed so far do not. S may well be a struct: for example a login's {Step, Attempt}.
//
// To return the state that the handler was given, or an equal one, is to keep
// it: nothing is entered, and nothing is brought back.
//
// A machine of many states is easier to read with a method for each state, and a
// Handle that picks one:
//
//	func (d *door) Handle(c *Context, state State, m Msg) (State, error) {
//		switch state {
//		case Open:
//			return d.open(c, m)
//		default:
//			return d.locked(c, m)
//		}
//	}
//
// # The first state, and entering a state
//
// The first state is the zero value of S, or what Init returns, for a machine that
// is an [Initializer]. A machine that is an [Enterer] is told of each state that
// it enters, the first one included: there belongs what has to happen however the
// state was reached, such as to set its timeout. [Context.RepeatState] enters the
// present state once more.
//
// # Events
//
// All events are of the type M: messages, the machine's own and timeouts alike.
// [Context.Kind] tells them apart. A machine that must be sure that nobody else
// made an event looks at its kind; often it is enough to give the events that are
// its own unexported types.
//
// [Context.NextEvent] inserts an event, of kind [Internal], to be handled next.
// One handler can so leave the rest to another. [Context.NextEventOf] inserts one of
// another kind: what a machine takes out of a frame, say, as a message.
//
// Exits that the machine traps and the ends of actors that it monitors are events
// of kind [Signal]; they go to [ExitHandler] and [DownHandler], which may change
// the state, or postpone, as Handle may.
//
// # Postponing
//
// [Context.Postpone] keeps an event that cannot be handled in this state. When the
// state has changed, it is handled again, as if it had just come. Selective
// receive, which typed mailboxes cannot have, is this. A call that is postponed
// waits for its answer meanwhile.
//
// # Timeouts
//
// A timeout is an event that the machine sets for later, with
// [Context.SetTimeout]. Its kind says what cancels it:
//
//   - [StateTimeout]: a change of state.
//   - [EventTimeout]: any event.
//   - Any other name: nothing but [Context.CancelTimeout].
//
// There is at most one timeout of each kind; to set it again replaces it. A
// timeout that was cancelled or replaced is never delivered, not even if its time
// had run out before and it was waiting in the mailbox.
//
// A timeout of 0 needs no timer: it is handled when nothing else goes ahead of
// the mailbox. [Context.SetTimeoutAt] sets one for a moment, such as a deadline, and
// [Context.TimeLeft] tells how long one has yet to run.
//
// # What happens after a handler
//
// When a handler has returned, in this order:
//
//   - The state is the new one, and Enter runs if the state has changed or is
//     repeated.
//   - The event is kept, if it was postponed.
//   - If the state has changed, its timeout is cancelled and all postponed events
//     are put back, ahead of the mailbox, oldest first.
//   - The inserted events are put ahead of those, in the order in which they were
//     inserted.
//   - Timeouts are set, updated and cancelled, in the order in which the handler,
//     and then Enter, asked for it.
//
// So the next event is the first that there is of these: an inserted one, one that was
// postponed, a timeout of 0, one from the mailbox.
//
// An answer is not on the list: [actor.Reply] answers when its Send is called,
// before Enter, and before Terminate if the handler ends the machine.
//
// # The end
//
// An error from any handler ends the machine with that reason, [actor.Stop] with
// reason normal. [Terminator] is told, by the rules of [actor.Terminator]. An
// actor that is started again by its supervisor is a new machine in its first
// state; postponed events are lost, and calls among them fail.
//
// # From outside
//
// [Inspect] shows a running machine's state and data, and [Replace] puts others in
// their place, which is no change of state.
//
// # Coming from gen_statem
//
//	handle_event(Type, Content, State, Data)  Handle(c, state, event), c.Kind()
//	{next_state, New, Data, Actions}          methods of c, return New, nil
//	keep_state                                return state, nil
//	repeat_state                              c.RepeatState()
//	stop, {stop, Reason}                      return state, actor.Stop; return state, reason
//	{stop_and_reply, Reason, Replies}         reply.Send(v), return state, reason
//	state_enter, (enter, Old)                 Enter(c, old, state)
//	postpone                                  c.Postpone()
//	{next_event, internal, E}                 c.NextEvent(e)
//	{next_event, Type, E}                     c.NextEventOf(kind, e)
//	{reply, From, R}                          reply.Send(r)
//	{state_timeout, T, E}                     c.SetTimeout(statem.StateTimeout, t, e)
//	{timeout, T, E}                           c.SetTimeout(statem.EventTimeout, t, e)
//	{{timeout, Name}, T, E}                   c.SetTimeout(name, t, e)
//	{Timeout, T, E, [{abs, true}]}            c.SetTimeoutAt(kind, t, e)
//	{Timeout, cancel}, infinity               c.CancelTimeout(kind)
//	{Timeout, update, E}                      c.UpdateTimeout(kind, e)
//	change_callback_module                    c.Become(m)
//	info 'EXIT', 'DOWN'                       HandleExit, HandleDown
//	sys:get_state, sys:replace_state          statem.Inspect, statem.Replace
//
// What is different: calls, casts and infos are all of kind [Message]; an exit or a
// down is not inserted, for HandleExit and HandleDown can be called; an enter call may
// not repeat its state. A timeout that one handler sets and then updates is both;
// gen_statem looks at the last action only. An absolute time that has passed is a
// timeout of 0; in gen_statem it goes through the mailbox.
package statem
