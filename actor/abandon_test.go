package actor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// loggedSystem returns a system that logs to log.
func loggedSystem(tb testing.TB, log *logBuffer) *actor.System {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(log, nil))})
	tb.Cleanup(func() {
		if err := sys.Shutdown(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return sys
}

// T-110, GO-1, GO-2: an actor that is killed while its handler does not return is
// dead to those who ask; its end is announced when the handler returns.
func TestStuckHandlerIsKilled(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		watcher := start(t, sys, journaled(&j))
		stuck := start(t, sys, &script{}, actor.Name("x"))
		in(t, watcher, func(ctx *doContext) { ctx.Monitor(stuck.PID()) })
		release, cancelled := make(chan struct{}), make(chan struct{})
		stuck.Send(func(ctx *doContext) error {
			<-ctx.Done() // the context is cancelled at once
			close(cancelled)
			<-release
			return errors.New("too late to be the reason")
		})
		stuck.Send(func(*doContext) error { t.Error("a message was handled after the kill"); return nil })
		callErr := make(chan error, 1)
		go func() {
			_, err := actor.Call(context.Background(), stuck, func(actor.Reply[int]) do { return returning(nil) })
			callErr <- err
		}()
		synctest.Wait()
		stuck.PID().Exit(actor.Kill)
		<-cancelled
		synctest.Wait()
		if err := <-callErr; !errors.Is(err, actor.Killed) {
			t.Errorf("the call that waited: %v", err)
		}
		before := sys.DeadLetters()
		stuck.Send(returning(nil))
		if err := stuck.TrySend(returning(nil)); err != actor.NoProc || sys.DeadLetters() != before+2 {
			t.Errorf("TrySend: %v; dead letters %d, want %d", err, sys.DeadLetters(), before+2)
		}
		if _, err := actor.Call(t.Context(), stuck, func(actor.Reply[int]) do { return returning(nil) }); !errors.Is(err, actor.NoProc) {
			t.Errorf("a new call: %v", err)
		}
		j.expect(t) // no down yet
		if _, taken := sys.WhereIs("x"); !taken {
			t.Error("the name is free while the old holder runs")
		}
		close(release)
		synctest.Wait()
		j.expect(t, fmt.Sprintf("down %v killed", stuck))
		// The second message, the request and the two sends.
		if n := sys.DeadLetters(); n != 4 {
			t.Errorf("%d dead letters, want 4", n)
		}
	})
}

// GO-3, T-111 (the actor's half): an abandoned actor is announced as Killed, its
// names are free, it is counted, the stack of its handler is logged, and its
// context does nothing more. It does not matter which actor abandons it, nor which signal
// it was hit by.
func TestAbandon(t *testing.T) {
	for _, signal := range []error{actor.Kill, actor.Shutdown} {
		for _, abandoner := range []string{"outsider", "actor"} {
			t.Run(fmt.Sprint(signal, " by ", abandoner), func(t *testing.T) {
				var log logBuffer
				sys := loggedSystem(t, &log)
				downs := make(chan actor.Down, 1)
				watcher := start(t, sys, &script{down: func(_ *doContext, d actor.Down) error { downs <- d; return nil }})
				others := make([]actor.Ref[do], 5)
				release := make(chan struct{})
				for i := range others { // there are stacks to be confused with
					others[i] = start(t, sys, &script{})
					others[i].Send(func(*doContext) error { <-release; return nil })
				}
				stuck := start(t, sys, &script{}, actor.Name("x"))
				in(t, watcher, func(ctx *doContext) { ctx.Monitor(stuck.PID()) })
				if stuck.PID().Abandon() {
					t.Error("a living actor was abandoned")
				}
				entered, finished := make(chan struct{}), make(chan struct{})
				stuck.Send(func(ctx *doContext) error {
					close(entered)
					stuckHere(release)
					defer close(finished)
					checkDeadContext(t, ctx, watcher.PID())
					return nil
				})
				stuck.Send(returning(nil))
				await(t, entered)
				stuck.PID().Exit(signal)

				var ok bool
				if abandoner == "actor" {
					in(t, watcher, func(*doContext) { ok = stuck.PID().Abandon() })
				} else {
					ok = stuck.PID().Abandon()
				}
				if !ok || stuck.PID().Abandon() {
					t.Error("it must be abandoned, once")
				}
				if d := await(t, downs); d.Reason != actor.Killed {
					t.Errorf("the down says %v", d.Reason)
				}
				if err := ended(t, stuck.PID()); err != actor.Killed {
					t.Errorf("ended with %v", err)
				}
				if _, taken := sys.WhereIs("x"); taken || sys.Abandoned() != 1 {
					t.Errorf("name taken: %v, abandoned: %d", taken, sys.Abandoned())
				}
				if s := log.String(); !strings.Contains(s, "actor_test.stuckHere") || strings.Contains(s, "Abandon(") {
					t.Errorf("the log does not show the handler's stack:\n%s", s)
				}
				close(release)
				await(t, finished)
			})
		}
	}
	if (actor.PID{}).Abandon() {
		t.Error("nobody was abandoned")
	}
}

