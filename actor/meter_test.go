package actor_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/mailbox"
)

// infoOf returns the Info of an actor that lives.
func infoOf(tb testing.TB, pid actor.PID) actor.Info {
	tb.Helper()
	info, ok := pid.Info()
	if !ok {
		tb.Fatalf("%v does not live", pid)
	}
	return info
}

// checkFigures compares what is measured of an actor.
func checkFigures(tb testing.TB, pid actor.PID, oldest time.Duration, rate, busy float64) {
	tb.Helper()
	if i := infoOf(tb, pid); i.Oldest != oldest || math.Abs(i.Rate-rate) > 1e-4 || i.Busy != busy {
		tb.Errorf("oldest %v, rate %v, busy %v; want %v, %v, %v", i.Oldest, i.Rate, i.Busy, oldest, rate, busy)
	}
}

// An actor that is stuck: what waits for it has waited since it was first seen to, the rate
// is 0, and it is busy all the time. When it goes on, all that is over.
func TestMeterOfAStuckActor(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		defer sys.Meter(time.Second).Stop()
		stuck, idle := start(t, sys, &script{}), start(t, sys, &script{})
		stuck.Send(func(*doContext) error { time.Sleep(20200 * time.Millisecond); return nil })
		time.Sleep(500 * time.Millisecond)
		stuck.Send(returning(nil)) // at 0.5 s, so it is seen at 1 s
		time.Sleep(10 * time.Second)
		checkFigures(t, stuck.PID(), 9500*time.Millisecond, 0, 1)
		checkFigures(t, idle.PID(), 0, 0, 0)
		time.Sleep(10 * time.Second)
		stuck.Send(returning(nil))
		settle()
		time.Sleep(time.Second)
		checkFigures(t, stuck.PID(), 0, 2, infoOf(t, stuck.PID()).Busy) // 2 in the last second
		time.Sleep(time.Minute)
		checkFigures(t, stuck.PID(), 0, 0, 0)
	})
}

// Rates are exact, whatever rate it is; Busy is what 16 looks find.
func TestMeterOfActorsAtWork(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		defer sys.Meter(time.Second).Stop()
		work := func(each, takes time.Duration) actor.PID {
			a := start(t, sys, &script{})
			in(t, a, func(ctx *doContext) {
				ctx.SendEvery(each, func(*doContext) error { time.Sleep(takes); return nil })
			})
			return a.PID()
		}
		time.Sleep(time.Millisecond) // so that nothing happens at the moment of a sample
		half, tenth, slow := work(100*time.Millisecond, 50*time.Millisecond), work(10*time.Millisecond, 0), work(4*time.Second, 4*time.Second-1)
		time.Sleep(10 * time.Second)
		var busy float64
		for range 20 {
			time.Sleep(time.Second)
			for pid, rate := range map[actor.PID]float64{half: 10, tenth: 100} {
				if i := infoOf(t, pid); math.Abs(i.Rate-rate) > 1e-3 {
					t.Errorf("rate %v, want %v", i.Rate, rate)
				}
			}
			busy += infoOf(t, half).Busy / 20
			if b := infoOf(t, slow).Busy; b != 1 {
				t.Errorf("the one that always works is busy %v", b)
			}
			if b := infoOf(t, tenth).Busy; b != 0 {
				t.Errorf("the one whose handlers take no time is busy %v", b)
			}
		}
		if busy < 0.4 || busy > 0.6 {
			t.Errorf("one that works half of the time is busy %v", busy)
		}
	})
}

// waiting is an actor with a full view on what waits for it.
type waiting struct {
	ref    actor.Ref[*sent]
	urgent actor.UrgentRef[*sent]
	permit chan struct{}
	sent   map[*sent]bool // that wait
}

type sent struct {
	at    time.Time
	setup func(*actor.Context[*sent])
}

