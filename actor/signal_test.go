package actor_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
)

// T-75, EXIT-1 to EXIT-10: what an exit signal with each reason does to an actor,
// depending on where it comes from and whether the actor traps exits.
func TestExitMatrix(t *testing.T) {
	const (
		ignored = "ignored"
		message = "message" // a call of HandleExit
		same    = "dies of the same reason"
		killed  = "dies of Killed"
	)
	type cells struct{ link, linkTrap, other, otherTrap, self, selfTrap string }
	matrix := []struct {
		reason error
		cells  cells
	}{
		{actor.Normal, cells{ignored, message, ignored, message, same, message}},
		{actor.Shutdown, cells{same, message, same, message, same, message}},
		{fmt.Errorf("moving: %w", actor.Shutdown), cells{same, message, same, message, same, message}},
		{actor.Kill, cells{same, message, killed, killed, killed, killed}},
		{actor.Killed, cells{same, message, same, message, same, message}},
		{actor.NoProc, cells{same, message, same, message, same, message}},
		{errBoom, cells{same, message, same, message, same, message}},
	}
	// Each sends the signal and returns the sender that the victim should see.
	byLink := func(t *testing.T, sys *actor.System, victim actor.Ref[do], reason error) actor.PID {
		peer := start(t, sys, &script{})
		link(t, victim, peer)
		peer.Send(returning(reason))
		return peer.PID()
	}
	byOther := func(t *testing.T, sys *actor.System, victim actor.Ref[do], reason error) actor.PID {
		other := start(t, sys, &script{})
		in(t, other, func(ctx *doContext) { ctx.Exit(victim.PID(), reason) })
		return other.PID()
	}
	byItself := func(t *testing.T, _ *actor.System, victim actor.Ref[do], reason error) actor.PID {
		in(t, victim, func(ctx *doContext) { ctx.Exit(ctx.PID(), reason) })
		return victim.PID()
	}
	for _, row := range matrix {
		for _, c := range []struct {
			name string
			send func(*testing.T, *actor.System, actor.Ref[do], error) actor.PID
			trap bool
			want string
		}{
			{"link", byLink, false, row.cells.link},
			{"link, trap", byLink, true, row.cells.linkTrap},
			{"other", byOther, false, row.cells.other},
			{"other, trap", byOther, true, row.cells.otherTrap},
			{"self", byItself, false, row.cells.self},
			{"self, trap", byItself, true, row.cells.selfTrap},
		} {
			t.Run(fmt.Sprint(row.reason, "/", c.name), func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					var got []actor.Exit
					victim := start(t, sys, &script{exit: func(_ *doContext, e actor.Exit) error {
						got = append(got, e)
						return nil
					}})
					in(t, victim, func(ctx *doContext) { ctx.TrapExit(c.trap) })
					from := c.send(t, sys, victim, row.reason)
					synctest.Wait()

					end := map[string]error{same: row.reason, killed: actor.Killed}[c.want]
					if err := victim.PID().Err(); err != end {
						t.Errorf("ended with %v, want %v", err, end)
					}
					var want []actor.Exit
					if c.want == message {
						want = []actor.Exit{{From: from, Reason: row.reason}}
					}
					if fmt.Sprint(got) != fmt.Sprint(want) {
						t.Errorf("handled %v, want %v", got, want)
					}
				})
			})
		}
	}
}

// EXIT-9: a signal sent from outside of any actor comes from nobody.
func TestExitFromOutsideHasNoSender(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		a := start(t, sys, journaled(&j))
		trapping(t, a)
		a.PID().Exit(errBoom)
		a.PID().Exit(nil) // means Normal
		synctest.Wait()
		j.expect(t, "exit <> boom", "exit <> normal")
	})
}

