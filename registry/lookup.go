package registry

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/internal/quote"
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
		return actor.Ref[M]{}, fmt.Errorf("registry: look up %s: %w", quote.Key(key), actor.NoProc)
	}
	return refOf[M](key, pid)
}

func refOf[M, K any](key K, pid actor.PID) (actor.Ref[M], error) {
	ref, ok := actor.RefOf[M](pid)
	if !ok {
		return ref, fmt.Errorf("registry: look up %s as an actor of %v: %w", quote.Key(key), reflect.TypeFor[M](), ErrType)
	}
	return ref, nil
}
