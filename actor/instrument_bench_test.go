package actor_test

import (
	"context"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// What instruments cost: go test -run '^$' -bench Instrument ./actor
func BenchmarkInstrument(b *testing.B) {
	end := func(context.Context, *actor.Handling) {}
	oneIn := func(n int) actor.Instrument {
		sent := 0 // the benchmarks have one sender
		return actor.Instrument{OneIn: -1, End: end, Send: func(context.Context, actor.Sending) any {
			if sent++; sent%n == 0 {
				return n
			}
			return nil
		}}
	}
	for _, c := range []struct {
		name string
		list []actor.Instrument
	}{
		{"none", nil},
		{"unsampled", []actor.Instrument{{OneIn: -1, End: end, Send: func(context.Context, actor.Sending) any { return nil }}}},
		{"1%sent", []actor.Instrument{oneIn(100)}},
		{"1%handled", []actor.Instrument{{OneIn: 100, End: end}}},
		{"all handled", []actor.Instrument{{End: end}}},
	} {
		newSystem := func(b *testing.B) *actor.System {
			sys := actor.NewSystem(actor.Config{Instruments: c.list})
			b.Cleanup(func() { _ = sys.Shutdown(context.Background()) })
			return sys
		}
		send := func(b *testing.B, send func(actor.Ref[payload], payload)) {
			ref, done := counting(b, newSystem(b), b.N)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				send(ref, payload{int64(i), 0})
			}
			<-done
		}
		b.Run("Send/"+c.name, func(b *testing.B) { send(b, func(r actor.Ref[payload], m payload) { r.Send(m) }) })
		b.Run("SendContext/"+c.name, func(b *testing.B) {
			send(b, func(r actor.Ref[payload], m payload) { _ = r.SendContext(context.Background(), m) })
		})
		b.Run("Call/"+c.name, func(b *testing.B) {
			ref := spawnFunc(b, newSystem(b), func(_ *actor.Context[actor.Reply[int]], r actor.Reply[int]) error {
				r.Send(1)
				return nil
			})
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if _, err := actor.Call(context.Background(), ref, func(r actor.Reply[int]) actor.Reply[int] { return r }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