// T-71, EXIT-2, EXIT-3, EXIT-4, LNK-8: a chain of linked actors dies from its far
// end; each passes on the reason that it died with. A kill becomes Killed, an
// actor that itself ends with Kill passes on Kill.
func TestCrashesSpreadAlongAChain(t *testing.T) {
	cases := []struct {
		name string
		end  func(far actor.Ref[do])
		want error // nil: the rest lives
	}{
		{"killed", func(far actor.Ref[do]) { far.PID().Exit(actor.Kill) }, actor.Killed},
		{"ends with Kill", func(far actor.Ref[do]) { far.Send(returning(actor.Kill)) }, actor.Kill},
		{"crashes", func(far actor.Ref[do]) { far.Send(returning(errBoom)) }, errBoom},
		{"shut down", func(far actor.Ref[do]) { far.PID().Exit(actor.Shutdown) }, actor.Shutdown},
		{"ends normally", func(far actor.Ref[do]) { far.Send(returning(actor.Stop)) }, nil}, // LNK-8
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				var j journal
				near := start(t, sys, journaled(&j))
				trapping(t, near)
				chain := []actor.Ref[do]{near}
				for range 5 {
					next := start(t, sys, &script{})
					link(t, next, chain[len(chain)-1])
					chain = append(chain, next)
				}
				c.end(chain[5])
				synctest.Wait()
				if c.want == nil {
					j.expect(t)
				} else {
					j.expect(t, fmt.Sprintf("exit %v %v", chain[1], c.want))
				}
				for _, a := range chain[1:5] {
					if err := a.PID().Err(); err != c.want {
						t.Errorf("%v ended with %v, want %v", a, err, c.want)
					}
				}
			})
		})
	}
}

// T-72, EXIT-10, GO-4: an exit signal that has reached an actor in the middle of a
// handler ends it, whatever the handler does then.
func TestPendingExitCannotBeEscaped(t *testing.T) {
	escapes := map[string]func(ctx *doContext, peer actor.PID){
		"unlink":    func(ctx *doContext, peer actor.PID) { ctx.Unlink(peer) },
		"trap exit": func(ctx *doContext, peer actor.PID) { ctx.TrapExit(true) },
		"end":       func(ctx *doContext, peer actor.PID) {},
	}
	for name, escape := range escapes {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				peer := start(t, sys, &script{})
				terminated := false
				victim := start(t, sys, &script{terminate: func(*doContext, error) { terminated = true }})
				link(t, victim, peer)
				hit := make(chan struct{})
				victim.Send(func(ctx *doContext) error {
					<-hit
					escape(ctx, peer.PID())
					if name == "end" {
						return errors.New("its own reason, too late")
					}
					return nil
				})
				victim.Send(func(*doContext) error { t.Error("a message was handled after the signal"); return nil })
				peer.Send(returning(errBoom))
				synctest.Wait()
				close(hit)
				if err := ended(t, victim.PID()); err != errBoom {
					t.Errorf("ended with %v, want the pending signal's reason", err)
				}
				if terminated {
					t.Error("Terminate ran for an untrapped signal") // GS-41
				}
			})
		})
	}
}

// T-73, EXIT-7: a signal that comes after the actor's own end changes nothing.
func TestOwnExitFirstWins(t *testing.T) {
	sys := newSystem(t)
	a := start(t, sys, &script{})
	a.Send(returning(errBoom))
	ended(t, a.PID())
	a.PID().Exit(actor.Kill)
	if err := a.PID().Err(); err != errBoom {
		t.Errorf("reason %v, want the first one", err)
	}
}

// T-73: when an exit signal races the actor's own end, one reason wins and all
// hear of the same one.
func TestAllHearTheSameReason(t *testing.T) {
	sys := newSystem(t)
	heard := make(chan error, 2)
	watcher := start(t, sys, &script{
		exit: func(_ *doContext, e actor.Exit) error { heard <- e.Reason; return nil },
		down: func(_ *doContext, d actor.Down) error { heard <- d.Reason; return nil },
	})
	trapping(t, watcher)
	for range 500 {
		a := start(t, sys, &script{})
		in(t, watcher, func(ctx *doContext) {
			ctx.Monitor(a.PID())
			if err := ctx.Link(a.PID()); err != nil {
				t.Error(err)
			}
		})
		a.Send(returning(errBoom))
		a.PID().Exit(actor.Kill)
		err := ended(t, a.PID())
		if err != errBoom && err != actor.Killed {
			t.Fatalf("ended with %v", err)
		}
		if one, two := await(t, heard), await(t, heard); one != err || two != err {
			t.Fatalf("ended with %v, but others heard %v and %v", err, one, two)
		}
	}
}

