package statem

// Kind says where an event comes from. It is gen_statem's event type.
//
// Besides the kinds below there are those of generic timeouts: any other string
// is the name of one.
//
//	c.SetTimeout("retry", time.Second, Dial{})
//
// A timeout has the kind that it was set with. So a machine can tell its own
// timeouts and inserted events, which nobody else can make, from messages.
type Kind string

const (
	// Message is an event that somebody sent, with Send or Call.
	Message Kind = "statem.Message"

	// Internal is an event that the machine inserted itself, with
	// [Context.NextEvent].
	Internal Kind = "statem.Internal"

	// Signal is an exit that the machine trapped, or the end of an actor that it
	// monitors. It goes to [ExitHandler] and [DownHandler].
	Signal Kind = "statem.Signal"

	// StateTimeout is the timeout for being in one state: a change of state
	// cancels it. One that is set along with a change is for the new state.
	StateTimeout Kind = "statem.StateTimeout"

	// EventTimeout is the timeout for hearing nothing: any event cancels it, an
	// inserted or postponed one as well.
	EventTimeout Kind = "statem.EventTimeout"
)

// mustBeTimeout panics if k is not the kind of a timeout.
func (k Kind) mustBeTimeout() {
	switch k {
	case Message, Internal, Signal:
		panic("statem: " + string(k) + " is not the kind of a timeout")
	}
}
