package actortest_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
)

// The tests of docs/guide/testing.md.

func TestPingerCounts(t *testing.T) {
	sys := actortest.NewSystem(t)
	probe := actortest.NewProbe[pong](t, sys)
	ref, err := actor.Spawn(sys, newPinger)
	if err != nil {
		t.Fatal(err)
	}
	ref.Send(ping{probe.Ref()})
	ref.Send(ping{probe.Ref()})
	probe.Expect(pong{1})
	probe.Expect(pong{2})
	probe.ExpectNone(ref.PID())
}

func TestPingerEndsWithItsDisk(t *testing.T) {
	sys := actortest.NewSystem(t, actortest.Silent())
	probe := actortest.NewProbe[pong](t, sys)
	errDisk := errors.New("disk full")
	ref, err := actor.Spawn(sys, actortest.Inject(newPinger,
		actortest.Fault{Message: 2, Do: actortest.Fail(errDisk)}))
	if err != nil {
		t.Fatal(err)
	}
	probe.Watch(ref.PID())
	ref.Send(ping{probe.Ref()})
	ref.Send(ping{probe.Ref()})
	probe.Expect(pong{1})
	probe.ExpectDown(ref.PID(), errDisk)
}

func TestPingerEveryHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t)
		probe := actortest.NewProbe[pong](t, sys)
		ref, err := actor.Spawn(sys, newPinger)
		if err != nil {
			t.Fatal(err)
		}
		ref.SendEvery(time.Hour, ping{probe.Ref()})
		time.Sleep(2 * time.Hour) // takes no time
		probe.Expect(pong{1})
		probe.Expect(pong{2})
	})
}
