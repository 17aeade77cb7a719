package statem

import (
	"context"

	"github.com/troupe-go/troupe/actor"
)

// event is something for a machine to handle.
type event[M any] struct {
	kind    Kind
	message M
	signal  any             // an actor.Exit or actor.Down; nil for everything else
	values  context.Context // of a postponed event: what its message brought along
}

// traced returns what a trace says of the event.
func (e *event[M]) traced() (actor.TraceKind, any) {
	switch e.signal.(type) {
	case actor.Exit:
		return actor.TraceExit, e.signal
	case actor.Down:
		return actor.TraceDown, e.signal
	}
	switch e.kind {
	case Message:
		return actor.TraceMessage, e.message
	case Internal:
		return actor.TraceInternal, e.message
	}
	return actor.TraceTimeout, e.message
}
