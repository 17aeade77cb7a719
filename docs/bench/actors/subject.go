// Package actors is the suite that measures actors: Troupe, goroutines with raw
// channels, and other libraries for Go, all with the same workloads.
//
// Each library has a file that puts [System] into its terms, in the way that its
// own documentation and benchmarks recommend; comments say where. The file holds
// no timing: that is the same code for all.
package actors

import (
	"errors"
	"fmt"
)

// A Subject is something that can be measured.
type Subject struct {
	Name  string
	Start func() (System, error)
}

// Subjects are all there are, in the order of the tables' columns.
var Subjects = []Subject{channels, troupe, ergoSubject, hollywoodSubject, protoactorSubject, goaktSubject, sutureSubject}

// Message is what actors are sent: two words, of which the first changes from
// message to message, so that an API that takes any has to allocate a box, as it
// would in a program.
type Message struct{ N, M int64 }

// A System runs actors for the workloads. Its methods start actors that then
// stay until Stop; those that the caller gets a function for may be used again
// and again.
type System interface {
	// Sink starts an actor that reports each message to t. The function sends
	// it one, and may be called from any goroutine.
	Sink(t *Tally) (send func(n int64), err error)
	// PingPong starts two actors. The function has them throw a ball to and fro
	// that many times; then t is told once.
	PingPong(t *Tally) (serve func(rounds int), err error)
	// Echo starts an actor that answers each request with the number in it.
	// The function makes a request from outside of any actor, and waits.
	Echo() (call func(n int64) (int64, error), err error)
	// Spawn starts n actors that wait for messages, and keeps what is needed to
	// send to them.
	Spawn(n int) error
	// SpawnStop starts n actors, then stops them, and returns when all have ended.
	SpawnStop(n int) error
	// FanOut starts n actors that call handled for each message. The function
	// sends one to the i-th.
	FanOut(n int, handled func()) (send func(i int, n int64), err error)
	// Ring starts n actors that each know the next. The function sends a message
	// round that makes that many hops; then t is told once.
	Ring(n int, t *Tally) (start func(hops int), err error)
	// Restart starts an actor under a supervisor that restarts it whatever
	// happens. ready is called when an incarnation of it can take messages.
	// The function sends it a message that it fails of, by a panic or by
	// an orderly error.
	Restart(ready func()) (crash func(panics bool) error, err error)
	// Stop ends everything. No goroutine of the system may be left.
	Stop() error
}

// A Tally counts what one actor handles. As actors handle one message at a time
// it needs no lock.
type Tally struct {
	left int
	done chan struct{}
}

// NewTally returns a tally that expects nothing yet.
func NewTally() *Tally { return &Tally{done: make(chan struct{}, 1)} }

// Expect says how many messages Wait is to wait for. They are sent after it.
func (t *Tally) Expect(n int) { t.left = n }

// Handled counts one.
func (t *Tally) Handled() {
	if t.left--; t.left == 0 {
		t.done <- struct{}{}
	}
}

// Wait waits until all that are expected have been handled.
func (t *Tally) Wait() { <-t.done }

// errNoError is the error of a function that is to make an actor fail of an error,
// in a library whose actors fail by panics only.
var errNoError = fmt.Errorf("actors fail by a panic only: %w", errors.ErrUnsupported)

// errBoom is what actors fail with.
var errBoom = errors.New("boom")

// unsupported is embedded by systems that have no counterpart to some workloads.
type unsupported struct{}

func (unsupported) Sink(*Tally) (func(int64), error)             { return nil, errors.ErrUnsupported }
func (unsupported) PingPong(*Tally) (func(int), error)           { return nil, errors.ErrUnsupported }
func (unsupported) Echo() (func(int64) (int64, error), error)    { return nil, errors.ErrUnsupported }
func (unsupported) Spawn(int) error                              { return errors.ErrUnsupported }
func (unsupported) SpawnStop(int) error                          { return errors.ErrUnsupported }
func (unsupported) FanOut(int, func()) (func(int, int64), error) { return nil, errors.ErrUnsupported }
func (unsupported) Ring(int, *Tally) (func(int), error)          { return nil, errors.ErrUnsupported }
func (unsupported) Restart(func()) (func(panics bool) error, error) {
	return nil, errors.ErrUnsupported
}
