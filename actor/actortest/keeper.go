package actortest

import (
	"fmt"

	"github.com/troupe-go/troupe/actor"
)

// keeper is the behavior of a probe: it puts what comes into the inbox.
type keeper[M any] struct {
	Inbox[arrival]
	ctx     *actor.Context[M]  // for the actor's goroutine
	watched map[actor.PID]bool // for the test's goroutine
}

// arrival is what has come to a probe: a message, a down or an exit.
type arrival interface{ String() string }

type (
	message[M any] struct{ it M }
	down           actor.Down
	exit           actor.Exit
)

func isMessage[M any](a arrival) bool { _, ok := a.(message[M]); return ok }

// Init implements [actor.Initializer].
func (k *keeper[M]) Init(ctx *actor.Context[M]) error {
	k.ctx = ctx
	ctx.TrapExit(true)
	return nil
}

// Receive implements [actor.Behavior].
func (k *keeper[M]) Receive(_ *actor.Context[M], m M) error { k.Put(message[M]{m}); return nil }

// HandleDown implements [actor.DownHandler].
func (k *keeper[M]) HandleDown(_ *actor.Context[M], d actor.Down) error { k.Put(down(d)); return nil }

// HandleExit implements [actor.ExitHandler].
func (k *keeper[M]) HandleExit(_ *actor.Context[M], e actor.Exit) error { k.Put(exit(e)); return nil }

func (m message[M]) String() string { return show(m.it) }

func (d down) String() string { return fmt.Sprintf("down of %v: %v", label(d.PID), d.Reason) }

func (e exit) String() string { return fmt.Sprintf("exit of %v: %v", label(e.From), e.Reason) }

// show prints a message with its type, which is what tells messages apart.
func show(m any) string { return fmt.Sprintf("%T %+v", m, m) }
