package statem_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/statem"
)

func TestAnOpenDoorLocksItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door := make(chan doorState, 3)
		lock, err := actor.Spawn(actortest.NewSystem(t), statem.New(func() *codeLock {
			return &codeLock{code: "1234", stays: 10 * time.Second, door: door}
		}))
		if err != nil {
			t.Fatal(err)
		}
		for _, digit := range "1234" {
			lock.Send(button(digit))
		}
		is := func(want doorState) {
			t.Helper()
			synctest.Wait()
			err := statem.Inspect(t.Context(), lock, func(state doorState, _ statem.Machine[doorState, button]) {
				if state != want {
					t.Errorf("the door is %s, want %s", state, want)
				}
			})
			if err != nil {
				t.Error(err)
			}
		}
		is(open)
		time.Sleep(9 * time.Second) // takes no time
		is(open)
		time.Sleep(2 * time.Second)
		is(locked)
	})
}
