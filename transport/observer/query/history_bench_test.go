package query_test

import (
	"context"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/query"
)

// BenchmarkSpawnAndEnd: what an actor that comes and goes costs, alone, when something
// observes the system, and with a history of it. What the history adds to "observed" is its own.
func BenchmarkSpawnAndEnd(b *testing.B) {
	for _, c := range []struct {
		name string
		on   func(*actor.System) (stop func())
	}{
		{"alone", func(*actor.System) func() { return func() {} }},
		{"observed", func(sys *actor.System) func() { return sys.Observe(func(actor.Event) {}) }},
		{"recorded", func(sys *actor.System) func() { return query.NewHistory(query.HistoryConfig{}).Record(sys) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			sys := actor.NewSystem(actor.Config{})
			defer func() {
				if err := sys.Shutdown(context.Background()); err != nil {
					b.Error(err)
				}
			}()
			defer c.on(sys)()
			b.ReportAllocs()
			for b.Loop() {
				ref, err := actor.Spawn(sys, func() actor.Behavior[int] {
					return actor.BehaviorFunc[int](func(*actor.Context[int], int) error { return nil })
				})
				if err != nil {
					b.Fatal(err)
				}
				ref.PID().Exit(actor.Shutdown)
				<-ref.PID().Done()
			}
		})
	}
}
