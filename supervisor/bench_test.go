package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// often allows any number of restarts without a long list of them to keep.
var often = supervisor.Spec{Intensity: 1 << 30, Period: time.Microsecond}

// sleeper does nothing.
func sleeper() actor.BehaviorFunc[struct{}] {
	return func(*actor.Context[struct{}], struct{}) error { return nil }
}

// mortal tells when it is ready, and ends as it is told.
type mortal struct{ ready chan<- actor.Ref[error] }

func (m mortal) Init(ctx *actor.Context[error]) error {
	m.ready <- ctx.Self()
	return nil
}

func (m mortal) Receive(_ *actor.Context[error], reason error) error { return reason }

var errBoom = errors.New("boom")

// BenchmarkRestart measures from the message that makes a child crash to the Init
// of its next incarnation.
func BenchmarkRestart(b *testing.B) {
	for _, siblings := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("siblings=%d", siblings), func(b *testing.B) {
			ready := make(chan actor.Ref[error], 1)
			spec := often
			for i := range siblings {
				spec.Children = append(spec.Children, supervisor.Actor(fmt.Sprint(i), sleeper))
			}
			spec.Children = append(spec.Children, supervisor.Actor("mortal",
				func() mortal { return mortal{ready} }))
			if _, err := supervisor.Start(newSystem(b), spec); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for ref := <-ready; b.Loop(); ref = <-ready {
				ref.Send(errBoom)
			}
		})
	}
}

// BenchmarkDynamic measures the life of a temporary child: its start, and its end
// up to when the supervisor has forgotten it. T-28: it must not depend on how many
// there are.
func BenchmarkDynamic(b *testing.B) {
	ctx := context.Background()
	child := supervisor.Actor("", actor.Func(func(_ *actor.Context[error], reason error) error { return reason }), supervisor.Temporary)

	for _, siblings := range []int{0, 100_000} {
		start := func(b *testing.B) supervisor.Dynamic {
			sup, err := supervisor.StartDynamic(newSystem(b), supervisor.DynamicSpec{})
			if err != nil {
				b.Fatal(err)
			}
			for range siblings {
				if _, err := sup.StartChild(ctx, supervisor.Actor("", sleeper, supervisor.Temporary)); err != nil {
					b.Fatal(err)
				}
			}
			return sup
		}
		b.Run(fmt.Sprintf("StartAndEnd/siblings=%d", siblings), func(b *testing.B) {
			sup := start(b)
			b.ReportAllocs()
			for b.Loop() {
				pid, err := sup.StartChild(ctx, child)
				if err != nil {
					b.Fatal(err)
				}
				ref, _ := actor.RefOf[error](pid)
				ref.Send(actor.Stop)
			}
			for n := -1; n != siblings; runtime.Gosched() {
				count, err := sup.Count(ctx)
				if err != nil {
					b.Fatal(err)
				}
				n = count.Specs
			}
		})
		b.Run(fmt.Sprintf("StartAndTerminate/siblings=%d", siblings), func(b *testing.B) {
			sup := start(b)
			b.ReportAllocs()
			for b.Loop() {
				pid, err := sup.StartChild(ctx, child)
				if err != nil {
					b.Fatal(err)
				}
				if err := sup.TerminateChild(ctx, pid); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDynamicStop measures how long it takes to stop a dynamic supervisor
// with many idle children; the figure is for one child.
func BenchmarkDynamicStop(b *testing.B) {
	const n = 100_000
	ctx := context.Background()
	sys := newSystem(b)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		sup, err := supervisor.StartDynamic(sys, supervisor.DynamicSpec{})
		if err != nil {
			b.Fatal(err)
		}
		for range n {
			if _, err := sup.StartChild(ctx, supervisor.Actor("", sleeper, supervisor.Temporary)); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		if err := sup.Stop(ctx); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/child")
}
