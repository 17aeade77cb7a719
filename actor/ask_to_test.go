package actor_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
)

// answered makes a message that writes down what came.
func answered(j *journal) func(int, error) do {
	return func(n int, err error) do {
		return func(*doContext) error {
			if err != nil {
				j.add("%v", err)
			} else {
				j.add("%d", n)
			}
			return nil
		}
	}
}

// saying is a message that writes a line.
func saying(j *journal, line string) do {
	return func(*doContext) error { j.add("%s", line); return nil }
}

// wantNothingAsked checks that no request is left with any of the actors.
func wantNothingAsked(t *testing.T, pids ...actor.PID) {
	t.Helper()
	for _, p := range pids {
		if callers, asking := actor.Asked(p); callers+asking != 0 {
			t.Errorf("%v has %d requests to answer, and waits for %d", p, callers, asking)
		}
	}
}

// GS-30: the answer is a message, between what the callee sent before it and after it.
func TestAskToKeepsTheOrder(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		asker := start(t, sys, &script{})
		server := spawnFunc(t, sys, func(_ *actor.Context[ask], m ask) error {
			asker.Send(saying(&j, "before"))
			m.reply.Send(m.n)
			asker.Send(saying(&j, "after"))
			return nil
		})
		in(t, asker, func(ctx *doContext) {
			for n := range 2 {
				actor.AskTo(ctx, server, asking(n), answered(&j))
			}
		})
		settle()
		j.expect(t, "before", "0", "after", "before", "1", "after")
		wantNothingAsked(t, asker.PID(), server.PID())
	})
}

// GS-22, GS-30: whatever becomes of a request, one message says so; nothing of it is left with
// either actor, and nothing is logged that would not be without it.
func TestAskToTellsWhatBecameOfTheRequest(t *testing.T) {
	const second = time.Second
	full := actor.Mailbox(mailbox.Bounded(1, mailbox.Fail))
	for name, c := range map[string]struct {
		answer func(ctx *actor.Context[ask], m ask) error
		opts   []actor.Option
		before func(callee actor.Ref[ask])
		then   func(p *actor.Pending[int], callee actor.Ref[ask])
		at     time.Duration
		is     error // nil: the answer is 7
		ended  bool
		logs   int
	}{
		"an answer":                     {answer: echo},
		"a late answer":                 {answer: after(3*second, func(m ask) { m.reply.Send(m.n) }), at: 3 * second},
		"an answer of another's":        {answer: func(_ *actor.Context[ask], m ask) error { go m.reply.Send(m.n); return nil }},
		"a refusal":                     {answer: func(_ *actor.Context[ask], m ask) error { m.reply.Fail(errBoom); return nil }, is: errBoom},
		"a crash":                       {answer: func(*actor.Context[ask], ask) error { return errBoom }, is: errBoom, ended: true, logs: 1},
		"a clean end":                   {answer: func(*actor.Context[ask], ask) error { return actor.Stop }, is: actor.Normal, ended: true},
		"an answer, and then a crash":   {answer: func(_ *actor.Context[ask], m ask) error { m.reply.Send(m.n); return errBoom }, logs: 1},
		"an answer and another":         {answer: func(_ *actor.Context[ask], m ask) error { m.reply.Send(m.n); m.reply.Fail(errBoom); return nil }},
		"a kill":                        {answer: silent, then: killAfter(second), at: second, is: actor.Killed, ended: true},
		"the dead":                      {answer: echo, before: func(c actor.Ref[ask]) { c.PID().Exit(actor.Kill); <-c.PID().Done() }, is: actor.NoProc},
		"no room":                       {answer: func(*actor.Context[ask], ask) error { time.Sleep(second); return nil }, opts: []actor.Option{full}, before: fill, is: actor.ErrFull},
		"given up":                      {answer: silent, then: func(p *actor.Pending[int], _ actor.Ref[ask]) { p.GiveUp() }, is: context.Canceled},
		"given up after a time":         {answer: silent, then: func(p *actor.Pending[int], _ actor.Ref[ask]) { p.GiveUpAfter(second) }, at: second, is: context.DeadlineExceeded},
		"given up at once":              {answer: silent, then: func(p *actor.Pending[int], _ actor.Ref[ask]) { p.GiveUpAfter(-1) }, is: context.DeadlineExceeded},
		"given up after another time":   {answer: silent, then: func(p *actor.Pending[int], _ actor.Ref[ask]) { p.GiveUpAfter(second); p.GiveUpAfter(2 * second) }, at: 2 * second, is: context.DeadlineExceeded},
		"an answer before that time":    {answer: after(second, func(m ask) { m.reply.Send(m.n) }), then: func(p *actor.Pending[int], _ actor.Ref[ask]) { p.GiveUpAfter(2 * second) }, at: second},
		"an answer after that time":     {answer: after(2*second, func(m ask) { m.reply.Send(m.n) }), then: func(p *actor.Pending[int], _ actor.Ref[ask]) { p.GiveUpAfter(second) }, at: second, is: context.DeadlineExceeded},
		"a crash when it is no concern": {answer: after(2*second, func(ask) { panic(errBoom) }), then: func(p *actor.Pending[int], _ actor.Ref[ask]) { p.GiveUp() }, is: context.Canceled, logs: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
				defer sys.Shutdown(t.Context())
				callee, asker := spawnFunc(t, sys, c.answer, c.opts...), start(t, sys, &script{})
				if c.before != nil {
					c.before(callee)
				}
				begin := time.Now()
				var came []string
				in(t, asker, func(ctx *doContext) {
					p := actor.AskTo(ctx, callee, asking(7), func(n int, err error) do {
						return func(*doContext) error {
							came = append(came, time.Since(begin).String())
							if c.is != nil {
								wantCallError(t, err, callee.PID(), c.is)
							} else if n != 7 || err != nil {
								t.Errorf("got %d, %v", n, err)
							}
							if e, ok := errors.AsType[*actor.CallError](err); ok && e.Ended != c.ended {
								t.Errorf("ended: %v", e.Ended)
							}
							return nil
						}
					})
					if c.then != nil {
						c.then(p, callee)
					}
				})
				time.Sleep(time.Minute)
				synctest.Wait()
				if want := []string{c.at.String()}; !slices.Equal(came, want) {
					t.Errorf("it came at %v, want %v", came, want)
				}
				wantNothingAsked(t, asker.PID(), callee.PID())
				if n := bytes.Count(log.Bytes(), []byte("\n")); n != c.logs {
					t.Errorf("%d records, want %d:\n%s", n, c.logs, &log)
				}
			})
		})
	}
}

