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
//	func newDoor() *door { return &door{code: "1234"} }
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
//	ref, err := actor.Spawn(sys, statem.New(newDoor))
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
// # The first state, and entering a state
//
// The first state is the zero value of S, or what Init of an [Initializer] returns. An
// [Enterer] is told of each state that it enters, the first one included: there belongs
// what has to happen however the state was reached, such as to set its timeout.
//
// # Events
//
// All events are of the type M: messages, the machine's own and timeouts alike;
// [Context.Kind] tells them apart. [Context.NextEvent] inserts one to be handled next.
// [Context.Postpone] keeps one that cannot be handled in this state until the state has
// changed: selective receive, which typed mailboxes cannot have. Trapped exits and the
// ends of monitored actors go to [ExitHandler] and [DownHandler].
//
// # Timeouts
//
// A timeout is an event that [Context.SetTimeout] sets for later. There is at most one of
// each kind, and its kind says what cancels it: a change of state for [StateTimeout], any
// event for [EventTimeout], and only [Context.CancelTimeout] for any other name. One that
// was cancelled or replaced is never delivered, even if its time had run out already.
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
// An error from any handler ends the machine with that reason, [actor.Stop] with reason
// normal. A machine that its supervisor starts again is in its first state; postponed
// events are lost, and calls among them fail. [Inspect] and [Replace] look into one that
// runs.
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
//	sys:trace, sys:log                        PID.Trace, PID.KeepLog
//
// This is different:
//
//   - Calls, casts and infos are all of kind [Message].
//   - An exit or a down is not inserted: HandleExit and HandleDown can be called.
//   - An enter call may not repeat its state.
//   - A timeout that one handler sets and then updates is both. gen_statem looks at the
//     last action only.
//   - An absolute time that has passed is a timeout of 0. In gen_statem it goes through the
//     mailbox.
//
// # Examples
//
// The tests run these files:
//
//   - example_test.go: a code lock, with a state timeout and an enter call;
//   - example_postpone_test.go: a connection that postpones requests until it is up;
//   - example_retry_test.go: attempts with longer and longer waits;
//   - example_insert_test.go: packets that are taken apart into events;
//   - example_deadline_test.go: timeouts for a moment;
//   - example_replace_test.go: a look into a machine, and another state for it.
//
// The guide docs/guide/statem.md goes through them.
package statem
