package nats

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

type tenant struct{}

// tenants takes the tenant of a context to other nodes.
type tenants struct{}

func (tenants) Inject(ctx context.Context, header map[string][]string) {
	if v, ok := ctx.Value(tenant{}).(string); ok {
		header["Tenant"] = []string{v}
	}
}

func (tenants) Extract(ctx context.Context, header map[string][]string) context.Context {
	if v := header["Tenant"]; len(v) == 1 {
		return context.WithValue(ctx, tenant{}, v[0])
	}
	return ctx
}

func of(name string) context.Context {
	return context.WithValue(context.Background(), tenant{}, name)
}

// relay is an actor that passes orders on to a next one, with the context of its handler, and
// reports the tenant that it works for.
type relay struct {
	next Address[order]
	seen chan<- string
}

func (r *relay) Receive(c *actor.Context[order], o order) error {
	who, _ := c.Value(tenant{}).(string)
	r.seen <- who
	switch {
	case r.next == nil:
		o.reply.Send(who)
	case o.do == "send":
		return do.Send(c, r.next, o.do)
	default:
		v, err := do.Call(c, r.next, o.do)
		if err != nil {
			return err
		}
		o.reply.Send(v)
	}
	return nil
}

// carrier returns a station whose system hands on the tenant within itself.
func carryingPair(t *testing.T, p Propagator) (here, there *station) {
	s, cluster := startServer(t), prefix()
	for _, n := range []**station{&here, &there} {
		name := map[bool]string{true: "here", false: "there"}[n == &here]
		*n = newStation(t, s, cluster, name, NamesConfig{Propagator: p})
		(*n).sys = systemWith(t, actor.Carry(tenant{}))
	}
	return here, there
}

// Values of a context go from actor to actor over nodes: by Call and Send, there and back. One
// that has none gets none.
func TestValuesGoAlongWithCalls(t *testing.T) {
	here, there := carryingPair(t, tenants{})
	seen := make(chan string, 10)
	last := here.relay(t, "last", nil, seen)
	middle := there.relay(t, "middle", there.find(t, "last"), seen)
	first := here.relay(t, "first", here.find(t, "middle"), seen)
	_, _ = last, middle
	for _, who := range []string{"ann", ""} {
		if v, err := do.Call(of(who), first, "ask"); v != who || err != nil {
			t.Errorf("answer %q, %v, want %q", v, err, who)
		}
		if err := do.Send(of(who), first, "send"); err != nil {
			t.Error(err)
		}
		for range 6 {
			if got := await(t, seen); got != who {
				t.Errorf("a handler works for %q, want %q", got, who)
			}
		}
	}
}

func (n *station) relay(t *testing.T, name string, next Address[order], seen chan<- string) actor.Ref[order] {
	t.Helper()
	ref, err := actor.Spawn(n.sys, func() *relay { return &relay{next, seen} })
	if err == nil {
		_, err = n.Register(t.Context(), name, ref)
	}
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// badPropagator does what it must not.
type badPropagator struct {
	inject  func()
	extract func(ctx context.Context) context.Context
}

func (b badPropagator) Inject(_ context.Context, header map[string][]string) {
	header["X"] = []string{"y"}
	if b.inject != nil {
		b.inject()
	}
}

func (b badPropagator) Extract(ctx context.Context, _ map[string][]string) context.Context {
	if b.extract != nil {
		return b.extract(ctx)
	}
	return ctx
}

// A Propagator that fails costs the values and nothing else.
func TestFaultOfAPropagatorCostsTheValues(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	faults := map[string]badPropagator{
		"inject panics":           {inject: func() { panic("inject") }},
		"extract panics":          {extract: func(context.Context) context.Context { panic("extract") }},
		"extract calls Goexit":    {extract: func(context.Context) context.Context { runtime.Goexit(); return nil }},
		"extract returns nil":     {extract: func(context.Context) context.Context { return nil }},
		"extract does not return": {extract: func(ctx context.Context) context.Context { <-release; return ctx }},
	}
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here, there := carryingPair(t, faults[name])
			there.worker(t, "x")
			if v, err := do.Call(of("ann"), here.find(t, "x"), "say hello"); v != "hello" || err != nil {
				t.Errorf("%q, %v", v, err)
			}
		})
	}
}