// silent never answers.
func silent(*actor.Context[ask], ask) error { return nil }

// after has a callee do f when d has passed.
func after(d time.Duration, f func(ask)) func(*actor.Context[ask], ask) error {
	return func(ctx *actor.Context[ask], m ask) error {
		ctx.After(d, func(*actor.Context[ask]) error { f(m); return nil })
		return nil
	}
}

func killAfter(d time.Duration) func(*actor.Pending[int], actor.Ref[ask]) {
	return func(_ *actor.Pending[int], callee actor.Ref[ask]) {
		time.AfterFunc(d, func() { callee.PID().Exit(actor.Kill) })
	}
}

// fill leaves no room in the mailbox of one that is busy.
func fill(callee actor.Ref[ask]) {
	callee.Send(ask{})
	synctest.Wait()
	callee.Send(ask{})
}

// A request to nobody fails as one to the dead.
func TestAskToNobody(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		asker := start(t, sys, &script{})
		in(t, asker, func(ctx *doContext) { actor.AskTo(ctx, actor.Ref[ask]{}, asking(7), answered(&j)) })
		settle()
		j.expect(t, "actor: call nobody: not running")
		wantNothingAsked(t, asker.PID())
	})
}

// GS-30: an answer needs no room, whatever the limit of the asker's mailbox.
func TestAFullMailboxLosesNoAnswer(t *testing.T) {
	for _, policy := range []mailbox.Overflow{mailbox.Fail, mailbox.Block, mailbox.DropNewest, mailbox.DropOldest} {
		bubble(t, func(t *testing.T, sys *actor.System) {
			var j journal
			server := spawnFunc(t, sys, echo)
			asker := start(t, sys, &script{}, actor.Mailbox(mailbox.Bounded(1, policy)))
			asker.Send(func(ctx *doContext) error {
				ctx.Self().Send(saying(&j, "message")) // and there is no more room
				for n := range 3 {
					actor.AskTo(ctx, server, asking(n), answered(&j))
				}
				time.Sleep(time.Second)
				return nil
			})
			settle()
			time.Sleep(time.Minute)
			settle()
			j.expect(t, "message", "0", "1", "2")
		})
	}
}

// GS-30: when the asker ends its requests end: the callee sees that nobody wants the answer, and
// holds nothing.
func TestRequestsEndWithTheActorThatAskedTo(t *testing.T) {
	for name, end := range map[string]func(actor.PID, actor.Ref[do]){
		"killed":  func(p actor.PID, _ actor.Ref[do]) { p.Exit(actor.Kill) },
		"struck":  func(p actor.PID, _ actor.Ref[do]) { p.Exit(errBoom) },
		"stopped": func(_ actor.PID, r actor.Ref[do]) { r.Send(returning(actor.Stop)) },
		"crashed": func(_ actor.PID, r actor.Ref[do]) { r.Send(func(*doContext) error { panic(errBoom) }) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				const n = 20
				kept := make(chan actor.Reply[int], n)
				server, asker := spawnFunc(t, sys, mute(kept)), start(t, sys, &script{})
				var p *actor.Pending[int]
				in(t, asker, func(ctx *doContext) {
					for range n {
						p = actor.AskTo(ctx, server, asking(1), func(int, error) do {
							t.Error("an answer to the dead")
							return returning(nil)
						})
					}
				})
				settle()
				end(asker.PID(), asker)
				ended(t, asker.PID())
				wantNothingAsked(t, asker.PID(), server.PID())
				for range n {
					if r := <-kept; r.Wanted() || r.Send(1) {
						t.Error("the answer is wanted")
					}
				}
				_, err := p.Wait(t.Context())
				wantCallError(t, err, server.PID(), context.Canceled)
			})
		})
	}
}

