//go:build unix

package actor_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// What instruments cost, as a ratio to the same without, in one run: slices of the two take
// turns, so that whatever else the machine does befalls both, and each is measured by the
// time of the processor.
//
//	go test -run '^$' -bench InstrumentRatio -benchtime 300x -cpu 1 ./actor
func BenchmarkInstrumentRatio(b *testing.B) {
	none := newLoad(b)
	for _, c := range []struct {
		name string
		i    actor.Instrument
	}{
		{"idle", actor.Instrument{OneIn: -1}}, // says what of a ratio is chance
		{"unsampled", unsampled()},
		{"1%sent", oneSentIn(100)},
		{"1%handled", actor.Instrument{OneIn: 100, End: func(context.Context, *actor.Handling) {}}},
	} {
		with := newLoad(b, c.i)
		for _, work := range []struct {
			name string
			do   func(*load, int)
			n    int
		}{{"Send", (*load).send, 50_000}, {"SendContext", (*load).sendContext, 50_000}, {"Call", (*load).call, 5_000}} {
			b.Run(work.name+"/"+c.name, func(b *testing.B) {
				work.do(none, work.n)
				work.do(with, work.n)
				var without, spentWith time.Duration
				for i := range b.N {
					first, second := none, with
					if i%2 == 1 {
						first, second = with, none
					}
					x, y := spent(func() { work.do(first, work.n) }), spent(func() { work.do(second, work.n) })
					if i%2 == 1 {
						x, y = y, x
					}
					without, spentWith = without+x, spentWith+y
				}
				b.ReportMetric(float64(spentWith)/float64(without), "ratio")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// unsampled is an instrument that is asked at each send and has nothing to carry.
func unsampled() actor.Instrument {
	return actor.Instrument{OneIn: -1, End: func(context.Context, *actor.Handling) {},
		Send: func(context.Context, actor.Sending) any { return nil }}
}

// oneSentIn is an instrument that one message in n carries something of.
func oneSentIn(n int) actor.Instrument {
	i, sent := unsampled(), 0 // the benchmarks have one sender
	i.Send = func(context.Context, actor.Sending) any {
		if sent++; sent%n == 0 {
			return n
		}
		return nil
	}
	return i
}

// spent returns the time of the processor that f takes.
func spent(f func()) time.Duration {
	now := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			panic(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	begun := now()
	f()
	return now() - begun
}

// load is a system with an actor that counts messages, and one that answers.
type load struct {
	counter actor.Ref[payload]
	answers actor.Ref[actor.Reply[int]]
	done    chan struct{}
}

func newLoad(b *testing.B, list ...actor.Instrument) *load {
	sys := actor.NewSystem(actor.Config{Instruments: list})
	b.Cleanup(func() { _ = sys.Shutdown(context.Background()) })
	l := &load{done: make(chan struct{}, 1)}
	l.counter = spawnFunc(b, sys, func(_ *actor.Context[payload], m payload) error {
		if m.n == m.m {
			l.done <- struct{}{}
		}
		return nil
	})
	l.answers = spawnFunc(b, sys, func(_ *actor.Context[actor.Reply[int]], r actor.Reply[int]) error {
		r.Send(1)
		return nil
	})
	return l
}

func (l *load) send(n int) {
	for i := range n {
		l.counter.Send(payload{int64(i), int64(n - 1)})
	}
	<-l.done
}

func (l *load) sendContext(n int) {
	for i := range n {
		_ = l.counter.SendContext(context.Background(), payload{int64(i), int64(n - 1)})
	}
	<-l.done
}

func (l *load) call(n int) {
	for range n {
		_, _ = actor.Call(context.Background(), l.answers, func(r actor.Reply[int]) actor.Reply[int] { return r })
	}
}
