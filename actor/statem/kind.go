package statem

// Kind says where an event comes from.
//
// Besides the kinds below there are those of generic timeouts: any other string
// is the name of one.
//
//	c.SetTimeout("retry", time.Second, Dial{})
//
// A timeout has the kind that it was set with. Only the machine itself makes
// events of other kinds than Message and Signal, so it can tell its own from those of
// others.
//
// OTP: gen_statem's event_type().
type Kind string

const (
	// Message is an event that was sent, with Send or Call, or that the machine
	// inserted as such, with [Context.NextEventOf].
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
