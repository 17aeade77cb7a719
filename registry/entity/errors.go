package entity

import (
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/internal/quote"
)

var (
	errNotRunning = fmt.Errorf("the set is %w", actor.NoProc)
	errLeaving    = errors.New("it is on its way out")
	errNoHolder   = fmt.Errorf("its holder is %w", actor.NoProc)
)

// failure is why something could not be done with an entity. Its text is made when it is
// asked for: the key and the errors may have methods of users.
type failure struct {
	what string // was to be done
	set  string
	key  any
	err  error
	last error // why the entity did not run meanwhile, or nil
}

func (e *failure) Error() string {
	text := fmt.Sprintf("entity: %s %s %s: %v", e.what, e.set, quote.Key(e.key), e.err)
	if e.last != nil {
		text += fmt.Sprintf("; meanwhile: %v", e.last)
	}
	return text
}

// Unwrap returns what the text tells of.
func (e *failure) Unwrap() []error {
	if e.last == nil {
		return []error{e.err}
	}
	return []error{e.err, e.last}
}

// callError is the error of a call, told of the key: a PID says nothing to the caller.
type callError struct {
	set    string
	key    any
	failed *actor.CallError
}

func (e *callError) Error() string {
	ended := ""
	if e.failed.Ended {
		ended = "it ended: "
	}
	return fmt.Sprintf("entity: call %s %s: %s%v", e.set, quote.Key(e.key), ended, e.failed.Err)
}

// Unwrap returns what the call failed with.
func (e *callError) Unwrap() error { return e.failed }
