package supervisor

import (
	"context"
	"fmt"

	"github.com/troupe-go/troupe/actor"
)

// ending is the reason of a supervisor that has ended by itself. It counts as
// [actor.Shutdown] and says because of which child.
//
// Its text is made once, and it does not wrap the cause. The methods of the cause are a
// user's; those of an exit reason are called where nothing may fail or block.
type ending struct {
	text  string
	cause error // the reason of the child's last end, or why it did not start
}

func (e *ending) Error() string { return e.text }

func (e *ending) Unwrap() error { return actor.Shutdown }

// newEnding returns the ending because of a child. What was the matter with it, and the
// cause of that, complete the text.
func newEnding(self actor.Self, child, matter string, cause error) *ending {
	if f, ok := cause.(*startFailure); ok {
		cause = f.error
	}
	return &ending{fmt.Sprintf("child %s: %s: %s", child, matter, textOf(self, cause)), cause}
}

// root returns the cause of the trouble, which may lie with a child of a child.
func (e *ending) root() error {
	for {
		below, ok := e.cause.(*ending)
		if !ok {
			return e.cause
		}
		e = below
	}
}

// textOf returns the text of an error whose Error method may be a user's. One that does
// not return within a second is left alone.
func textOf(self actor.Self, err error) string {
	if e, ok := err.(*ending); ok {
		return e.text
	}
	ctx, cancel := context.WithTimeout(self, hookPatience)
	defer cancel()
	var text string // not to be read if the call is left alone
	if actor.Guard(ctx, func() error { text = err.Error(); return nil }) != nil {
		return fmt.Sprintf("an error of type %T", err)
	}
	return text
}
