package nats

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
)

// Propagator takes values of a context to another node, in the headers of a message: the
// context of a trace, a tenant. Its methods are called from any goroutine, must be quick,
// and must not keep the header. One that panics costs the values, and is logged.
type Propagator interface {
	// Inject writes into the header, which is empty, what is to travel of ctx. It runs on the
	// caller's goroutine.
	Inject(ctx context.Context, header map[string][]string)

	// Extract returns a context that is derived from ctx and has the values that the header
	// tells of. Others can send a header, too: it is not to be trusted. Only the values count
	// of the context.
	Extract(ctx context.Context, header map[string][]string) context.Context
}

// inject returns the header for what is sent with ctx, nil if there is none.
func (x *exchange) inject(ctx context.Context) (header nats.Header) {
	if x.propagator == nil {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			header = nil
			x.log.Error("Inject of a Propagator failed", "node", x.node, "reason", actor.Recovered(v))
		}
	}()
	header = make(nats.Header)
	x.propagator.Inject(ctx, header)
	if len(header) == 0 {
		return nil
	}
	return header
}

// extract returns ctx with the values that the header of a message tells of.
func (x *exchange) extract(ctx context.Context, header nats.Header) context.Context {
	if x.propagator == nil || len(header) == 0 {
		return ctx
	}
	var values context.Context
	err := x.extracting.Call(ctx, func(context.Context) error {
		values = x.propagator.Extract(context.Background(), header)
		return nil
	})
	if err != nil {
		x.log.Error("Extract of a Propagator failed", "node", x.node, "reason", err)
		return ctx // values may still be written
	}
	if values == nil {
		return ctx
	}
	return &valued{ctx, values}
}

// valued is a context with the values of another one.
type valued struct {
	context.Context
	values context.Context
}

// Value implements [context.Context]. It asks its own context first, which knows nothing but
// what package context needs.
func (v *valued) Value(key any) any {
	if own := v.Context.Value(key); own != nil {
		return own
	}
	return v.values.Value(key)
}
