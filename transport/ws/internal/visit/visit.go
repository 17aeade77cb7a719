// Package visit is what packages wstest and ws agree on, for which programs have no
// use: the request of a test may let its client in unasked, and the test hears what has
// become of it.
package visit

import (
	"context"

	"github.com/troupe-go/troupe/actor"
)

// Visit is the part of a test's request that no network carries. I is the type of an
// identity. The endpoint writes Refused and Session before it answers the request. The
// methods work on nil, for all other requests.
type Visit[I any] struct {
	Identity *I        // of the client; nil: the socket decides
	Refused  error     // why the client was not let in
	Session  actor.PID // its socket actor, if it was
}

type key struct{}

// With returns the context of a request that carries v.
func With[I any](ctx context.Context, v *Visit[I]) context.Context {
	return context.WithValue(ctx, key{}, v)
}

// Of returns what the request with this context carries, or nil.
func Of[I any](ctx context.Context) *Visit[I] {
	v, _ := ctx.Value(key{}).(*Visit[I])
	return v
}

// As returns the identity that the client is let in with, unasked.
func (v *Visit[I]) As() (identity I, ok bool) {
	if v == nil || v.Identity == nil {
		return identity, false
	}
	return *v.Identity, true
}

// Refuse notes why the client was not let in.
func (v *Visit[I]) Refuse(why error) {
	if v != nil {
		v.Refused = why
	}
}

// Start notes the client's socket actor.
func (v *Visit[I]) Start(session actor.PID) {
	if v != nil {
		v.Session = session
	}
}