func spawnWaiting(t *testing.T, sys *actor.System, limit mailbox.Limit) *waiting {
	w := &waiting{permit: make(chan struct{}, 1000), sent: make(map[*sent]bool)}
	w.ref = spawnFunc(t, sys, func(ctx *actor.Context[*sent], m *sent) error {
		if m.setup != nil {
			m.setup(ctx)
			return nil
		}
		delete(w.sent, m)
		select {
		case <-w.permit:
		case <-ctx.Done():
		}
		return nil
	}, actor.Mailbox(limit))
	w.ref.Send(&sent{setup: func(ctx *actor.Context[*sent]) { w.urgent = ctx.Urgent() }})
	settle()
	return w
}

func (w *waiting) send(urgent bool) {
	m := &sent{at: time.Now()}
	w.sent[m] = true
	if urgent {
		w.urgent.Send(m)
	} else {
		w.ref.Send(m)
	}
	settle() // one at a time touches the map
}

func (w *waiting) oldest() (age time.Duration) {
	for m := range w.sent {
		age = max(age, time.Since(m.at))
	}
	return age
}

// Oldest is never more than the truth, and less by no more than Meter says, whatever the
// mailbox drops, however long the messages wait, and however fast they go through.
func TestOldestIsNearTheTruth(t *testing.T) {
	for round := range long.Rounds(6, 200) {
		random := rand.New(rand.NewPCG(uint64(round), 15))
		pace := 1 + random.IntN(5)
		limit := mailbox.Bounded(1+random.IntN(1000), []mailbox.Overflow{mailbox.DropOldest, mailbox.DropNewest}[round%2])
		urgent := round%3 == 2
		bubble(t, func(t *testing.T, sys *actor.System) {
			defer sys.Meter(time.Second).Stop()
			w := spawnWaiting(t, sys, limit)
			defer sys.Observe(func(e actor.Event) {
				if e, ok := e.(actor.DeadLetter); ok {
					delete(w.sent, e.Message.(*sent))
				}
			})()
			most := time.Duration(0)
			for range 300 {
				for range random.IntN(3) * random.IntN(4) {
					w.send(urgent && random.IntN(3) == 0)
				}
				for range random.IntN(3) * random.IntN(4) * random.IntN(2) / pace {
					w.permit <- struct{}{}
					settle()
				}
				time.Sleep(time.Duration(random.IntN(500)) * time.Millisecond)
				settle()
				said, truth := infoOf(t, w.ref.PID()).Oldest, w.oldest()
				most = max(most, truth)
				off := truth - said
				if off < -time.Millisecond || !urgent && off > max(time.Second+time.Millisecond, truth/3) {
					t.Fatalf("round %d: %v, and it is %v", round, said, truth)
				}
			}
			t.Logf("round %d: up to %v", round, most)
			for m := range w.sent {
				delete(w.sent, m)
			}
			w.ref.PID().Exit(actor.Kill)
		})
	}
}

// The figures of each actor are its own, whatever others are spawned and end between the
// samples, and in whatever order spawns are over that have begun.
func TestMeterKeepsActorsApart(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 1))
	bubble(t, func(t *testing.T, sys *actor.System) {
		defer sys.Meter(time.Second).Stop()
		var all []actor.Ref[int]
		spawn := func(opts ...actor.Option) actor.Ref[int] {
			return spawnFunc(t, sys, func(*actor.Context[int], int) error { return nil }, opts...)
		}
		late := make(chan actor.Ref[int], 10)
		release := make(chan struct{})
		time.Sleep(time.Millisecond) // so that nothing happens at the moment of a sample
		for step := range long.Rounds(30, 300) {
			for range random.IntN(300) {
				all = append(all, spawn())
			}
			go func() { // has its number now, and is on the list when others are that have later ones
				late <- spawn(actor.BeforeInit(func(actor.PID) error { <-release; return nil }))
			}()
			settle()
			if step%3 == 2 {
				for range 3 {
					release <- struct{}{}
					all = append(all, <-late)
				}
			}
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			for _, a := range all[:len(all)/4] {
				a.PID().Exit(actor.Shutdown)
			}
			all = all[len(all)/4:]
			sent := make([]int, len(all))
			for i, a := range all {
				sent[i] = random.IntN(4)
				for range sent[i] {
					a.Send(0)
				}
			}
			time.Sleep(time.Second)
			for i, a := range all {
				if rate := infoOf(t, a.PID()).Rate; math.Abs(rate-float64(sent[i])) > 1e-3 {
					t.Fatalf("step %d: %v of %d: rate %v, want %d", step, a, len(all), rate, sent[i])
				}
			}
		}
		close(release)
	})
}

