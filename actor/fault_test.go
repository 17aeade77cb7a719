package actor_test

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"

	"github.com/troupe-go/troupe/actor"
)

// fault is a way in which what an actor calls can fail, or end.
type fault struct {
	name   string
	fail   func() error
	thrown bool // it does not return
	end    end  // of an actor one of whose handlers does it
}

// end is what can be seen of an exit reason: its type and text, and the verdict on it.
type end struct {
	reason string
	crash  bool
}

func (e end) String() string {
	if e.crash {
		return e.reason + " (a crash)"
	}
	return e.reason
}

func endOf(reason error, crash bool) end { return end{fmt.Sprintf("%T %v", reason, reason), crash} }

var (
	endNormal   = endOf(actor.Normal, false)
	endShutdown = endOf(actor.Shutdown, false)
	endKill     = endOf(actor.Kill, true)
	endKilled   = endOf(actor.Killed, true)
	endBoom     = endOf(errBoom, true)
	endNoProc   = endOf(actor.NoProc, true)
	endGoexit   = endOf(actor.Goexit, true)
)

// Errors that are no trouble to make, and much to use.
type (
	failingError  struct{}        // Error panics
	failingIs     struct{}        // Is does
	failingUnwrap struct{}        // Unwrap does
	leavingError  struct{}        // Error calls runtime.Goexit
	anyError      struct{}        // is everything
	listError     []string        // cannot be compared
	boxError      struct{ v any } // nor can this, with what is in it
	calmError     struct{ _ int } // a nil pointer to it is as good as any
)

func (failingError) Error() string  { panic("Error") }
func (failingIs) Error() string     { return "failing Is" }
func (failingIs) Is(error) bool     { panic("Is") }
func (failingUnwrap) Error() string { return "failing Unwrap" }
func (failingUnwrap) Unwrap() error { panic("Unwrap") }
func (leavingError) Error() string  { runtime.Goexit(); return "" }
func (anyError) Error() string      { return "any" }
func (anyError) Is(error) bool      { return true }
func (listError) Error() string     { return "list" }
func (boxError) Error() string      { return "box" }
func (*calmError) Error() string    { return "calm" }

// reasonCase is an exit reason, and what is to be seen of it.
type reasonCase struct {
	err error
	end end
}

var unusable = func(text string) end { return end{"*actor.ReasonError " + text, true} }

// reasons are those whose methods do not call Goexit.
var reasons = []reasonCase{
	{actor.Normal, endNormal},
	{actor.Shutdown, endShutdown},
	{fmt.Errorf("bye: %w", actor.Shutdown), end{"*fmt.wrapError bye: shutdown", false}},
	{errors.Join(errBoom, actor.Shutdown), end{"*errors.joinError boom\nshutdown", false}},
	{actor.Kill, endKill},
	{actor.Killed, endKilled},
	{actor.NoProc, endNoProc},
	{actor.Ignore, endOf(actor.Ignore, true)},
	{errBoom, endBoom},
	{(*fs.PathError)(nil), unusable("a nil *fs.PathError as an error: panic: runtime error: invalid memory address or nil pointer dereference")},
	{failingError{}, unusable("an error of type actor_test.failingError whose methods fail: panic: Error")},
	{failingIs{}, unusable("an error of type actor_test.failingIs whose methods fail: panic: Is")},
	{failingUnwrap{}, unusable("an error of type actor_test.failingUnwrap whose methods fail: panic: Unwrap")},
	{anyError{}, end{"actor_test.anyError any", false}},
	{listError{"x"}, end{"actor_test.listError list", true}},
	{boxError{[]int{1}}, end{"actor_test.boxError box", true}},
	{(*calmError)(nil), end{"*actor_test.calmError calm", true}},
}

// returned are the faults that return, thrown those that do not.
var returned, thrown, faults = func() (returned, thrown, all []fault) {
	for _, r := range reasons {
		returned = append(returned, fault{"return " + r.end.reason, func() error { return r.err }, false, r.end})
	}
	throw := func(name string, f func(), e end) {
		thrown = append(thrown, fault{name, func() error { f(); return nil }, true, e})
	}
	panics := func(v any, text string) {
		throw(fmt.Sprintf("panic(%T)", v), func() { panic(v) }, end{"*actor.PanicError panic: " + text, true})
	}
	panics("ouch", "ouch")
	panics(actor.Stop, "normal")
	panics((*fs.PathError)(nil), "<nil>")
	panics(failingError{}, "%!v(PANIC=Error method: Error)")
	panics(leavingError{}, "actor_test.leavingError, whose text cannot be made")
	panics(nil, new(runtime.PanicNilError).Error())
	throw("Goexit", runtime.Goexit, endGoexit)
	throw(returnsGoexit, func() {}, endGoexit)
	thrown[len(thrown)-1].fail = func() error { return leavingError{} }
	return returned, thrown, slices.Concat(returned, thrown)
}()

// returnsGoexit is the name of the one among the thrown that needs a return value.
const returnsGoexit = "return an error that calls Goexit"
