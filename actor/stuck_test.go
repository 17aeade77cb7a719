package actor_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
)

// dumpCounter is a log handler that counts how many records have a stack, and how many
// actors were abandoned. Each stack has stopped the world.
type dumpCounter struct {
	slog.Handler
	stacks, abandoned atomic.Int64
}

func (c *dumpCounter) Enabled(context.Context, slog.Level) bool { return true }

func (c *dumpCounter) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "stack" {
			c.abandoned.Add(1)
			if a.Value.String() != "" {
				c.stacks.Add(1)
			}
		}
		return true
	})
	return nil
}

// stuckActors returns a system with n actors whose handlers return when release is
// called, and an actor that has nothing to do with them.
func stuckActors(t *testing.T, n int) (sys *actor.System, dumps *dumpCounter, stuck []actor.PID, innocent actor.Ref[do], release func()) {
	dumps = &dumpCounter{Handler: slog.DiscardHandler}
	sys = actor.NewSystem(actor.Config{Logger: slog.New(dumps)})
	gate := make(chan struct{})
	var entered sync.WaitGroup
	for range n {
		ref := start(t, sys, &script{})
		entered.Add(1)
		ref.Send(func(*doContext) error { entered.Done(); <-gate; return nil })
		stuck = append(stuck, ref.PID())
	}
	entered.Wait()
	return sys, dumps, stuck, start(t, sys, &script{}), sync.OnceFunc(func() { close(gate) })
}

// GO-3: those that give up on a thousand stuck actors do not stop the world for each
// of them, and an innocent's calls are answered meanwhile.
func TestInnocentsBesideThoseThatAreGivenUp(t *testing.T) {
	sys, dumps, stuck, innocent, release := stuckActors(t, 1000)
	defer release()
	begin := time.Now()
	var all sync.WaitGroup
	for _, pid := range stuck {
		all.Go(func() {
			pid.Exit(actor.Kill)
			if !pid.Abandon() {
				t.Errorf("%v is stuck, and was not abandoned", pid)
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	var waits []time.Duration
	for calling := true; calling; {
		select {
		case <-done:
			calling = false // once more
		default:
		}
		called := time.Now()
		if _, err := actor.Call(t.Context(), innocent, answering); err != nil {
			t.Fatal(err)
		}
		waits = append(waits, time.Since(called))
	}
	took := time.Since(begin)
	slices.Sort(waits)
	median, longest := waits[len(waits)/2], waits[len(waits)-1]
	t.Logf("%d calls in %v: median %v, longest %v; %d stacks", len(waits), took, median, longest, dumps.stacks.Load())
	if n, most := dumps.stacks.Load(), 1+int64(took/time.Second); n > most || dumps.abandoned.Load() != 1000 {
		t.Errorf("%d stacks of %d actors taken in %v, want %d at most of 1000", n, dumps.abandoned.Load(), took, most)
	}
	// One in a hundred may have met a machine that was busy with something else.
	if late := waits[len(waits)*99/100]; !long.Race && late > 50*time.Millisecond {
		t.Errorf("calls took up to %v, and one in a hundred more than %v, want 50 ms at most", longest, late)
	}
	release()
	for len(sys.Stuck()) > 0 { // ten thousand may take longer than the grace of Shutdown
		runtime.Gosched()
	}
	if err := sys.Shutdown(t.Context()); err != nil {
		t.Errorf("shutdown when all have returned: %v", err)
	}
}

func answering(r actor.Reply[int]) do {
	return func(*doContext) error { r.Send(1); return nil }
}

// GO-3: a shutdown gives ten thousand stuck actors up soon after its deadline, and names
// them.
func TestShutdownOfManyStuck(t *testing.T) {
	sys, dumps, stuck, _, release := stuckActors(t, 10_000)
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	begin := time.Now()
	report, ok := errors.AsType[*actor.ShutdownError](sys.Shutdown(ctx))
	took := time.Since(begin)
	t.Logf("it took %v; %d stacks", took, dumps.stacks.Load())
	if !ok || !slices.Equal(report.Abandoned, stuck) {
		t.Errorf("Shutdown does not tell who is stuck: %v", report)
	}
	if n := dumps.stacks.Load(); n > 1 || dumps.abandoned.Load() != 10_000 {
		t.Errorf("%d stacks of %d actors taken", n, dumps.abandoned.Load())
	}
	if !long.Race && took > 3*time.Second {
		t.Errorf("it took %v, want 3 s at most", took)
	}
	release()
	for len(sys.Stuck()) > 0 { // ten thousand may take longer than the grace of Shutdown
		runtime.Gosched()
	}
	if err := sys.Shutdown(t.Context()); err != nil {
		t.Errorf("shutdown when all have returned: %v", err)
	}
}

// held is a resource that cannot be released before release is closed.
type held struct{ release chan struct{} }

func (h *held) Release(actor.PID, error) { <-h.release }

// GO-3: those that are given up are waited for together, if what they own cannot be
// released either.
func TestShutdownOfStuckActorsThatOwnWhatIsStuck(t *testing.T) {
	quietly(t, func(t *testing.T, sys *actor.System) {
		release := make(chan struct{})
		defer close(release)
		const n = 100
		for range n {
			a := start(t, sys, &script{})
			a.PID().Own(&held{release})
			a.Send(func(*doContext) error { <-release; return nil })
		}
		settle()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		report, ok := errors.AsType[*actor.ShutdownError](sys.Shutdown(ctx))
		if !ok || len(report.Abandoned) != n {
			t.Errorf("the report: %v", report)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