// Without a Meter nothing is measured and nothing runs; with several the most eager one
// counts; and the end of the system is that of all.
func TestMetersOfASystem(t *testing.T) {
	quietly(t, func(t *testing.T, sys *actor.System) {
		busy := start(t, sys, &script{})
		busy.Send(func(ctx *doContext) error { <-ctx.Done(); return nil })
		busy.Send(returning(nil))
		time.Sleep(time.Minute)
		checkFigures(t, busy.PID(), 0, 0, 0)
		rare := sys.Meter(time.Hour)
		time.Sleep(time.Minute)
		often := sys.Meter(time.Second) // need not wait for the hour
		time.Sleep(3 * time.Second)
		checkFigures(t, busy.PID(), 63*time.Second, 0, 1)
		often.Stop()
		often.Stop()
		time.Sleep(time.Minute)
		checkFigures(t, busy.PID(), 123*time.Second, 0, 1)
		rare.Stop()
		checkFigures(t, busy.PID(), 0, 0, 0)
		if top, n := rare.Top(actor.ByOldest, 5, nil); len(top) != 0 || n != 1 {
			t.Errorf("of a Meter that has been stopped: %v of %d", top, n)
		}
		again := sys.Meter(time.Second)
		if err := sys.Shutdown(t.Context()); err != nil && !busy.PID().Crashed() {
			t.Error(err)
		}
		sys.Meter(time.Second) // or the bubble would wait for one of them for ever
		again.Stop()
	})
	defer func() {
		if recover() == nil {
			t.Error("an interval of 0 is accepted")
		}
	}()
	silentSystem().Meter(0)
}

// Top is what sorting all actors would give.
func TestTopOfAllActors(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		m := sys.Meter(time.Second)
		defer m.Stop()
		var pids []actor.PID
		for i := range 40 {
			a := start(t, sys, &script{})
			pids = append(pids, a.PID())
			a.PID().SetRestarts(i % 4)
			for range i % 7 {
				a.Send(func(*doContext) error { return nil })
			}
			if i%3 == 0 {
				a.Send(func(ctx *doContext) error { <-ctx.Done(); return nil })
				settle()
				for range i % 5 {
					a.Send(returning(nil))
				}
			}
			time.Sleep(300 * time.Millisecond)
		}
		dying := start(t, sys, &script{})
		release := make(chan struct{})
		defer close(release)
		dying.Send(func(*doContext) error { <-release; return nil })
		settle()
		dying.PID().Exit(actor.Kill) // is no more, though its handler runs
		time.Sleep(time.Second)
		value := map[actor.Order]func(actor.Info) float64{
			actor.ByQueue:    func(i actor.Info) float64 { return float64(i.QueueLen) },
			actor.ByOldest:   func(i actor.Info) float64 { return float64(i.Oldest) },
			actor.ByRate:     func(i actor.Info) float64 { return i.Rate },
			actor.ByBusy:     func(i actor.Info) float64 { return i.Busy },
			actor.ByHandled:  func(i actor.Info) float64 { return float64(i.Handled) },
			actor.ByRestarts: func(i actor.Info) float64 { return float64(i.Restarts) },
		}
		for by, of := range value {
			for _, odd := range []bool{false, true} {
				keep := func(pid actor.PID) bool { return !odd || slices.Index(pids, pid)%2 == 1 }
				var want []actor.PID
				for _, pid := range pids {
					if keep(pid) && of(infoOf(t, pid)) > 0 {
						want = append(want, pid)
					}
				}
				slices.SortStableFunc(want, func(a, b actor.PID) int {
					va, vb := of(infoOf(t, a)), of(infoOf(t, b))
					return int(math.Copysign(1, vb-va)) * min(1, int(math.Ceil(math.Abs(va-vb))))
				})
				for _, n := range []int{0, 1, 5, 100} {
					top, kept := m.Top(by, n, keep)
					var got []actor.PID
					for _, info := range top {
						got = append(got, info.PID)
					}
					if !slices.Equal(got, want[:min(n, len(want))]) || kept != map[bool]int{false: 40, true: 20}[odd] {
						t.Errorf("by %v, odd %v, %d: %v of %d, want %v", by, odd, n, got, kept, want[:min(n, len(want))])
					}
				}
			}
		}
	})
}

