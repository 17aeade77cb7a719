package actor_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
)

func TestSuspendedActorHandlesNothingUntilResumed(t *testing.T) { // OBS-3
	for name, limit := range map[string]mailbox.Limit{"unbounded": mailbox.Unbounded, "bounded": mailbox.Bounded(3, mailbox.Fail)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				var j journal
				peer := start(t, sys, &script{})
				ref := start(t, sys, journaled(&j), actor.Mailbox(limit))
				trapping(t, ref)
				link(t, ref, peer)
				say := func(what string) do {
					return func(*doContext) error {
						j.add("%s", what)
						return nil
					}
				}
				pid, ctx := ref.PID(), t.Context()
				for range 2 { // twice is once
					if err := pid.Suspend(ctx); err != nil {
						t.Fatal(err)
					}
				}
				ref.Send(say("1"))
				peer.PID().Exit(actor.Shutdown)
				settle()
				ref.Send(say("2"))
				settle()
				j.expect(t)
				if info, _ := pid.Info(); info.Status != actor.Suspended || info.QueueLen != 2 {
					t.Errorf("info %+v, want suspended with 2 messages", info)
				}
				if limit != mailbox.Unbounded { // it still holds
					if first, second := ref.TrySend(say("3")), ref.TrySend(say("4")); first != nil || second != actor.ErrFull {
						t.Errorf("a third message: %v, a fourth: %v", first, second)
					}
				} else {
					ref.Send(say("3"))
				}
				short, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				if limit == mailbox.Unbounded {
					_, err := actor.Call(short, ref, func(r actor.Reply[int]) do {
						return func(*doContext) error {
							j.add("call")
							r.Send(1)
							return nil
						}
					})
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("call to a suspended actor: %v", err)
					}
				}
				if err := pid.Inspect(ctx, func(b any) { j.add("inspect %T", b) }); err != nil {
					t.Error(err)
				}
				j.expect(t, "inspect *actor_test.script")
				if err := pid.Resume(ctx); err != nil {
					t.Fatal(err)
				}
				settle()
				want := []string{"1", "exit " + peer.String() + " shutdown", "2", "3"}
				if limit == mailbox.Unbounded {
					want = append(want, "call")
				}
				j.expect(t, want...)
			})
		})
	}
}

func TestSuspendedInTheMiddleOfABatch(t *testing.T) { // OBS-1, OBS-3
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		ref := start(t, sys, &script{})
		say := func(what string) do {
			return func(*doContext) error {
				j.add("%s", what)
				return nil
			}
		}
		release := make(chan struct{})
		ref.Send(func(*doContext) error { <-release; return nil })
		settle()
		ref.Send(say("1"))
		go ref.PID().Suspend(t.Context()) // queues behind 1
		settle()
		ref.Send(say("2"))
		settle()
		close(release)
		settle()
		j.expect(t, "1")
		ref.Send(say("3"))
		if err := ref.PID().Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		settle()
		j.expect(t, "2", "3")
	})
}

func TestSuspendedActorCanBeStoppedAndKilled(t *testing.T) { // GS-44, OBS-3
	for name, end := range map[string]func(ctx context.Context, parent, child actor.Ref[do]) error{
		"stop": func(ctx context.Context, _, child actor.Ref[do]) error { return child.PID().Stop(ctx, nil) },
		"kill": func(_ context.Context, _, child actor.Ref[do]) error { child.PID().Exit(actor.Kill); return nil },
		"parent": func(_ context.Context, parent, _ actor.Ref[do]) error {
			parent.Send(returning(actor.Shutdown))
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				parent := start(t, sys, &script{})
				var child actor.Ref[do]
				in(t, parent, func(ctx *doContext) {
					var err error
					if child, err = actor.SpawnLink(ctx, behave(&script{})); err != nil {
						t.Error(err)
					}
				})
				trapping(t, child)
				if err := child.PID().Suspend(t.Context()); err != nil {
					t.Fatal(err)
				}
				child.Send(returning(nil))
				child.Send(returning(nil))
				if err := end(t.Context(), parent, child); err != nil {
					t.Error(err)
				}
				ended(t, child.PID())
				if got := sys.DeadLetters(); got != 2 {
					t.Errorf("%d dead letters, want the 2 that waited", got)
				}
			})
		})
	}
}

