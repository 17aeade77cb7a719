package observer

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/query"
)

// BenchmarkChangesForPages: what the start and the crash of an actor cost with so many pages
// that show them, from the event to what is pushed. Without the pages it is what they cost with
// an observer that does nothing.
func BenchmarkChangesForPages(b *testing.B) {
	for _, n := range []int{0, 1, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
			defer func() { _ = sys.Shutdown(context.Background()) }()
			r := &run{sys: sys, source: query.New(sys, query.Config{})}
			defer r.feed.close()
			pages := make([]*page, n)
			for i := range pages {
				pages[i] = &page{run: r, life: b.Context()}
				w := newWatch(func() {}, []actor.PID{{}})
				w.begin(&query.Node{}, func(*query.Node) int { return 100 })
				r.feed.add(sys, w)
				pages[i].watch.Store(w)
			}
			defer sys.Observe(func(actor.Event) {})()
			crash := actor.Func(func(*actor.Context[int], int) error { return fmt.Errorf("order %d is out of stock", 17) })
			bytes := 0
			tell := func() {
				for _, p := range pages {
					bytes += len(p.bulletin(p.watch.Load().collect()).text.Bytes())
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				ref, err := actor.Spawn(sys, crash)
				if err != nil {
					b.Fatal(err)
				}
				tell()
				ref.Send(1)
				<-ref.PID().Done()
				tell()
			}
			if n > 0 {
				b.ReportMetric(float64(bytes)/float64(b.N*n), "pushed-B/page")
			}
		})
	}
}