// T-74, PROC-6: the sender of a lethal signal finds its target dead at once, even while a
// handler still runs.
func TestTargetOfALethalSignalIsNotAlive(t *testing.T) {
	for _, reason := range []error{actor.Kill, actor.Shutdown, errBoom} {
		sys := newSystem(t)
		a := start(t, sys, &script{})
		handling, release := make(chan struct{}), make(chan struct{})
		a.Send(func(*doContext) error { close(handling); <-release; return nil })
		a.Send(returning(nil))
		<-handling
		a.PID().Exit(reason)
		if a.PID().Alive() || a.PID().Err() == nil || a.PID().QueueLen() != 0 {
			t.Errorf("%v: alive %v, err %v, queue %d", reason, a.PID().Alive(), a.PID().Err(), a.PID().QueueLen())
		}
		select {
		case <-a.PID().Done():
			t.Errorf("%v: it has ended in the middle of a handler", reason)
		default:
		}
		close(release)
		ended(t, a.PID())
	}
}

// EXIT-6, SIG-1, PROC-2: whatever is sent to a dead actor, or to nobody, is lost
// without an error.
func TestSignalsToTheDeadAreLost(t *testing.T) {
	sys := newSystem(t)
	dead := start(t, sys, &script{})
	dead.Send(returning(actor.Stop))
	ended(t, dead.PID())
	for _, ref := range []actor.Ref[do]{dead, {}} {
		ref.Send(returning(nil))
		ref.PID().Exit(actor.Kill)
		ref.PID().Exit(errBoom)
		if err := ref.TrySend(returning(nil)); err != actor.NoProc {
			t.Errorf("TrySend to %v: %v, want NoProc", ref, err)
		}
		if err := ref.SendContext(t.Context(), returning(nil)); err != actor.NoProc {
			t.Errorf("SendContext to %v: %v, want NoProc", ref, err)
		}
		if ref.PID().Alive() || ref.PID().Name() != "" || ref.PID().QueueLen() != 0 {
			t.Errorf("%v looks alive", ref)
		}
		await(t, ref.PID().Done())
	}
	if err := (actor.PID{}).Err(); err != actor.NoProc {
		t.Errorf("the zero PID's end: %v, want NoProc", err)
	}
	if err := dead.PID().Err(); err != actor.Normal {
		t.Errorf("reason %v, want Normal", err)
	}
}

// EXIT-10: an exit signal that was trapped is a message, and stays one if the
// actor no longer traps exits when its turn comes.
func TestTrappedExitStaysAMessage(t *testing.T) {
	for _, reason := range []error{errBoom, actor.Kill, actor.Normal} {
		bubble(t, func(t *testing.T, sys *actor.System) {
			var j journal
			peer, survivor := start(t, sys, &script{}), start(t, sys, journaled(&j))
			trapping(t, survivor)
			link(t, survivor, peer)
			gate := make(chan struct{})
			survivor.Send(func(ctx *doContext) error { <-gate; ctx.TrapExit(false); return nil })
			peer.Send(returning(reason))
			synctest.Wait()
			close(gate)
			synctest.Wait()
			if err := survivor.PID().Err(); err != nil {
				t.Errorf("%v: ended with %v", reason, err)
			}
			j.expect(t, "exit "+peer.String()+" "+reason.Error())
		})
	}
}

// LNK-4 and GS-40: an error of HandleExit or HandleDown ends the actor as one of
// Receive does.
func TestSignalHandlersEndTheActorLikeReceive(t *testing.T) {
	handlers := map[string]*script{
		"HandleExit": {exit: func(*doContext, actor.Exit) error { return errBoom }},
		"HandleDown": {down: func(*doContext, actor.Down) error { panic(errBoom) }},
	}
	for name, s := range handlers {
		t.Run(name, func(t *testing.T) {
			sys := newSystem(t)
			terminated := make(chan error, 1)
			s.terminate = func(_ *doContext, reason error) { terminated <- reason }
			a, b := start(t, sys, s), start(t, sys, &script{})
			in(t, a, func(ctx *doContext) {
				if name == "HandleExit" {
					ctx.TrapExit(true)
					if err := ctx.Link(b.PID()); err != nil {
						t.Error(err)
					}
				} else {
					ctx.Monitor(b.PID())
				}
			})
			b.Send(returning(actor.Stop))
			if err := ended(t, a.PID()); !errors.Is(err, errBoom) {
				t.Errorf("ended with %v", err)
			}
			if err := await(t, terminated); !errors.Is(err, errBoom) {
				t.Errorf("Terminate got %v", err)
			}
		})
	}
}