// OBS-3: a suspended actor that has lost its parent still heeds the system.
func TestSuspendedOrphanIsShutDown(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		parent := start(t, sys, &script{})
		orphan := child(t, parent, &script{terminate: func(_ *doContext, r error) { j.add("terminate %v", r) }})
		trapping(t, orphan)
		in(t, parent, func(ctx *doContext) { ctx.Unlink(orphan.PID()) })
		parent.Send(returning(actor.Stop))
		if err := orphan.PID().Suspend(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := sys.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		j.expect(t, "terminate shutdown")
	})
}

func TestReplace(t *testing.T) { // OBS-2, T-52
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		ref := spawnFunc(t, sys, func(*actor.Context[int], int) error { j.add("old"); return nil })
		fresh := actor.BehaviorFunc[int](func(*actor.Context[int], int) error { j.add("new"); return nil })
		send := func() { ref.Send(1); settle() }

		broken := errors.New("broken")
		err := actor.Replace(t.Context(), ref, func(actor.Behavior[int]) (actor.Behavior[int], error) { return fresh, broken })
		if !errors.Is(err, broken) {
			t.Errorf("err = %v", err)
		}
		send()
		var crash *actor.PanicError
		err = actor.Replace(t.Context(), ref, func(actor.Behavior[int]) (actor.Behavior[int], error) { panic("replacer") })
		if !errors.As(err, &crash) {
			t.Errorf("err = %v, want the panic", err)
		}
		send()
		if err := actor.Replace(t.Context(), ref, func(actor.Behavior[int]) (actor.Behavior[int], error) { return fresh, nil }); err != nil {
			t.Fatal(err)
		}
		send()
		j.expect(t, "old", "old", "new")
	})
}

func TestTrace(t *testing.T) { // OBS-4
	bubble(t, func(t *testing.T, sys *actor.System) {
		var seen []actor.Trace
		ref := spawnFunc(t, sys, func(_ *actor.Context[int], m int) error {
			time.Sleep(time.Duration(m) * time.Second)
			return nil
		})
		ref.Send(1)
		if err := ref.PID().Trace(t.Context(), func(tr actor.Trace) { seen = append(seen, tr) }); err != nil {
			t.Fatal(err)
		}
		ref.Send(2)
		ref.Send(3)
		if err := ref.PID().Trace(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		ref.Send(4)
		settle()
		if len(seen) != 2 || seen[0].Message != 2 || seen[1].Took != 3*time.Second || seen[0].PID != ref.PID() {
			t.Errorf("traced %+v, want the messages 2 and 3", seen)
		}
	})
}

func TestControlOfTheDeadAndOfOneself(t *testing.T) { // OBS-5
	bubble(t, func(t *testing.T, sys *actor.System) {
		ref := start(t, sys, &script{})
		in(t, ref, func(ctx *doContext) {
			if err := ctx.PID().Inspect(ctx, func(any) {}); err != nil {
				t.Error("an actor inspects itself:", err)
			}
		})
		release := make(chan struct{})
		ref.Send(func(*doContext) error { <-release; return actor.Stop })
		settle()
		busy, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := ref.PID().Suspend(busy); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a busy actor: %v", err)
		}
		close(release)
		ended(t, ref.PID())
		if err := ref.PID().Resume(t.Context()); !errors.Is(err, actor.NoProc) {
			t.Errorf("a dead actor: %v", err)
		}
		if _, ok := ref.PID().Info(); ok {
			t.Error("there is info on a dead actor")
		}
	})
}

