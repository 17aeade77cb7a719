package actortest_test

import (
	"errors"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
)

// ping asks for a pong.
type ping struct{ to actor.Ref[pong] }

type pong struct{ n int }

// pinger answers each ping with a pong, and counts.
type pinger struct{ n int }

func (p *pinger) Receive(_ *actor.Context[ping], m ping) error {
	p.n++
	m.to.Send(pong{p.n})
	return nil
}

func newPinger() *pinger { return &pinger{} }

func Example() {
	test := func(t testing.TB) { // func TestPinger(t *testing.T)
		sys := actortest.NewSystem(t)
		probe := actortest.NewProbe[pong](t, sys)
		ref, err := actor.Spawn(sys, newPinger)
		if err != nil {
			t.Fatal(err)
		}
		ref.Send(ping{probe.Ref()})
		ref.Send(ping{probe.Ref()})
		probe.Expect(pong{1})
		probe.ExpectMatch(func(p pong) bool { return p.n > 1 })
		probe.ExpectNone(ref.PID())
	}
	run(test)
	// Output: PASS
}

func ExampleInject() {
	test := func(t testing.TB) { // func TestClientSurvivesACrash(t *testing.T)
		sys := actortest.NewSystem(t)
		probe := actortest.NewProbe[pong](t, sys)
		ref, err := actor.Spawn(sys, actortest.Inject(newPinger,
			actortest.Fault{Message: 2, Do: actortest.Fail(errors.New("disk full"))}))
		if err != nil {
			t.Fatal(err)
		}
		probe.Watch(ref.PID())
		ref.Send(ping{probe.Ref()})
		ref.Send(ping{probe.Ref()})
		probe.ExpectDown(ref.PID(), nil)
		probe.Expect(pong{1})
	}
	run(test)
	// Output: PASS
}

func ExampleProbe_ExpectNone() {
	test := func(t testing.TB) { // func TestOddPingsOnly(t *testing.T)
		sys := actortest.NewSystem(t)
		probe := actortest.NewProbe[pong](t, sys)
		ref, err := actor.Spawn(sys, newPinger)
		if err != nil {
			t.Fatal(err)
		}
		ref.Send(ping{}) // to nobody
		// Not a sleep: the pinger has handled the ping.
		probe.ExpectNone(ref.PID())
	}
	run(test)
	// Output: PASS
}
