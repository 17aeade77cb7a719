package entity_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/entity"
	"github.com/troupe-go/troupe/supervisor"
)

// Stop ends the entity behind its messages, and returns when the key is free.
func TestStopEndsAnEntityBehindItsMessages(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		ref := w.find("lobby")
		for range 3 {
			ref.Send(func(*actor.Context[do]) error { time.Sleep(time.Second); w.note("done"); return nil })
		}
		if err := w.rooms.Stop(w.Context(), "lobby"); err != nil {
			t.Error(err)
		}
		w.expect("+lobby", "done", "done", "done", "-lobby: shutdown")
		w.expectNothing()
		if err := w.rooms.Stop(w.Context(), "lobby"); err != nil {
			t.Errorf("a Stop of nobody: %v", err)
		}
	})
}

// One that does not end in its time is stopped as supervisors do it. A Stop that gives up
// earlier leaves that to the set.
func TestStopOfAnEntityThatTakesItsTime(t *testing.T) {
	inWorld(t, entity.Config{Shutdown: supervisor.Shutdown(time.Second)}, func(w *world) {
		ref := w.find("lobby")
		ref.Send(func(ctx *actor.Context[do]) error { <-ctx.Done(); return nil })
		ctx, cancel := context.WithTimeout(w.Context(), time.Millisecond)
		defer cancel()
		w.expectError(w.rooms.Stop(ctx, "lobby"), context.DeadlineExceeded)
		if _, err := w.rooms.Find(ctx, "lobby"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a Find meanwhile: %v", err)
		}
		w.find("lobby") // which waits for the end
		w.expect("+lobby", "-lobby: shutdown", "+lobby")
	})
}

// Stop also ends the attempts to restart an entity, and a start under way.
func TestStopOfAnEntityThatDoesNotRun(t *testing.T) {
	inWorld(t, entity.Config{Backoff: supervisor.Backoff{Min: time.Hour}}, func(w *world) {
		w.find("lobby").Send(crash)
		w.expect("+lobby", "-lobby: boom")
		if err := w.rooms.Stop(w.Context(), "lobby"); err != nil {
			t.Error(err)
		}
		w.expectNothing()
		begun := time.Now()
		w.find("lobby")
		if took := time.Since(begun); took > 0 {
			t.Errorf("the next one took %v", took)
		}

		w.inInit("slow", func(*actor.Context[do]) error { time.Sleep(time.Minute); return nil })
		found := make(chan error)
		go func() {
			_, err := w.rooms.Find(w.Context(), "slow")
			found <- err
		}()
		synctest.Wait()
		if err := w.rooms.Stop(w.Context(), "slow"); err != nil {
			t.Error(err)
		}
		if err := <-found; err != nil { // it has found the next one
			t.Error(err)
		}
		w.expect("+lobby", "+slow", "-slow: shutdown", "+slow")
	})
}

// An entity cannot wait for its own end.
func TestEntityCannotStopItself(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		errs := make(chan error, 1)
		w.find("lobby").Send(func(ctx *actor.Context[do]) error {
			errs <- w.rooms.Stop(ctx, "lobby")
			return nil
		})
		w.expectError(<-errs, actor.ErrSelf)
		w.find("lobby")
	})
}

// What is not there any more when the set's supervisor is killed starts anew on demand,
// under the next one; what waits for an entity of the old one ends.
func TestSetRecoversWhenItsSupervisorIsKilled(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		kill := func() {
			t.Helper()
			list, err := w.sup.Children(w.Context())
			if err != nil {
				t.Fatal(err)
			}
			list[0].PID.Exit(actor.Kill)
		}
		before := w.find("lobby")
		kill()
		if now, ok := w.rooms.Lookup("lobby"); ok {
			t.Errorf("it finds %v under a supervisor that is dead", now)
		}
		w.expect("+lobby", "-lobby: killed")
		if after := w.find("lobby"); after == before || before.PID() != (actor.PID{}) {
			t.Errorf("found %v, was %v", after, before)
		}
		w.expect("+lobby")

		w.inInit("slow", func(ctx *actor.Context[do]) error { <-ctx.Done(); return ctx.Err() })
		waits := make(chan error)
		go func() {
			_, err := w.rooms.Find(w.Context(), "slow")
			waits <- err
		}()
		synctest.Wait()
		w.inInit("slow", nil)
		kill()
		// It may find the set not running, or the next one.
		if err := <-waits; err != nil {
			w.expectError(err, actor.NoProc)
		}
		synctest.Wait()
		w.find("slow")
		w.find("lobby")
	})
}

// The supervisor of one entity may be killed as well: that entity ends, and its successor
// does not run beside it.
func TestEntityWhoseSupervisorIsKilledIsForgotten(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		ref := w.find("lobby")
		info, _ := ref.PID().Info()
		ref.Send(func(ctx *actor.Context[do]) error { time.Sleep(3 * time.Second); return nil })
		synctest.Wait()
		info.Parent.Exit(actor.Kill)
		synctest.Wait()
		begun := time.Now()
		next := w.find("lobby")
		if took := time.Since(begun); next == ref || took != 3*time.Second {
			t.Errorf("found %v after %v, was %v", next, took, ref)
		}
		w.expect("+lobby", "-lobby: killed", "+lobby")
	})
}

// A set that does not run, never did, or has been stopped says so.
func TestSetThatDoesNotRun(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		me := w.someone()
		w.find("lobby")
		if err := w.sup.Stop(w.Context()); err != nil {
			t.Fatal(err)
		}
		var zero entity.Set[string, do]
		for name, set := range map[string]*entity.Set[string, do]{
			"zero":    &zero,
			"unborn":  entity.New(plain, func(string) *room { return nil }),
			"stopped": w.rooms,
		} {
			_, err := set.Find(w.Context(), "lobby")
			w.expectError(err, actor.NoProc)
			_, _, err = set.Hold(w.Context(), me, "lobby")
			w.expectError(err, actor.NoProc)
			_, err = entity.Call(w.Context(), set, "lobby", func(actor.Reply[int]) do { return nil })
			w.expectError(err, actor.NoProc)
			w.expectError(set.Send(w.Context(), "lobby", nil), actor.NoProc)
			if err := set.Stop(w.Context(), "lobby"); err != nil {
				t.Errorf("%s: Stop: %v", name, err)
			}
			if _, ok := set.Lookup("lobby"); ok || set.Count() != 0 {
				t.Errorf("%s: something runs", name)
			}
		}
	})
}