// OBS-1, GO-2: a request to an actor fails as soon as that is doomed; a handler that does
// not return holds nobody up. One whose sender has given up is not carried out.
func TestRequestsToTheDoomedAndThoseGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		ref := start(t, sys, &script{})
		gate := make(chan struct{})
		block := func(*doContext) error { <-gate; return nil }
		inspect := func(ctx context.Context, want error) {
			t.Helper()
			err := ref.PID().Inspect(ctx, func(any) { t.Error("it was carried out") })
			if !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		ref.Send(block)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		inspect(short, context.DeadlineExceeded)
		gate <- struct{}{}
		in(t, ref, func(*doContext) {}) // its turn would have come before this

		ref.Send(block)
		time.AfterFunc(time.Second, func() { ref.PID().Exit(actor.Kill) })
		inspect(t.Context(), actor.NoProc)
		select {
		case <-ref.PID().Done():
			t.Error("the handler has returned")
		default:
		}
		inspect(t.Context(), actor.NoProc)
		close(gate)
	})
}

func TestInfo(t *testing.T) { // OBS-5
	bubble(t, func(t *testing.T, sys *actor.System) {
		a, b := start(t, sys, &script{}, actor.Name("a")), start(t, sys, &script{})
		var c actor.Ref[do]
		in(t, a, func(ctx *doContext) {
			ctx.TrapExit(true)
			ctx.Link(b.PID())
			ctx.Monitor(b.PID())
			c, _ = actor.SpawnLink(ctx, behave(&script{}))
		})
		settle()
		info, ok := a.PID().Info()
		if !ok || info.Name != "a" || !info.TrapsExits || info.Status != actor.Idle || !info.Parent.IsZero() {
			t.Errorf("a: %+v", info)
		}
		if len(info.Links) != 2 || info.Links[0] != b.PID() || info.Links[1] != c.PID() || len(info.Monitors) != 1 || info.Monitors[0] != b.PID() {
			t.Errorf("a: links %v, monitors %v", info.Links, info.Monitors)
		}
		if info, _ := b.PID().Info(); len(info.MonitoredBy) != 1 || info.MonitoredBy[0] != a.PID() {
			t.Errorf("b: monitored by %v", info.MonitoredBy)
		}
		if info, _ := c.PID().Info(); info.Parent != a.PID() {
			t.Errorf("c: parent %v", info.Parent)
		}
		in(t, a, func(ctx *doContext) {
			if info, _ := ctx.PID().Info(); info.Status != actor.Running {
				t.Errorf("in a handler: %v", info.Status)
			}
		})
	})
}

func TestCallAll(t *testing.T) { // GS-29, T-48
	bubble(t, func(t *testing.T, sys *actor.System) {
		answer := func(n int) actor.Ref[actor.Reply[int]] {
			return spawnFunc(t, sys, func(_ *actor.Context[actor.Reply[int]], r actor.Reply[int]) error {
				r.Send(n)
				return nil
			})
		}
		dead := answer(0)
		dead.PID().Stop(t.Context(), nil)
		silent := spawnFunc(t, sys, func(*actor.Context[actor.Reply[int]], actor.Reply[int]) error { return nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got := actor.CallAll(ctx, []actor.Ref[actor.Reply[int]]{answer(1), dead, answer(3), silent},
			func(r actor.Reply[int]) actor.Reply[int] { return r })
		if got[0].Value != 1 || got[2].Value != 3 || got[0].Err != nil || got[2].Err != nil {
			t.Errorf("the living: %+v", got)
		}
		if !errors.Is(got[1].Err, actor.NoProc) || !errors.Is(got[3].Err, context.DeadlineExceeded) {
			t.Errorf("the dead: %v; the silent: %v", got[1].Err, got[3].Err)
		}
	})
}

func TestHighWater(t *testing.T) { // MBX-3
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		defer sys.Observe(func(e actor.Event) {
			if h, ok := e.(actor.HighWater); ok {
				j.add("%d", h.Waiting)
			}
		})()
		gate := make(chan struct{})
		ref := start(t, sys, &script{}, actor.Mailbox(mailbox.Limit{HighWater: 10}))
		wait := func(*doContext) error { <-gate; return nil }
		for range 2 {
			ref.Send(wait)
			settle() // it has that in hand, and 25 others wait
			for range 25 {
				ref.Send(returning(nil))
			}
			j.expect(t, "10") // once
			gate <- struct{}{}
			settle() // none wait, so the mark counts again
		}
	})
}

