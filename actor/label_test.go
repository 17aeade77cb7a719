package actor_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
)

func TestLabel(t *testing.T) {
	var log logBuffer
	sys := loggedSystem(t, &log)
	a := start(t, sys, &script{})
	in(t, a, func(ctx *doContext) { ctx.SetLabel("room 12") })
	if info, _ := a.PID().Info(); a.PID().Label() != "room 12" || info.Label != "room 12" {
		t.Errorf("label %q, in Info %q", a.PID().Label(), info.Label)
	}
	a.Send(returning(errBoom))
	ended(t, a.PID())
	if !strings.Contains(log.String(), `label="room 12"`) || a.PID().Label() != "room 12" {
		t.Errorf("the log of the crash does not show the label:\n%s", log.String())
	}
	if l := (actor.PID{}).Label(); l != "" {
		t.Errorf("nobody is called %q", l)
	}
}

// badge is a behavior that says what its actor is.
type badge struct {
	script
	label func() string
}

func (b *badge) ActorLabel() string { return b.label() }

func labelled(label string) *badge { return &badge{label: func() string { return label }} }

// expectLabel fails the test if the actor is not called want.
func expectLabel(t *testing.T, pid actor.PID, want string) {
	t.Helper()
	if info, ok := pid.Info(); pid.Label() != want || ok && info.Label != want {
		t.Errorf("label %q, in Info %q; want %q", pid.Label(), info.Label, want)
	}
}

// A Labeler is asked as long as the actor lives, even if that is stuck in a handler. What
// SetLabel says comes first.
func TestLabeler(t *testing.T) {
	var log logBuffer
	sys := loggedSystem(t, &log)
	a := start(t, sys, labelled("room 12"))
	expectLabel(t, a.PID(), "room 12")
	in(t, a, func(ctx *doContext) { ctx.SetLabel("the last room") })
	expectLabel(t, a.PID(), "the last room")
	in(t, a, func(ctx *doContext) { ctx.SetLabel("") })
	expectLabel(t, a.PID(), "room 12")
	entered, release := make(chan struct{}), make(chan struct{})
	a.Send(func(*doContext) error { close(entered); <-release; return errBoom })
	<-entered
	expectLabel(t, a.PID(), "room 12")
	close(release)
	ended(t, a.PID())
	if !strings.Contains(log.String(), `label="room 12"`) {
		t.Errorf("the log of the crash does not show the label:\n%s", log.String())
	}
}

// An actor that has been given up has ended for others, and is still recognized. When
// nothing of it runs any more its behavior is let go.
func TestLabelerOfAnActorThatHasEnded(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		a := start(t, sys, labelled("room 12"))
		release := make(chan struct{})
		a.Send(func(*doContext) error { <-release; return nil })
		settle()
		a.PID().Exit(actor.Kill)
		a.PID().Abandon()
		ended(t, a.PID())
		expectLabel(t, a.PID(), "room 12")
		close(release)
		settle()
		expectLabel(t, a.PID(), "")
	})
}

// The behavior that an actor has at the moment is the one that is asked.
func TestLabelerOfABehaviorThatChanges(t *testing.T) {
	sys := newSystem(t)
	a := start(t, sys, &script{})
	expectLabel(t, a.PID(), "")
	in(t, a, func(ctx *doContext) { ctx.Become(labelled("open")) })
	expectLabel(t, a.PID(), "open")
	in(t, a, func(ctx *doContext) { ctx.Become(&script{}) })
	expectLabel(t, a.PID(), "")
	err := actor.Replace(t.Context(), a, func(actor.Behavior[do]) (actor.Behavior[do], error) { return labelled("closed"), nil })
	if err != nil {
		t.Fatal(err)
	}
	expectLabel(t, a.PID(), "closed")
}

