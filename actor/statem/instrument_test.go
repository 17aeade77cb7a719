package statem_test

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

type tenant struct{}

// gate postpones what comes while it is closed, and notes whose events it lets through.
type gate struct{ through []any }

func (g *gate) Handle(c *statem.Context[bool, string], open bool, event string) (bool, error) {
	switch {
	case event == "open":
		return true, nil
	case !open:
		c.Postpone()
	default:
		g.through = append(g.through, c.Value(tenant{}))
	}
	return open, nil
}

// An event that is put off still has what its message brought along, and not that of the
// one that brought it back. Instruments are shown the machine's type.
func TestPostponedEventsKeepTheirValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var types []reflect.Type
		sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler), Instruments: []actor.Instrument{
			actor.Carry(tenant{}),
			{End: func(_ context.Context, h *actor.Handling) { types = append(types, h.Behavior) }},
		}})
		g := &gate{}
		ref, err := actor.Spawn(sys, statem.New(func() *gate { return g }))
		if err != nil {
			t.Fatal(err)
		}
		send := func(name, event string) {
			if err := ref.SendContext(context.WithValue(t.Context(), tenant{}, name), event); err != nil {
				t.Error(err)
			}
		}
		send("ann", "a")
		ref.Send("b")
		send("bob", "c")
		send("eve", "open")
		send("dan", "d")
		synctest.Wait()
		if err := sys.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if want := []any{"ann", nil, "bob", "dan"}; !slices.Equal(g.through, want) {
			t.Errorf("went through by %v, want %v", g.through, want)
		}
		if i := slices.IndexFunc(types, func(typ reflect.Type) bool { return typ != reflect.TypeFor[*gate]() }); i >= 0 || len(types) == 0 {
			t.Errorf("told of %v", types)
		}
	})
}