// What a sample costs, in time and memory. TROUPE_LONG=1 looks at a million actors.
func TestMeterIsCheap(t *testing.T) {
	n := long.Rounds(20_000, 1_000_000)
	if long.Race {
		n = 2000
	}
	sys := newSystem(t)
	idlers(t, sys, n)
	before := heapInUse()
	s := (*actor.Sampler)(nil).Sample(sys)
	var fastest time.Duration = math.MaxInt64
	for range 5 {
		began := time.Now()
		s.Sample(sys)
		fastest = min(fastest, time.Since(began))
	}
	each := float64(heapInUse()-before) / float64(n)
	t.Logf("%d actors: %v for a sample, %.1f bytes each", n, fastest, each)
	if each > 30 && !long.Race {
		t.Errorf("%.1f bytes for each actor, want at most 30", each)
	}
	_ = s.Sample(sys) // keeps s
}

func ExampleSystem_Meter() {
	sys := silentSystem()
	m := sys.Meter(10 * time.Millisecond)
	defer m.Stop()

	entered, release := make(chan struct{}), make(chan struct{})
	slow, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error {
		entered <- struct{}{}
		<-release
		return nil
	}), actor.Name("slow"))
	if err != nil {
		panic(err)
	}
	slow.Send(1)
	<-entered
	slow.Send(2) // waits
	for {
		info, _ := slow.PID().Info()
		if info.Oldest > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	top, _ := m.Top(actor.ByOldest, 10, nil)
	for _, info := range top {
		fmt.Println(info.Name, info.QueueLen, "waiting")
	}
	close(release)
	<-entered
	// Output: slow 1 waiting
}

// What senders and handlers pay while a meter looks on: compare the two.
func BenchmarkSendMetered(b *testing.B) {
	for _, metered := range []bool{false, true} {
		b.Run(fmt.Sprint(metered), func(b *testing.B) {
			sys := newSystem(b)
			if metered {
				defer sys.Meter(10 * time.Millisecond).Stop()
			}
			ref, done := counting(b, sys, b.N)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				ref.Send(payload{int64(i), 0})
			}
			<-done
		})
	}
}

// BenchmarkSample: what one look at 100,000 actors costs, and Top of them.
func BenchmarkSample(b *testing.B) {
	sys := newSystem(b)
	const n = 100_000
	idlers(b, sys, n)
	s := (*actor.Sampler)(nil).Sample(sys)
	m := sys.Meter(time.Hour)
	defer m.Stop()
	for name, f := range map[string]func(){
		"sample": func() { s.Sample(sys) },
		"top":    func() { m.Top(actor.ByQueue, 100, nil) },
		"oldest": func() { m.Top(actor.ByOldest, 100, nil) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/actor")
		})
	}
}
