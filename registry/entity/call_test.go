package entity_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/entity"
	"github.com/troupe-go/troupe/supervisor"
)

// answer makes a request that is answered after a while.
func (w *world) answer(after time.Duration) func(actor.Reply[string]) do {
	return func(r actor.Reply[string]) do {
		return func(ctx *actor.Context[do]) error {
			time.Sleep(after)
			w.note("answers")
			r.Send(ctx.PID().Label())
			return nil
		}
	}
}

// A call starts the entity, waits for its restart, and keeps it until there is an answer.
func TestCallFindsTheEntity(t *testing.T) {
	inWorld(t, entity.Config{Backoff: supervisor.Backoff{Min: time.Second}}, func(w *world) {
		got, err := entity.Call(w.Context(), w.rooms, "lobby", w.answer(0))
		if want := `rooms "lobby"`; got != want || err != nil {
			t.Errorf("the answer is %q, %v, want %q", got, err, want)
		}
		w.find("lobby").Send(crash)
		synctest.Wait()
		if _, err = entity.Call(w.Context(), w.rooms, "lobby", w.answer(0)); err != nil {
			t.Error(err)
		}
		w.expect("+lobby", "answers", "-lobby: boom", "+lobby", "answers")
	})
}

// The last holder goes while a call is under way: the entity ends after it.
func TestEntityEndsAfterTheCallThatIsUnderWay(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		_, release := w.hold(w.someone(), "lobby")
		called := make(chan error)
		go func() {
			_, err := entity.Call(w.Context(), w.rooms, "lobby", w.answer(time.Second))
			called <- err
		}()
		synctest.Wait()
		release()
		if err := <-called; err != nil {
			t.Error(err)
		}
		w.expect("+lobby", "answers", "-lobby: shutdown")
	})
}

// A request that may have been carried out is not made again.
func TestCallIsMadeOnceAtMost(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		made := 0
		_, err := entity.Call(w.Context(), w.rooms, "lobby", func(actor.Reply[int]) do {
			made++
			return crash
		})
		w.expectError(err, errBoom)
		call, ok := errors.AsType[*actor.CallError](err)
		if want := `entity: call rooms "lobby": it ended: boom`; !ok || !call.Ended || err.Error() != want {
			t.Errorf("the error is %q, want %q", err, want)
		}
		_, err = entity.Call(w.Context(), w.rooms, "lobby", func(r actor.Reply[int]) do {
			made++
			return func(*actor.Context[do]) error { r.Fail(actor.NoProc); return nil }
		})
		w.expectError(err, actor.NoProc)
		if made != 2 {
			t.Errorf("%d requests were made for two calls", made)
		}
	})
}

// Entities that end as soon as they have started do not follow one another for ever.
func TestCallToAnEntityThatEndsAtOnce(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		w.inInit("lobby", func(ctx *actor.Context[do]) error {
			ctx.Continue(func(*actor.Context[do]) error { return actor.Stop })
			return nil
		})
		for range 10 {
			// Each may be in time for the entity, and then gets its end.
			_, err := entity.Call(w.Context(), w.rooms, "lobby", w.answer(0))
			if !errors.Is(err, actor.NoProc) && !errors.Is(err, actor.Normal) {
				t.Fatal(err)
			}
			if err := w.rooms.Send(w.Context(), "lobby", crash); err != nil {
				w.expectError(err, actor.NoProc)
			}
		}
		synctest.Wait()
		w.expectNothing()
	})
}

// Send starts the entity, or waits for its restart.
func TestSendFindsTheEntity(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		note := func(*actor.Context[do]) error { w.note("got it"); return nil }
		for _, m := range []do{note, crash} {
			if err := w.rooms.Send(w.Context(), "lobby", m); err != nil {
				t.Error(err)
			}
		}
		w.expect("+lobby", "got it", "-lobby: boom")
		if err := w.rooms.Send(w.Context(), "lobby", note); err != nil {
			t.Error(err)
		}
		w.expect("+lobby", "got it")
	})
}
