package entity_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/entity"
	"github.com/troupe-go/troupe/supervisor"
)

// A set tells of its restarts, and can be looked at, as a supervisor.
func TestSetIsLookedAtAsASupervisor(t *testing.T) {
	inWorld(t, entity.Config{ID: "rooms", Backoff: supervisor.Backoff{Min: time.Second, Max: time.Second}}, func(w *world) {
		var told []supervisor.Restarted
		defer w.sys.Observe(func(e actor.Event) {
			if r, ok := e.(supervisor.Restarted); ok {
				told = append(told, r)
			}
		})()
		ids := []string{"attic", "lobby", "cellar"}
		for _, id := range ids {
			w.find(id)
		}
		lobby := w.find("lobby")
		keeper, old := lobby.PID().Parent(), lobby.PID()
		failed := false
		w.inInit("lobby", func(*actor.Context[do]) error {
			if !failed {
				failed = true
				return errBoom
			}
			return nil
		})
		lobby.Send(crash)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		now := lobby.PID()
		if now.IsZero() || now == old || now.Restarts() != 1 {
			t.Fatalf("%v is now %v, after %d restarts", old, now, now.Restarts())
		}
		if len(told) != 1 {
			t.Fatalf("told of %+v", told)
		}
		r := told[0]
		if r.Supervisor != keeper || r.Child != `rooms "lobby"` || r.Old != old || r.New != now || r.Restarts != 1 ||
			r.Took != 2*time.Second || r.Reason.Error() != errBoom.Error() {
			t.Errorf("told of %+v", r)
		}
		past, err := supervisor.History(w.Context(), now)
		if err != nil || fmt.Sprint(past) != fmt.Sprint(told) {
			t.Errorf("history: %+v, %v", past, err)
		}
		for from, id := range ids {
			part, err := supervisor.Look(w.Context(), keeper, from, 1)
			if err != nil || part.Total != 3 || len(part.Children) != 1 || part.Children[0].ID != fmt.Sprintf("rooms %q", id) {
				t.Errorf("place %d: %+v, %v", from, part, err)
			}
		}
	})
}