//go:noinline
func stuckHere(release <-chan struct{}) { <-release }

// checkDeadContext checks that the context of an abandoned actor refuses to make
// new ties.
func checkDeadContext(t *testing.T, ctx *doContext, other actor.PID) {
	for kind, spawn := range map[string]func() error{
		"SpawnLink":    func() error { _, err := actor.SpawnLink(ctx, behave(&script{})); return err },
		"SpawnMonitor": func() error { _, _, err := actor.SpawnMonitor(ctx, behave(&script{})); return err },
		"Link":         func() error { return ctx.Link(other) },
		"Link, trap":   func() error { ctx.TrapExit(true); return ctx.Link(other) },
	} {
		if err := spawn(); !errors.Is(err, actor.NoProc) {
			t.Errorf("%s by an abandoned actor: %v, want NoProc", kind, err)
		}
	}
	ctx.Monitor(other)
	ctx.Unlink(other)
	if ctx.SendAfter(time.Hour, nil).Stop() {
		t.Error("a timer of an abandoned actor was on")
	}
	if ctx.Err() == nil {
		t.Error("the context is alive")
	}
}

// GO-3: an abandoned handler that panics or calls Goexit at last harms nobody.
func TestAbandonedHandlerPanics(t *testing.T) {
	sys := newSystem(t)
	release, entered := make(chan struct{}), make(chan struct{})
	a := start(t, sys, &script{terminate: func(*doContext, error) { t.Error("Terminate ran") }})
	a.Send(func(*doContext) error { close(entered); <-release; panic(errBoom) })
	await(t, entered)
	a.PID().Exit(actor.Kill)
	a.PID().Abandon()
	close(release)
	if err := ended(t, a.PID()); err != actor.Killed {
		t.Errorf("ended with %v", err)
	}
}

// Abandon races the handler's return: the end is announced once.
func TestAbandonRacesTheEnd(t *testing.T) {
	sys := newSystem(t)
	downs := make(chan actor.Down, 2)
	watcher := start(t, sys, &script{down: func(_ *doContext, d actor.Down) error { downs <- d; return nil }})
	abandoned := 0
	for range 300 {
		a := start(t, sys, &script{})
		in(t, watcher, func(ctx *doContext) { ctx.Monitor(a.PID()) })
		release := make(chan struct{})
		a.Send(func(*doContext) error { <-release; return nil })
		a.PID().Exit(actor.Kill)
		close(release)
		if a.PID().Abandon() {
			abandoned++
		}
		if d := await(t, downs); d.Reason != actor.Killed {
			t.Fatalf("the down says %v", d.Reason)
		}
		in(t, watcher, func(*doContext) {})
		if len(downs) != 0 {
			t.Fatal("a second down")
		}
	}
	if n := sys.Abandoned(); n != abandoned {
		t.Errorf("%d counted, %d abandoned", n, abandoned)
	}
}
