package entity_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/entity"
	"github.com/troupe-go/troupe/supervisor"
)

// An entity ends a while after the last holder has gone: by its end, or by its release.
func TestEntityEndsWhenItsLastHolderHasGone(t *testing.T) {
	inWorld(t, entity.Config{Linger: time.Minute}, func(w *world) {
		a, b := w.someone(), w.someone()
		ref, _ := w.hold(a, "lobby")
		_, release := w.hold(b, "lobby")
		w.hold(b, "attic")
		release()
		release() // which does nothing more
		time.Sleep(time.Hour)
		w.expect("+lobby", "+attic")

		a.Exit(actor.Kill)
		time.Sleep(59 * time.Second)
		w.expect()
		if got := w.find("lobby"); got != ref {
			t.Errorf("while it lingers it is %v, was %v", got, ref)
		}
		time.Sleep(time.Second)
		w.expect("-lobby: shutdown")
		time.Sleep(time.Hour)
		w.expect()
		b.Exit(actor.Kill)
		time.Sleep(time.Hour)
		w.expect("-attic: shutdown")
		w.expectNothing()
	})
}

// Without a Linger it ends at once.
func TestEntityEndsAtOnceWithoutLinger(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		_, release := w.hold(w.someone(), "lobby")
		w.expect("+lobby")
		release()
		w.expect("-lobby: shutdown")
	})
}

// A holder that comes while the entity lingers keeps it, and the time begins anew with the
// next one that goes.
func TestHolderThatComesBackKeepsTheEntity(t *testing.T) {
	inWorld(t, entity.Config{Linger: time.Minute}, func(w *world) {
		me := w.someone()
		first, release := w.hold(me, "lobby")
		for range 10 {
			release()
			time.Sleep(time.Minute - 1)
			var again = first
			again, release = w.hold(me, "lobby")
			if again != first {
				t.Fatalf("it is %v, was %v", again, first)
			}
		}
		time.Sleep(time.Hour)
		w.expect("+lobby")
		release()
		time.Sleep(time.Minute)
		w.expect("-lobby: shutdown")
	})
}

// What comes when the entity is on its way out waits for its end, and gets the next one.
func TestNobodyGetsAnEntityThatIsOnItsWayOut(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		me := w.someone()
		old, release := w.hold(me, "lobby")
		old.Send(func(*actor.Context[do]) error { time.Sleep(time.Second); w.note("done"); return nil })
		synctest.Wait()
		release()
		if _, ok := w.rooms.Lookup("lobby"); ok {
			t.Error("it is found on its way out")
		}
		begun := time.Now()
		next, _ := w.hold(me, "lobby")
		if took := time.Since(begun); next == old || took != time.Second {
			t.Errorf("got %v, was %v, after %v", next, old, took)
		}
		w.expect("+lobby", "done", "-lobby: shutdown", "+lobby")
	})
}

// The back-off of an entity holds also when its last holder goes meanwhile. If nobody comes,
// the entity is not started again.
func TestBackoffOutlastsTheLastHolder(t *testing.T) {
	inWorld(t, entity.Config{Backoff: supervisor.Backoff{Min: time.Minute}}, func(w *world) {
		crashHeld := func() {
			t.Helper()
			ref, release := w.hold(w.someone(), "lobby")
			ref.Send(crash)
			synctest.Wait()
			release()
			w.expect("+lobby", "-lobby: boom")
		}
		for _, comes := range []func(){
			func() { w.find("lobby") },
			func() { w.hold(w.someone(), "lobby") },
			func() { _ = w.rooms.Send(w.Context(), "lobby", crash) },
		} {
			crashHeld()
			begun := time.Now()
			comes()
			if waited := time.Since(begun); waited != time.Minute {
				t.Errorf("the next one came after %v", waited)
			}
			if err := w.rooms.Stop(w.Context(), "lobby"); err != nil {
				t.Error(err)
			}
			w.mu.Lock()
			w.events = nil
			w.mu.Unlock()
		}
		crashHeld()
		time.Sleep(time.Hour)
		w.expect()
		if n := w.sys.Count(); n != 2+5 { // the supervisors and those that have held
			t.Errorf("there are %d actors", n)
		}
	})
}

// A holder that has ended gets nothing, and the entity does not stay for it.
func TestHolderThatHasEnded(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		me := w.someone()
		me.Exit(actor.Kill)
		synctest.Wait()
		_, _, err := w.rooms.Hold(w.Context(), me, "lobby")
		w.expectError(err, actor.NoProc)
		w.expect("+lobby", "-lobby: shutdown")
		w.expectNothing()
	})
}

// A holder that gives up while it waits holds nothing.
func TestHolderThatGivesUp(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		w.inInit("lobby", func(*actor.Context[do]) error { time.Sleep(time.Minute); return nil })
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		_, _, err := w.rooms.Hold(ctx, w.someone(), "lobby")
		w.expectError(err, context.DeadlineExceeded)
		time.Sleep(time.Hour)
		w.expect("+lobby", "-lobby: shutdown")
	})
}

// One that is found while nobody holds it, because its holder has given up, stays.
func TestFinderOutlastsTheHolderThatGivesUp(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		w.inInit("lobby", func(*actor.Context[do]) error { time.Sleep(time.Minute); return nil })
		found := make(chan error, 1)
		go func() {
			_, err := w.rooms.Find(w.Context(), "lobby")
			found <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		_, _, err := w.rooms.Hold(ctx, w.someone(), "lobby")
		w.expectError(err, context.DeadlineExceeded)
		if err := <-found; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		w.expect("+lobby")
	})
}
