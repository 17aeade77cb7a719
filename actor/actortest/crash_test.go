package actortest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
)

// recorder tells a probe what it handles.
type recorder struct {
	probe actor.Ref[string]
	other actor.PID
}

func (r *recorder) Init(ctx *actor.Context[string]) error {
	ctx.TrapExit(true)
	ctx.IdleAfter(time.Minute)
	ctx.Monitor(r.other)
	r.probe.Send("init")
	return ctx.Link(r.other)
}

func (r *recorder) Receive(_ *actor.Context[string], m string) error {
	r.probe.Send(m)
	return nil
}

func (r *recorder) Terminate(_ *actor.Context[string], reason error) {
	r.probe.Send(fmt.Sprint("terminate ", reason))
}

func (r *recorder) HandleExit(_ *actor.Context[string], e actor.Exit) error {
	r.probe.Send(fmt.Sprint("exit ", e.Reason))
	return nil
}

func (r *recorder) HandleDown(_ *actor.Context[string], d actor.Down) error {
	r.probe.Send(fmt.Sprint("down ", d.Reason))
	return nil
}

func (r *recorder) HandleIdle(*actor.Context[string]) error {
	r.probe.Send("idle")
	return nil
}

// An actor that is crashed handles what waits, then ends as if it had failed
// itself: Terminate runs. A kill does neither. GS-40, GS-41
func TestCrash(t *testing.T) {
	t.Parallel()
	sys := actortest.NewSystem(t, actortest.Silent())
	for _, reason := range []error{nil, errBoom, actor.Normal, &actor.PanicError{Value: "x"}} {
		probe := actortest.NewProbe[string](t, sys)
		peer := spawn(t, sys)
		ref, err := actor.Spawn(sys, func() *recorder { return &recorder{probe.Ref(), peer.PID()} })
		if err != nil {
			t.Fatal(err)
		}
		ref.Send("m")
		actortest.Crash(t, ref.PID(), reason)
		want := reason
		if want == nil {
			want = actortest.ErrInjected
		}
		actortest.ExpectExit(t, ref.PID(), want)
		for _, m := range []string{"init", "m", fmt.Sprint("terminate ", want)} {
			probe.Expect(m)
		}
	}
}

// Faults strike at the message or the start that they name, counted over all
// incarnations, and nowhere else.
func TestInject(t *testing.T) {
	t.Parallel()
	sys := actortest.NewSystem(t, actortest.Silent())
	probe := actortest.NewProbe[string](t, sys)
	peer, err := actor.Spawn(sys, func() *trapper { return &trapper{} }) // so that it outlives those linked to it
	if err != nil {
		t.Fatal(err)
	}
	newRecorder := func() *recorder { return &recorder{probe.Ref(), peer.PID()} }
	release := make(chan struct{})
	newFaulty := actortest.Inject(newRecorder,
		actortest.Fault{Message: 2, Do: actortest.Panic("two")},
		actortest.Fault{Message: 4, Do: actortest.Fail(errBoom)},
		actortest.Fault{Message: 5, Do: actortest.Block(release)},
		actortest.Fault{Start: 2, Do: actortest.Fail(actortest.ErrInjected)},
	)
	start := func() actor.Ref[string] {
		t.Helper()
		ref, err := actor.Spawn(sys, newFaulty)
		if err != nil {
			t.Fatal(err)
		}
		probe.Expect("init")
		return ref
	}

	first := start()
	first.Send("1")
	first.Send("2")
	var p *actor.PanicError
	if reason := actortest.ExpectExit(t, first.PID(), nil); !errors.As(reason, &p) || p.Value != "two" {
		t.Errorf("ended with %v", reason)
	}
	probe.Expect("1")
	probe.Expect("terminate panic: two")

	if _, err := actor.Spawn(sys, newFaulty); !errors.Is(err, actortest.ErrInjected) {
		t.Errorf("the second start: %v", err)
	}

	third := start()
	third.Send("3")
	third.Send("4")
	actortest.ExpectExit(t, third.PID(), errBoom)
	probe.Expect("3")
	probe.Expect("terminate boom")

	fourth := start()
	fourth.Send("5")
	probe.ExpectNone()
	close(release)
	probe.Expect("5")
	actortest.Crash(t, peer.PID(), errBoom)
	got := map[string]bool{probe.Next(): true, probe.Next(): true}
	if !got["exit boom"] || !got["down boom"] {
		t.Errorf("came: %v", got)
	}
	probe.ExpectNone(fourth.PID())
}

// A behavior with faults in it is told that it is idle, and one without optional
// handlers gets along.
func TestInjectKeepsOptionalHandlers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		probe := actortest.NewProbe[string](t, sys)
		peer := spawn(t, sys)
		_, err := actor.Spawn(sys, actortest.Inject(func() *recorder { return &recorder{probe.Ref(), peer.PID()} }))
		if err != nil {
			t.Fatal(err)
		}
		probe.Expect("init")
		time.Sleep(time.Minute)
		synctest.Wait()
		probe.Expect("idle")

		bare, err := actor.Spawn(sys, actortest.Inject(newDoer))
		if err != nil {
			t.Fatal(err)
		}
		probe.Watch(bare.PID())
		bare.Send(func(ctx *actor.Context[do]) error {
			ctx.TrapExit(true)
			ctx.Monitor(peer.PID())
			ctx.IdleAfter(time.Second)
			return ctx.Link(peer.PID())
		})
		actortest.Sync(t, bare.PID())
		actortest.Crash(t, peer.PID(), nil)
		time.Sleep(time.Minute)
		bare.Send(returning(errBoom))
		probe.ExpectDown(bare.PID(), errBoom)
	})
}

// shown is a behavior that says how the log shows it.
type shown struct{ actor.BehaviorFunc[do] }

func (shown) LogValue() slog.Value { return slog.StringValue("as it says") }

func TestInjectKeepsWhatTheLogShows(t *testing.T) {
	for want, b := range map[slog.Kind]actor.Behavior[do]{
		slog.KindString: shown{},
		slog.KindGroup:  actor.BehaviorFunc[do](nil), // an empty group, which is not logged
	} {
		faulty := actortest.Inject(func() actor.Behavior[do] { return b })()
		if v := slog.AnyValue(faulty).Resolve(); v.Kind() != want || want == slog.KindGroup && len(v.Group()) > 0 {
			t.Errorf("%T is shown as %v", b, v)
		}
	}
}

// A fault that names no moment, or two, or does nothing, is a mistake in the test.
func TestInjectRefusesBadFaults(t *testing.T) {
	do := func(context.Context) error { return nil }
	for _, f := range []actortest.Fault{{Do: do}, {Message: 1, Start: 1, Do: do}, {Message: 1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v was accepted", f)
				}
			}()
			actortest.Inject(newDoer, f)
		}()
	}
}
