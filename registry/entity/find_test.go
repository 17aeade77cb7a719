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

var plain entity.Config

// REG-10, T-96: those that want one key at once get one entity, whose Init runs once.
func TestConcurrentFindersGetOneEntity(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		w.inInit("lobby", func(*actor.Context[do]) error { time.Sleep(time.Second); return nil })
		refs := make(chan supervisor.Ref[do], 50)
		for range cap(refs) {
			go func() {
				ref, err := w.rooms.Find(w.Context(), "lobby")
				if err != nil {
					t.Error(err)
				}
				refs <- ref
			}()
		}
		first := <-refs
		for range cap(refs) - 1 {
			if ref := <-refs; ref != first || !ref.PID().Alive() {
				t.Errorf("got %v, another one %v", ref, first)
			}
		}
		w.expect("+lobby")
		if again := w.find("lobby"); again != first {
			t.Errorf("then it is %v", again)
		}
		if ref, ok := w.rooms.Lookup("lobby"); !ok || ref != first || w.rooms.Count() != 1 {
			t.Errorf("looked up %v, %v, among %d", ref, ok, w.rooms.Count())
		}
		if _, ok := w.rooms.Lookup("attic"); ok {
			t.Error("found a room that nobody wanted")
		}
	})
}

// A finder that gives up takes neither the start nor the other finders with it.
func TestFinderThatGivesUpHarmsNobody(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		w.inInit("lobby", func(*actor.Context[do]) error { time.Sleep(time.Hour); return nil })
		ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
		defer cancel()
		patient := make(chan error, 1)
		go func() {
			synctest.Wait() // the other one has begun the start
			_, err := w.rooms.Find(w.Context(), "lobby")
			patient <- err
		}()
		_, err := w.rooms.Find(ctx, "lobby")
		w.expectError(err, context.DeadlineExceeded)
		if err := <-patient; err != nil {
			t.Error(err)
		}
		w.expect("+lobby")
		w.find("lobby")
	})
}

// A crash restarts the entity under its key, after its back-off. Finders wait for that
// and do not shorten it, and the Ref of before follows.
func TestFindWaitsForTheRestartAfterACrash(t *testing.T) {
	inWorld(t, entity.Config{Backoff: supervisor.Backoff{Min: time.Second}}, func(w *world) {
		ref := w.find("lobby")
		old := ref.PID()
		ref.Send(crash)
		w.expect("+lobby", "-lobby: boom")
		if _, ok := w.rooms.Lookup("lobby"); ok || w.rooms.Count() != 0 {
			t.Error("it is found while it does not run")
		}

		ctx, cancel := context.WithTimeout(w.Context(), 900*time.Millisecond)
		defer cancel()
		_, err := w.rooms.Find(ctx, "lobby")
		w.expectError(err, context.DeadlineExceeded, errBoom)
		if want := `entity: find rooms "lobby": context deadline exceeded; meanwhile: boom`; err.Error() != want {
			t.Errorf("the error is %q, want %q", err, want)
		}
		w.expect()

		begun := time.Now()
		again := w.find("lobby")
		if waited := time.Since(begun); waited != 100*time.Millisecond {
			t.Errorf("waited for %v", waited)
		}
		if again != ref || ref.PID() == old || !ref.PID().Alive() {
			t.Errorf("found %v, was %v: %v", again, ref, old)
		}
		w.expect("+lobby")
	})
}

// A first start that fails gives all that wait its error, and leaves nothing.
func TestFailingFirstStartLeavesNothing(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error":  func() error { return errBoom },
		"panic":  func() error { panic(errBoom) },
		"ignore": func() error { return actor.Ignore },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, plain, func(w *world) {
				fails := true
				w.inInit("lobby", func(*actor.Context[do]) error {
					time.Sleep(time.Second)
					if fails {
						return fail()
					}
					return nil
				})
				errs := make(chan error, 10)
				for range cap(errs) {
					go func() {
						_, err := w.rooms.Find(w.Context(), "lobby")
						errs <- err
					}()
				}
				for range cap(errs) {
					err := <-errs
					if name == "ignore" {
						w.expectError(err, actor.Ignore)
					} else {
						w.expectError(err, errBoom)
					}
				}
				w.mu.Lock()
				w.live["lobby"] = 0 // one that panics cannot tell
				w.mu.Unlock()
				w.expectNothing()
				fails = false
				w.find("lobby")
			})
		})
	}
}

// An entity that has done its work is forgotten, and the next Find starts a new one.
func TestEntityThatStopsIsForgotten(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		ref := w.find("lobby")
		ref.Send(finish)
		w.expect("+lobby", "-lobby: normal")
		w.expectNothing()
		if next := w.find("lobby"); next == ref {
			t.Error("the next one has the Ref of the one before")
		}
		w.expect("+lobby")
	})
}

// One key in a crash loop costs the others nothing: it is tried again with its own
// back-off, and there is no budget that it could spend.
func TestCrashLoopOfOneKeyConcernsNoOther(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		quiet := w.find("quiet")
		pid := quiet.PID()
		w.find("loop").Send(crash)
		attempts := 0
		w.inInit("loop", func(*actor.Context[do]) error { attempts++; return errBoom })
		time.Sleep(time.Hour)
		synctest.Wait()
		// 0.1 s, 0.2 s and so on, and then once in 24 to 30 s
		if attempts < 3600/30 || attempts > 3600/24+10 {
			t.Errorf("there were %d attempts in an hour", attempts)
		}
		if now, err := w.rooms.Find(w.Context(), "quiet"); err != nil || now.PID() != pid {
			t.Errorf("the other one is %v, was %v, error %v", now, pid, err)
		}
		w.inInit("loop", nil)
		w.find("loop")
	})
}

// A slow Init keeps those waiting that want its key, and nobody else.
func TestSlowInitHoldsUpItsOwnFindersOnly(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		w.inInit("slow", func(*actor.Context[do]) error { time.Sleep(time.Hour); return nil })
		go func() { _, _ = w.rooms.Find(w.Context(), "slow") }()
		synctest.Wait()
		begun := time.Now()
		w.find("quick")
		w.find("quick").Send(crash)
		w.expect("+quick", "-quick: boom")
		if took := time.Since(begun); took > 0 {
			t.Errorf("another key took %v", took)
		}
		w.find("slow")
	})
}

// A Find from an Init gets other entities. Where it would wait for itself, or for one that
// waits for it, it gets an error in place of a deadlock.
func TestFindInInit(t *testing.T) {
	for _, test := range []struct {
		rooms  string // each wants the next one, and is wanted by the one before
		circle bool
	}{{"ab", false}, {"abc", false}, {"aa", true}, {"aba", true}, {"abca", true}} {
		t.Run(test.rooms, func(t *testing.T) {
			inWorld(t, plain, func(w *world) {
				errs := make(chan error, 10)
				for i := range len(test.rooms) - 1 {
					w.inInit(test.rooms[i:i+1], func(ctx *actor.Context[do]) error {
						_, err := w.rooms.Find(ctx, test.rooms[i+1:i+2])
						errs <- err
						return nil
					})
				}
				w.find("a")
				synctest.Wait()
				close(errs)
				refused := 0
				for err := range errs {
					if err != nil {
						w.expectError(err, actor.ErrSelf)
						refused++
					}
				}
				if test.circle != (refused == 1) || refused > 1 {
					t.Errorf("%d were refused", refused)
				}
				if got := w.rooms.Count(); test.circle != (got == len(test.rooms)-1) {
					t.Errorf("%d rooms run", got)
				}
			})
		})
	}
}