// The label may be asked for while the actor works, changes and ends: the race detector
// says whether that is so.
func TestLabelIsAskedForBesideTheActor(t *testing.T) {
	sys := newSystem(t)
	for range 100 {
		a := start(t, sys, labelled("x"))
		looked := make(chan struct{})
		go func() {
			defer close(looked)
			for a.PID().Alive() {
				if l := a.PID().Label(); l != "x" && l != "y" && l != "" {
					t.Errorf("label %q", l)
				}
			}
		}()
		for _, b := range []actor.Behavior[do]{labelled("y"), &script{}, labelled("x")} {
			a.Send(func(ctx *doContext) error { ctx.Become(b); return nil })
		}
		a.Send(returning(actor.Stop))
		ended(t, a.PID())
		<-looked
	}
}

// A Labeler that fails costs the label, and nothing else: neither the caller nor the
// actor. One that does not return keeps those that look at others waiting no more.
func TestLabelerThatFails(t *testing.T) {
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				release := make(chan struct{})
				a := start(t, sys, &badge{label: func() string { fail(release); return "not to be seen" }})
				good := start(t, sys, labelled("good"))
				begun := time.Now()
				for range 10 {
					if info, ok := a.PID().Info(); !ok || info.Label != "" {
						t.Errorf("Info %+v, %v", info, ok)
					}
				}
				want, patience := "good", time.Duration(0)
				if name == "blocks" {
					want, patience = "", 5*time.Second
				}
				expectLabel(t, good.PID(), want)
				if took := time.Since(begun); took != patience {
					t.Errorf("it took %v", took)
				}
				in(t, a, func(*doContext) {}) // it goes on
				close(release)
				settle()
				expectLabel(t, good.PID(), "good")
			})
		})
	}
}

// A label has bounds, as all that may go to a log.
func TestLongLabelsAreCut(t *testing.T) {
	a := start(t, newSystem(t), labelled(strings.Repeat("x", 1<<20)))
	if n := len(a.PID().Label()); n > 10_000 {
		t.Errorf("%d bytes", n)
	}
}

// Errors call an actor by its label, without one of SetLabel, too.
func TestErrorsShowTheLabelOfALabeler(t *testing.T) {
	a := start(t, newSystem(t), labelled("room 12"))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	err := a.PID().Suspend(ctx)
	if want := fmt.Sprintf("actor: suspend %v (room 12): context canceled", a.PID()); err == nil || err.Error() != want || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %s", err, want)
	}
}

// What the log says of an actor is what it is called by: there is no empty name in it, and
// a label wherever a name would be.
func TestLogCallsAnActorByWhatItHas(t *testing.T) {
	for _, c := range []struct {
		name string
		opts []actor.Option
		want string
	}{
		{"nothing", nil, " "},
		{"a name", []actor.Option{actor.Name("house")}, " name=house "},
		{"a label", []actor.Option{actor.Label("room 12")}, ` label="room 12" `},
		{"both", []actor.Option{actor.Name("house"), actor.Label("room 12")}, ` name=house label="room 12" `},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logBuffer
				sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
				release := make(chan struct{})
				stuck := start(t, sys, &script{}, c.opts...)
				defer sys.Watchdog(time.Second)()
				stuck.Send(func(*doContext) error { <-release; return nil })
				time.Sleep(10 * time.Second) // of the bubble
				stuck.PID().Exit(actor.Kill)
				stuck.PID().Abandon()
				stuck.Send(returning(nil)) // a dead letter
				close(release)
				synctest.Wait()
				sys.Shutdown(t.Context())

				log.expect(t, `"a handler runs long" pid=`+stuck.String()+c.want+"for=")
				log.expect(t, `does not return" pid=`+stuck.String()+c.want+"stack=")
				log.expect(t, `"dead letters" to=`+stuck.String()+c.want+"reason=")
			})
			synctest.Test(t, func(t *testing.T) {
				var log logBuffer
				sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
				crashed := start(t, sys, &script{}, c.opts...)
				crashed.Send(returning(errBoom))
				synctest.Wait()
				sys.Shutdown(t.Context())
				log.expect(t, `"actor crashed" pid=`+crashed.String()+c.want+"reason=")
			})
		})
	}
}

func (b *logBuffer) expect(t *testing.T, part string) {
	t.Helper()
	if !strings.Contains(b.String(), part) {
		t.Errorf("no %s in the log:\n%s", part, b)
	}
}
