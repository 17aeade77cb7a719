package registry

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/troupe-go/troupe/actor"
)

// ErrType says that the actor under a key takes messages of another type than
// the one asked for. It comes wrapped with context.
var ErrType = errors.New("its messages are of another type")

// Lookup returns the typed address of the actor under key. It fails with an error
// that wraps [actor.NoProc] if there is none or it is dead, and with one that
// wraps [ErrType] if its messages are not of type M.
//
// Look a key up for each use, rather than keep the ref: an actor that was
// restarted is another one.
func Lookup[M any, K comparable](r *Registry[K], key K) (actor.Ref[M], error) {
	pid, ok := r.WhereIs(key)
	if !ok {
		return actor.Ref[M]{}, fmt.Errorf("registry: look up %s: %w", quoted(key), actor.NoProc)
	}
	return refOf[M](key, pid)
}

func refOf[M, K any](key K, pid actor.PID) (actor.Ref[M], error) {
	ref, ok := actor.RefOf[M](pid)
	if !ok {
		return ref, fmt.Errorf("registry: look up %s as an actor of %v: %w", quoted(key), reflect.TypeFor[M](), ErrType)
	}
	return ref, nil
}

// LookupOrStart returns the actor under key. If there is none it calls newActor,
// which spawns one, registers what that returns, and returns it; an actor that is spawned
// with [Registry.As], or has registered itself, is fine, too. Callers that come while newActor runs
// wait for it and get the same actor, or the same error.
//
// It fails with what newActor returned, with an error that wraps [ErrType] if the
// actor's messages are not of type M, with one that wraps [actor.NoProc] if the
// new actor has ended already, and with ctx's error if a caller had to wait for
// another's newActor for too long. If newActor panics or calls runtime.Goexit, the
// callers that wait call their own. One that never returns holds up the callers that want
// the key, each until its ctx is done, and no others. LookupOrStart panics if newActor is
// nil.
//
// An actor that asks for its own key in its Init, before it has registered itself,
// waits for itself. If Register gives the key to another actor while newActor runs, that
// one keeps it and is returned, and the new one gets an exit signal with [actor.Shutdown].
func LookupOrStart[M any, K comparable](
	ctx context.Context, r *Registry[K], key K, newActor func() (actor.Ref[M], error),
) (actor.Ref[M], error) {
	if newActor == nil {
		panic("registry: LookupOrStart: newActor is nil")
	}
	pid, err := r.lookupOrStart(ctx, key, func() (actor.PID, error) {
		ref, err := newActor()
		return ref.PID(), err
	})
	if err != nil {
		return actor.Ref[M]{}, err
	}
	return refOf[M](key, pid)
}