// OBS-4: since when, and how many messages, in all kinds of mailboxes.
func TestInfoCounts(t *testing.T) {
	limits := map[string]mailbox.Limit{
		"unbounded": mailbox.Unbounded, "high water": {HighWater: 2},
		"bounded": mailbox.Bounded(5, mailbox.Fail), "drop oldest": mailbox.Bounded(5, mailbox.DropOldest),
	}
	for name, limit := range limits {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				time.Sleep(time.Hour)
				spawned := time.Now()
				handled := 0
				gate := make(chan struct{})
				var urgent actor.UrgentRef[int]
				ref := spawnFunc(t, sys, func(ctx *actor.Context[int], _ int) error {
					urgent = ctx.Urgent()
					handled++
					<-gate
					return nil
				}, actor.Mailbox(limit))
				time.Sleep(time.Hour)
				ref.Send(0)
				settle()
				for i := range 8 {
					ref.TrySend(i)
				}
				urgent.Send(1)
				if info, _ := ref.PID().Info(); info.Handled != 1 {
					t.Errorf("%d handled, want the one in hand", info.Handled)
				}
				close(gate)
				settle()
				info, ok := ref.PID().Info()
				if !ok || info.Handled != uint64(handled) || info.QueueLen != 0 {
					t.Errorf("%d handled, want %d; %d wait", info.Handled, handled, info.QueueLen)
				}
				if want := map[string]int{"unbounded": 10, "high water": 10}[name]; want == 0 && handled != 7 || want != 0 && handled != want {
					t.Errorf("%d messages were handled", handled)
				}
				if d := spawned.Sub(info.Started); d < 0 || d > 100*time.Millisecond {
					t.Errorf("started %v, spawned %v", info.Started, spawned)
				}
			})
		})
	}
}

// counterV2 takes over from another behavior.
type counterV2 struct{ n, step int }

func (c *counterV2) Receive(_ *actor.Context[ask], m ask) error {
	c.n += c.step
	m.reply.Send(c.n)
	return nil
}

// GS-46, GO-23: what code_change does for OTP, Replace does while the actor is
// suspended: the state is handed over, and what came meanwhile is for the new code.
func TestStateIsHandedOverWhileSuspended(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		ref, err := actor.Spawn(sys, func() *counterV2 { return &counterV2{step: 1} })
		if err != nil {
			t.Fatal(err)
		}
		ctx, pid := t.Context(), ref.PID()
		for want := 1; want <= 3; want++ {
			if got, err := actor.Call(ctx, ref, asking(0)); got != want || err != nil {
				t.Errorf("got %d, %v", got, err)
			}
		}
		if err := pid.Suspend(ctx); err != nil {
			t.Fatal(err)
		}
		meanwhile := actor.Ask(ctx, ref, asking(0))
		err = actor.Replace(ctx, ref, func(old actor.Behavior[ask]) (actor.Behavior[ask], error) {
			return &counterV2{n: old.(*counterV2).n, step: 10}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		settle()
		if isSettled(meanwhile) {
			t.Error("a suspended actor has answered")
		}
		if err := pid.Resume(ctx); err != nil {
			t.Fatal(err)
		}
		if got, err := meanwhile.Wait(ctx); got != 13 || err != nil {
			t.Errorf("got %d, %v", got, err)
		}
	})
}

// A request of an end that has come already is not made; otherwise it may be carried out
// though its sender was told that it was not.
func TestControlWithAnEndedContext(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		a := start(t, sys, &script{})
		for range 100 {
			if err := a.PID().Inspect(ctx, func(any) { t.Error("it was carried out") }); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v", err)
			}
			settle()
		}
		in(t, a, func(own *doContext) { // its own request would be carried out on the spot
			if err := own.PID().Inspect(endedContext{own}, func(any) { t.Error("it was carried out") }); !errors.Is(err, context.Canceled) {
				t.Errorf("of itself: got %v", err)
			}
		})
	})
}

// endedContext is an actor's context that is over.
type endedContext struct{ context.Context }

func (endedContext) Err() error { return context.Canceled }
