package entity_test

import (
	"context"
	"runtime"
	"strconv"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/entity"
	"github.com/troupe-go/troupe/supervisor"
)

// counter is an entity as small as can be.
type counter struct{ n int }

type increment struct{ reply actor.Reply[int] }

func (c *counter) Receive(_ *actor.Context[increment], m increment) error {
	c.n++
	m.reply.Send(c.n)
	return nil
}

func newIncrement(r actor.Reply[int]) increment { return increment{r} }

// counters starts a set with n entities.
func counters(tb testing.TB, n int) (*entity.Set[string, increment], []string) {
	tb.Helper()
	set := entity.New(plain, func(string) *counter { return new(counter) })
	if _, err := set.Start(newSystem(tb)); err != nil {
		tb.Fatal(err)
	}
	keys := make([]string, n)
	for i := range keys {
		keys[i] = "counter " + strconv.Itoa(i)
		if _, err := set.Find(tb.Context(), keys[i]); err != nil {
			tb.Fatal(err)
		}
	}
	return set, keys
}

// To find an entity that runs costs no allocation.
func TestFindOfARunningEntityAllocatesNothing(t *testing.T) {
	set, keys := counters(t, 100)
	ctx := t.Context()
	i := 0
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := set.Find(ctx, keys[i%len(keys)]); err != nil {
			t.Error(err)
		}
		i++
	}); n != 0 {
		t.Errorf("a Find makes %v allocations", n)
	}
}

func BenchmarkFind(b *testing.B) {
	set, keys := counters(b, 1000)
	ctx := context.Background()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := set.Find(ctx, keys[i%len(keys)]); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkCall calls an entity that runs: by its Ref, and by its key.
func BenchmarkCall(b *testing.B) {
	set, keys := counters(b, 1)
	ctx := context.Background()
	b.Run("Ref", func(b *testing.B) {
		b.ReportAllocs()
		ref, _ := set.Lookup(keys[0])
		for b.Loop() {
			if _, err := supervisor.Call(ctx, ref, newIncrement); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := entity.Call(ctx, set, keys[0], newIncrement); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkStart finds entities that do not run yet, and says what each takes of memory.
func BenchmarkStart(b *testing.B) {
	set, _ := counters(b, 0)
	ctx := context.Background()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if _, err := set.Find(ctx, strconv.Itoa(i)); err != nil {
			b.Fatal(err)
		}
		i++
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(i), "heap-B/entity")
}

// BenchmarkHold holds an entity that runs, and lets it go.
func BenchmarkHold(b *testing.B) {
	set, keys := counters(b, 1)
	ref, _ := set.Lookup(keys[0])
	if _, _, err := set.Hold(context.Background(), ref.PID(), keys[0]); err != nil {
		b.Fatal(err)
	}
	holder := ref.PID()
	b.ReportAllocs()
	for b.Loop() {
		_, release, err := set.Hold(context.Background(), holder, keys[0])
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
}
