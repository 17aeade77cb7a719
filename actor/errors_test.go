package actor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Errors say the package once, what was tried, with which actor, by its name if it has
// one, and what went wrong.
func TestErrorTexts(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		house := start(t, sys, &script{}, actor.Name("house"))
		labelled := start(t, sys, &script{})
		in(t, labelled, func(ctx *doContext) { ctx.SetLabel("room:1") })
		plain := start(t, sys, &script{})
		gone := start(t, sys, &script{}, actor.Name("gone"))
		gone.PID().Exit(errBoom)
		ended(t, gone.PID())
		late, cancel := context.WithCancel(t.Context())
		cancel()

		call := func(ctx context.Context, to actor.Ref[do], handle func(actor.Reply[int]) do) error {
			_, err := actor.Call(ctx, to, handle)
			return err
		}
		nothing := func(actor.Reply[int]) do { return func(*doContext) error { return nil } }
		spawn := func(init func(*doContext) error, opts ...actor.Option) error {
			_, err := actor.Spawn(sys, behave(&scriptInit{init: init}), opts...)
			return err
		}
		failed := func(*doContext) error { return errBoom }
		var self, link error
		in(t, house, func(ctx *doContext) {
			self = call(ctx, ctx.Self(), nothing)
			link = ctx.Link(gone.PID())
		})
		_, unknown := actor.Lookup[do](sys, "nobody")
		_, mistyped := actor.Lookup[string](sys, "house")
		_, notKept := house.PID().Log(t.Context())

		for want, err := range map[string]error{
			`actor: call "gone": not running`:                                call(t.Context(), gone, nothing),
			`actor: call nobody: not running`:                                call(t.Context(), actor.Ref[do]{}, nothing),
			`actor: call "house": context canceled`:                          call(late, house, nothing),
			`actor: call <0.2> (room:1): context canceled`:                   call(late, labelled, nothing),
			`actor: call "house": boom`:                                      call(t.Context(), house, func(r actor.Reply[int]) do { r.Fail(errBoom); return returning(nil) }),
			`actor: call <0.3>: it ended: boom`:                              call(t.Context(), plain, func(actor.Reply[int]) do { return returning(errBoom) }),
			`actor: call "house": an actor cannot wait for itself`:           self,
			`actor: link to "gone": not running`:                             link,
			`actor: look up "nobody": not running`:                           unknown,
			`actor: look up "house": its messages are not of type string`:    mistyped,
			`actor: log "house": the actor was not told to keep it`:          notKept,
			`actor: stop "gone": not running`:                                gone.PID().Stop(t.Context(), nil),
			`actor: stop nobody: not running`:                                actor.PID{}.Stop(t.Context(), nil),
			`actor: register <0.2> (room:1): name "house" is taken by <0.1>`: sys.Register("house", labelled.PID()),
			`actor: register "house" as "x": it has a name already`:          sys.Register("x", house.PID()),
			`actor: register "gone" as "x": not running`:                     sys.Register("x", gone.PID()),
			`actor: spawn: name "house" is taken by <0.1>`:                   spawn(failed, actor.Name("house")),
			`actor: spawn "x": boom`:                                         spawn(failed, actor.Name("x")),
			`actor: spawn: its Init took longer than StartTimeout allows`: spawn(nil, actor.StartTimeout(time.Second),
				actor.BeforeInit(func(pid actor.PID) error { <-pid.Done(); return nil })),
			`actor: spawn: boom`: spawn(nil, actor.BeforeInit(func(actor.PID) error { return errBoom })),
		} {
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		}
	})
}

// A caller can tell the end of its callee from an answer that is an error.
func TestCallErrorTellsOfEnd(t *testing.T) {
	sys := newSystem(t)
	for name, c := range map[string]struct {
		handle func(actor.Reply[int]) do
		ended  bool
	}{
		"failed": {func(r actor.Reply[int]) do { r.Fail(errBoom); return returning(nil) }, false},
		"ended":  {func(actor.Reply[int]) do { return returning(errBoom) }, true},
	} {
		for kind, ask := range map[string]func(actor.Ref[do]) error{
			"Call": func(to actor.Ref[do]) error { _, err := actor.Call(t.Context(), to, c.handle); return err },
			"Ask": func(to actor.Ref[do]) error {
				_, err := actor.Ask(t.Context(), to, c.handle).Wait(t.Context())
				return err
			},
		} {
			err := ask(start(t, sys, &script{}))
			if e, ok := errors.AsType[*actor.CallError](err); !ok || e.Ended != c.ended || e.Err != errBoom {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
		}
	}
}

// The text of a shutdown that failed names the actors, but not a thousand of them.
func TestShutdownErrorText(t *testing.T) {
	sys := newSystem(t)
	house := start(t, sys, &script{}, actor.Name("house"))
	killed, stuck := []actor.PID{house.PID()}, []actor.PID{start(t, sys, &script{}).PID()}
	for want, e := range map[string]*actor.ShutdownError{
		`actor: shut down: 1 killed: "house"`:                              {Killed: killed},
		`actor: shut down: 1 stuck in a handler: <0.2>`:                    {Abandoned: stuck},
		`actor: shut down: 1 killed: "house"; 1 stuck in a handler: <0.2>`: {Killed: killed, Abandoned: stuck},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	e := &actor.ShutdownError{Killed: killed, Abandoned: stuck}
	for range 1000 {
		e.Killed = append(e.Killed, house.PID())
	}
	if got := e.Error(); !strings.Contains(got, `"house" and 985 more;`) || len(got) > 400 {
		t.Error(got)
	}
}
