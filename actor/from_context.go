package actor

import "context"

// FromContext returns the actor that ctx belongs to: the one whose [Context] it
// is, or is derived from. It reports false if there is none, as for the context
// that [Context.Go] hands out, which is that of a helper and not of the actor.
func FromContext(ctx context.Context) (PID, bool) {
	p := caller(ctx)
	return PID{p}, p != nil
}