// A doomed actor, whose handler still runs, asks nobody.
func TestTheDoomedAskNobody(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		server := spawnFunc(t, sys, func(*actor.Context[ask], ask) error { t.Error("a request"); return nil })
		asker := start(t, sys, &script{})
		asker.Send(func(ctx *doContext) error {
			asker.PID().Exit(actor.Kill)
			p := actor.AskTo(ctx, server, asking(1), func(int, error) do { return nil })
			_, err := p.Wait(context.Background())
			wantCallError(t, err, server.PID(), context.Canceled)
			return nil
		})
		ended(t, asker.PID())
		settle()
		wantNothingAsked(t, asker.PID(), server.PID())
	})
}

// SIG-2: what became of the request is known before the end of the callee is.
func TestAnAnswerComesBeforeTheDown(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		server, asker := spawnFunc(t, sys, silent), start(t, sys, journaled(&j))
		in(t, asker, func(ctx *doContext) {
			ctx.TrapExit(true)
			if err := ctx.Link(server.PID()); err != nil {
				t.Error(err)
			}
			ctx.Monitor(server.PID())
			actor.AskTo(ctx, server, asking(1), answered(&j))
		})
		server.PID().Exit(errBoom)
		settle()
		pid := server.PID().String()
		j.expect(t, "actor: call "+pid+": it ended: boom", "exit "+pid+" boom", "down "+pid+" boom")
	})
}

// GS-23: an actor may ask itself.
func TestAskToOneself(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var got int
		a := spawnFunc(t, sys, func(ctx *actor.Context[ask], m ask) error {
			switch {
			case m.n == 0:
				actor.AskTo(ctx, ctx.Self(), asking(7), func(n int, err error) ask {
					if err != nil {
						t.Error(err)
					}
					return ask{n: -n}
				})
			case m.n < 0:
				got = -m.n
			default:
				m.reply.Send(m.n)
			}
			return nil
		})
		a.Send(ask{})
		settle()
		if got != 7 {
			t.Errorf("got %d", got)
		}
		wantNothingAsked(t, a.PID())
	})
}

// The function that makes the message is the asker's: it runs in its turn, behind what waits,
// with its guard.
func TestTheAnswersMessageIsMadeByTheAsker(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(int, error) do
		check  func(error) bool
	}{
		"panics": {func(int, error) do { panic(errBoom) }, func(err error) bool {
			_, ok := errors.AsType[*actor.PanicError](err)
			return ok
		}},
		"exits": {func(int, error) do { runtime.Goexit(); return nil }, func(err error) bool { return errors.Is(err, actor.Goexit) }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				var j journal
				server, asker := spawnFunc(t, sys, echo), start(t, sys, &script{})
				asker.Send(func(ctx *doContext) error {
					ctx.Self().Send(saying(&j, "message"))
					actor.AskTo(ctx, server, asking(1), c.answer)
					time.Sleep(time.Second)
					j.add("handled")
					return nil
				})
				if err := ended(t, asker.PID()); !c.check(err) {
					t.Errorf("it ended: %v", err)
				}
				j.expect(t, "handled", "message")
				if !server.PID().Alive() {
					t.Error("the callee has ended")
				}
				wantNothingAsked(t, server.PID())
			})
		})
	}
}

// A request that could not be made is none: no message comes, and nothing is left.
func TestAskToWithARequestThatCannotBeMade(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		server, asker := spawnFunc(t, sys, echo), start(t, sys, &script{})
		in(t, asker, func(ctx *doContext) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			actor.AskTo(ctx, server, func(actor.Reply[int]) ask { panic(errBoom) }, func(int, error) do {
				t.Error("an answer")
				return returning(nil)
			})
		})
		settle()
		wantNothingAsked(t, asker.PID(), server.PID())
	})
}

