package statem

import "context"

// event is something for a machine to handle.
type event[M any] struct {
	kind    Kind
	message M
	signal  any             // an actor.Exit or actor.Down; nil for everything else
	values  context.Context // of a postponed event: what its message brought along
}
