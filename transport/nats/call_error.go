package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// CallError is the error of a [Method] that got no value, and wraps the cause. [Method.Call]
// says which there are. It is the same for an actor of this node and for one of another.
type CallError struct {
	Method string
	To     string // the callee
	Err    error
	Ended  bool // the callee has ended meanwhile, and Err is its exit reason
}

func (e *CallError) Error() string {
	if e.Ended {
		return fmt.Sprintf("nats: call %q of %s: it ended: %v", e.Method, e.To, e.Err)
	}
	return fmt.Sprintf("nats: call %q of %s: %v", e.Method, e.To, e.Err)
}

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Err }

// RemoteError is what an actor of another node has answered with, or ended with: its text, of
// which the first 4 KiB have come. It wraps one of the errors that keep their identity: those
// of [Method.Errors], and of package actor and package context.
type RemoteError struct {
	Text string

	is error // nil if it is none of these
}

func (e *RemoteError) Error() string { return e.Text }

// Unwrap returns the error that has kept its identity, or nil.
func (e *RemoteError) Unwrap() error { return e.is }

// Errors of calls to other nodes. They come wrapped with context.
var (
	// ErrNoMethod says that the callee's node does not serve the method.
	ErrNoMethod = errors.New("its node does not serve this method")
	// ErrVersion says that the callee's node speaks another version of the protocol.
	ErrVersion = errors.New("its node speaks another version")
	// ErrTooLarge says that a request or an answer is larger than NATS takes.
	ErrTooLarge = errors.New("larger than NATS takes")
)

var (
	errNobodyThere = fmt.Errorf("%w: %w", actor.NoProc, ErrNoConnection)
	errNotSent     = fmt.Errorf("not sent: %w", ErrNoConnection)
	errNotOpen     = fmt.Errorf("its node does not know the call (any more): %w", ErrNoConnection)
	errGone        = fmt.Errorf("its node has shut down: %w", ErrNoConnection)
	errCannotRead  = errors.New("its node cannot read the request")
)

// classes are the errors that have a name on the wire. It must not change.
var classes = []struct {
	name string
	err  error
}{
	{"normal", actor.Normal},
	{"shutdown", actor.Shutdown},
	{"killed", actor.Killed},
	{"goexit", actor.Goexit},
	{"noproc", actor.NoProc},
	{"full", actor.ErrFull},
	{"deadline", context.DeadlineExceeded},
	{"canceled", context.Canceled},
	{"overloaded", pubsub.ErrOverloaded},
	{"toolarge", ErrTooLarge},
	{"nomethod", ErrNoMethod},
	{"version", ErrVersion},
	{"gone", errGone},
	{"encoding", pubsub.ErrEncoding}, // before the next one, which comes with it
	{"unreadable", errCannotRead},
}

// ownClass begins the class of an error of [Method.Errors], which is its text.
const ownClass = "error:"

// failure returns the reply that tells of err. It calls methods of err, which are users' code.
func failure(o outcome, err error, own []error) reply {
	r := reply{outcome: o, text: cut(err.Error())}
	if _, panicked := errors.AsType[*actor.PanicError](err); panicked {
		return r // whatever value it is: nobody has returned that
	}
	for _, e := range own {
		if e != nil && errors.Is(err, e) {
			r.class = ownClass + e.Error()
			return r
		}
	}
	for _, c := range classes {
		if errors.Is(err, c.err) {
			r.class = c.name
			return r
		}
	}
	return r
}

// refusal returns the reply of a node that does not carry a request out. The error is not from
// users' code.
func refusal(err error) reply { return failure(refused, err, nil) }

// err returns the error that a reply tells of.
func (r reply) err(own []error) error {
	is := known(r.class, own)
	if is != nil && (r.text == "" || r.text == is.Error()) {
		return is
	}
	return &RemoteError{Text: cut(r.text), is: is}
}

func known(class string, own []error) error {
	if text, ok := strings.CutPrefix(class, ownClass); ok {
		for _, e := range own {
			if e != nil && e.Error() == text {
				return e
			}
		}
		return nil
	}
	for _, c := range classes {
		if c.name == class {
			return c.err
		}
	}
	return nil
}

// maxText is how much of an error's text travels.
const maxText = 4 << 10

func cut(s string) string {
	if len(s) > maxText {
		s = s[:maxText-len("…")] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