func TestAskToWithoutAFunction(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		server, asker := spawnFunc(t, sys, echo), start(t, sys, &script{})
		in(t, asker, func(ctx *doContext) {
			for want, f := range map[string]func(){
				"actor: AskTo: newRequest is nil": func() {
					actor.AskTo(ctx, server, (func(actor.Reply[int]) ask)(nil), func(int, error) do { return nil })
				},
				"actor: AskTo: answer is nil": func() {
					actor.AskTo(ctx, server, asking(1), (func(int, error) do)(nil))
				},
			} {
				func() {
					defer func() {
						if v := recover(); v != want {
							t.Errorf("got %v, want %s", v, want)
						}
					}()
					f()
				}()
			}
		})
		wantNothingAsked(t, asker.PID(), server.PID())
	})
}

// An answer is a message in all that concerns messages: it waits for a suspended actor to be
// resumed, is traced, and may be stashed.
func TestAnAnswerIsAMessage(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		server := spawnFunc(t, sys, after(time.Second, func(m ask) { m.reply.Send(m.n) }))
		stashed := false
		asker := spawnFunc(t, sys, func(ctx *actor.Context[int], n int) error {
			switch {
			case n == 0:
				actor.AskTo(ctx, server, asking(7), func(n int, _ error) int { return n })
			case n == 7 && !stashed:
				stashed = true
				return ctx.Stash(n)
			case n == 1:
				ctx.Unstash()
			default:
				j.add("%d", n)
			}
			return nil
		})
		if err := asker.PID().Trace(t.Context(), func(x actor.Trace) { j.add("%v %v", x.Kind, x.Message) }); err != nil {
			t.Fatal(err)
		}
		asker.Send(0)
		settle()
		if err := asker.PID().Suspend(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1200 * time.Millisecond)
		settle()
		j.expect(t, "message 0")
		if err := asker.PID().Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		settle()
		j.expect(t, "message 7")
		asker.Send(1)
		settle()
		j.expect(t, "message 1", "7", "message 7")
	})
}

// An Init may ask; the answer comes when it has returned.
func TestAskToInInit(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		server := spawnFunc(t, sys, echo)
		for _, failure := range []error{nil, errBoom} {
			start := &scriptInit{init: func(ctx *doContext) error {
				actor.AskTo(ctx, server, asking(7), answered(&j))
				time.Sleep(time.Second)
				j.add("Init")
				return failure
			}}
			ref, err := actor.Spawn(sys, behave(start))
			if !errors.Is(err, failure) {
				t.Errorf("spawn: %v", err)
			}
			settle()
			if want := []string{"Init", "7"}; failure == nil {
				j.expect(t, want...)
			} else {
				j.expect(t, want[:1]...)
			}
			wantNothingAsked(t, server.PID())
			if failure == nil {
				wantNothingAsked(t, ref.PID())
			}
		}
	})
}

// GS-30: a request of Ask is given up in the same ways, and only once.
func TestGiveUp(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		server := sleeper(t, sys)
		p := actor.Ask(t.Context(), server, asking(1))
		for _, want := range []bool{true, false} {
			if got := p.GiveUp(); got != want {
				t.Errorf("given up: %v", got)
			}
		}
		_, err := p.Wait(t.Context())
		wantCallError(t, err, server.PID(), context.Canceled)

		p = actor.Ask(t.Context(), server, asking(3))
		p.GiveUpAfter(2 * time.Second)
		begin := time.Now()
		_, err = p.Wait(t.Context())
		wantCallError(t, err, server.PID(), context.DeadlineExceeded)
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("it took %v", took)
		}

		p = actor.Ask(t.Context(), server, asking(0))
		if got, err := p.Wait(t.Context()); got != 0 || err != nil || p.GiveUp() {
			t.Errorf("got %d, %v, or gave up", got, err)
		}
		p.GiveUpAfter(time.Second) // too late
		time.Sleep(time.Minute)
		if got, err := p.Wait(t.Context()); got != 0 || err != nil {
			t.Errorf("got %d, %v", got, err)
		}
		wantNothingAsked(t, server.PID())

		var none actor.Pending[int]
		none.GiveUpAfter(0)
		if none.GiveUp() {
			t.Error("gave up no request")
		}
	})
}

// GS-30 as a race: the callee is killed while it is being asked.
func TestAskToRacesTheCalleesDeath(t *testing.T) {
	sys := newSystem(t)
	asker := start(t, sys, &script{})
	for range 3000 {
		server := spawnFunc(t, sys, silent)
		came := make(chan error, 2)
		begin := make(chan struct{})
		go func() { <-begin; server.PID().Exit(actor.Kill) }()
		in(t, asker, func(ctx *doContext) {
			close(begin)
			actor.AskTo(ctx, server, asking(1), func(_ int, err error) do {
				return func(*doContext) error { came <- err; return nil }
			})
		})
		if err := await(t, came); !errors.Is(err, actor.Killed) && !errors.Is(err, actor.NoProc) {
			t.Error(err)
		}
		ended(t, server.PID())
		wantNothingAsked(t, asker.PID(), server.PID())
	}
}
