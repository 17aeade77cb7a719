package otel_test

import (
	"context"
	"math"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/otel"
)

// total returns what a histogram has added up, by the values of its labels.
func (m *meters) total(name string) map[string]time.Duration {
	m.Helper()
	found := make(map[string]time.Duration)
	data, ok := m.read()[name].Data.(metricdata.Histogram[float64])
	if !ok {
		m.Fatalf("%s is no histogram", name)
	}
	for _, p := range data.DataPoints {
		found[text(p.Attributes)] += time.Duration(p.Sum * float64(time.Second)).Round(time.Microsecond)
	}
	return found
}

// taking is a chore that takes so long.
func taking(d time.Duration) chore {
	return func(*actor.Context[chore]) error { time.Sleep(d); return nil }
}

// With OneIn 1 each handler is measured, and the wait of each message that says when it was
// sent.
func TestHandlersAndWaitsAreMeasured(t *testing.T) {
	measured(t, &otel.Metrics{OneIn: 1}, func(m *meters, sys *actor.System) {
		ref := hire(m, sys, newClerk)
		ref.Send(taking(3 * time.Second))
		if err := ref.SendContext(context.Background(), taking(time.Second)); err != nil { // waits for 3 s
			t.Error(err)
		}
		_, err := actor.Call(context.Background(), ref, func(r actor.Reply[int]) chore { // for 4 s
			return func(ctx *actor.Context[chore]) error {
				ctx.SendAfter(time.Hour, taking(0)) // a wait that is meant, and is none for the mailbox
				ctx.Continue(taking(2 * time.Second))
				r.Send(1)
				return nil
			}
		})
		if err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Hour)
		m.expect("troupe.actor.handler.duration", map[string]int64{"otel_test.clerk Receive": 4, "otel_test.clerk Continue": 1})
		if got := m.total("troupe.actor.handler.duration"); got["otel_test.clerk Receive"] != 4*time.Second || got["otel_test.clerk Continue"] != 2*time.Second {
			t.Errorf("handlers took %v", got)
		}
		m.expect("troupe.actor.mailbox.wait_time", map[string]int64{"otel_test.clerk": 2})
		if got := m.total("troupe.actor.mailbox.wait_time")["otel_test.clerk"]; got != 7*time.Second {
			t.Errorf("messages waited %v, want 7s", got)
		}
	})
}

// One in OneIn is measured, of those that say when they were sent as of the others.
func TestHandlersAreSampled(t *testing.T) {
	const n, oneIn = 20_000, 10
	for name, send := range map[string]func(ref actor.Ref[chore]){
		"Send":        func(ref actor.Ref[chore]) { ref.Send(ending(nil)) },
		"SendContext": func(ref actor.Ref[chore]) { _ = ref.SendContext(context.Background(), ending(nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			measured(t, &otel.Metrics{OneIn: oneIn}, func(m *meters, sys *actor.System) {
				ref := hire(m, sys, newClerk)
				for range n {
					send(ref)
				}
				ref.Send(ending(actor.Stop))
				<-ref.PID().Done()
				// Some 45 are one standard deviation.
				if got := m.series("troupe.actor.handler.duration")["otel_test.clerk Receive"]; got < n/oneIn-300 || got > n/oneIn+300 {
					t.Errorf("%d of %d handlers measured, want one in %d", got, n, oneIn)
				}
				waits := m.series("troupe.actor.mailbox.wait_time")["otel_test.clerk"]
				if name == "Send" && waits != 0 || name != "Send" && (waits < n/oneIn-300 || waits > n/oneIn+300) {
					t.Errorf("%d of %d waits measured, want one in %d", waits, n, oneIn)
				}
			})
		})
	}
}

// A OneIn that is beyond what a runner counts is as rare as can be.
func TestHandlersAreSampledAsRarelyAsCanBe(t *testing.T) {
	for _, oneIn := range []uint64{1 << 30, 1 << 31, 1 << 32, 3 << 32, math.MaxInt64} {
		if oneIn > math.MaxInt {
			continue // of a 32-bit machine
		}
		measured(t, &otel.Metrics{OneIn: int(oneIn)}, func(m *meters, sys *actor.System) {
			ref := hire(m, sys, newClerk)
			for range 3 {
				if err := ref.SendContext(context.Background(), ending(nil)); err != nil {
					t.Error(err)
				}
			}
			ref.Send(ending(actor.Stop))
			<-ref.PID().Done()
			m.expect("troupe.actor.handler.duration", map[string]int64{})
			m.expect("troupe.actor.mailbox.wait_time", map[string]int64{})
		})
	}
}

// With a negative OneIn no handler is measured, and actors are counted all the same.
func TestHandlersNeedNotBeMeasured(t *testing.T) {
	measured(t, &otel.Metrics{OneIn: -1}, func(m *meters, sys *actor.System) {
		ref := hire(m, sys, newClerk)
		for range 1000 {
			_ = ref.SendContext(context.Background(), ending(nil))
		}
		ref.Send(ending(actor.Stop))
		<-ref.PID().Done()
		m.expect("troupe.actor.handler.duration", map[string]int64{})
		m.expect("troupe.actor.mailbox.wait_time", map[string]int64{})
		m.expect("troupe.actor.spawned", map[string]int64{"otel_test.clerk": 1})
	})
}
