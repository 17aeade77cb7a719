package actor_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
)

// LNK-1, LNK-4: a link works both ways.
func TestLinkIsBidirectional(t *testing.T) {
	for _, first := range []int{0, 1} {
		bubble(t, func(t *testing.T, sys *actor.System) {
			pair := []actor.Ref[do]{start(t, sys, &script{}), start(t, sys, &script{})}
			link(t, pair[0], pair[1])
			pair[first].Send(returning(errBoom))
			synctest.Wait()
			if err := pair[1-first].PID().Err(); err != errBoom {
				t.Errorf("the other end: %v, want boom", err)
			}
		})
	}
}

// T-78, LNK-1: two links are one, and one unlink, from either end, removes it.
func TestLinkIsIdempotent(t *testing.T) {
	for _, unlinker := range []string{"same end", "other end"} {
		t.Run(unlinker, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				var j journal
				a, b := start(t, sys, journaled(&j)), start(t, sys, &script{})
				trapping(t, a)
				link(t, a, b)
				link(t, a, b)
				link(t, b, a)
				if unlinker == "same end" {
					in(t, a, func(ctx *doContext) { ctx.Unlink(b.PID()) })
				} else {
					in(t, b, func(ctx *doContext) { ctx.Unlink(a.PID()) })
				}
				b.Send(returning(errBoom))
				synctest.Wait()
				j.expect(t)
			})
		})
	}
}

// LNK-1, LNK-7: linked, unlinked and linked again is linked, once.
func TestLinkAgainAfterUnlink(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		a, b := start(t, sys, journaled(&j)), start(t, sys, &script{})
		trapping(t, a)
		for range 3 {
			link(t, a, b)
			in(t, b, func(ctx *doContext) { ctx.Unlink(a.PID()) })
		}
		link(t, a, b)
		b.Send(returning(errBoom))
		synctest.Wait()
		j.expect(t, fmt.Sprintf("exit %v boom", b))
	})
}

// LNK-2, LNK-6: linking to oneself and unlinking from strangers do nothing.
func TestLinkToOneselfAndUnlinkFromStrangers(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		a, stranger := start(t, sys, journaled(&j)), start(t, sys, &script{})
		in(t, a, func(ctx *doContext) {
			ctx.TrapExit(true)
			if err := ctx.Link(ctx.PID()); err != nil {
				t.Errorf("link to oneself: %v", err)
			}
			ctx.Unlink(stranger.PID())
			ctx.Unlink(ctx.PID())
			ctx.Unlink(actor.PID{})
		})
		stranger.Send(returning(errBoom))
		synctest.Wait()
		j.expect(t)
		if !a.PID().Alive() {
			t.Error("it died")
		}
	})
}

// T-77, LNK-3: a link to the dead is an exit with NoProc for an actor that traps
// exits, and an error for others.
func TestLinkToTheDead(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		dead, plain, trapper := start(t, sys, &script{}), start(t, sys, &script{}), start(t, sys, journaled(&j))
		dead.Send(returning(actor.Stop))
		ended(t, dead.PID())
		in(t, plain, func(ctx *doContext) {
			for _, pid := range []actor.PID{dead.PID(), {}} {
				if err := ctx.Link(pid); !errors.Is(err, actor.NoProc) {
					t.Errorf("link to %v: %v, want NoProc", pid, err)
				}
			}
		})
		in(t, trapper, func(ctx *doContext) {
			ctx.TrapExit(true)
			if err := ctx.Link(dead.PID()); err != nil {
				t.Errorf("link by one who traps: %v", err)
			}
		})
		synctest.Wait()
		j.expect(t, fmt.Sprintf("exit %v not running", dead))
		if !plain.PID().Alive() {
			t.Error("the error is not meant to kill")
		}
	})
}

// LNK-5: after Unlink no exit of that link is handled, not even one that waits in
// the mailbox.
func TestUnlinkFlushes(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		a, b, dead := start(t, sys, journaled(&j)), start(t, sys, &script{}), start(t, sys, &script{})
		dead.Send(returning(actor.Stop))
		ended(t, dead.PID())
		link(t, a, b)
		gate := make(chan struct{})
		a.Send(func(ctx *doContext) error {
			ctx.TrapExit(true)
			if err := ctx.Link(dead.PID()); err != nil {
				t.Error(err)
			}
			<-gate
			ctx.Unlink(b.PID())
			ctx.Unlink(dead.PID())
			return nil
		})
		synctest.Wait() // it traps now
		b.Send(returning(errBoom))
		synctest.Wait() // the exit waits in the mailbox
		close(gate)
		synctest.Wait()
		j.expect(t)
	})
}

// LNK-7: after the flush a new link stands for itself.
func TestLinkAgainToTheDeadAfterUnlink(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		a, b := start(t, sys, journaled(&j)), start(t, sys, &script{})
		trapping(t, a)
		link(t, a, b)
		gate := make(chan struct{})
		a.Send(func(ctx *doContext) error {
			<-gate
			ctx.Unlink(b.PID())
			return ctx.Link(b.PID())
		})
		b.Send(returning(errBoom))
		synctest.Wait()
		close(gate)
		synctest.Wait()
		j.expect(t, fmt.Sprintf("exit %v not running", b))
	})
}

// T-79, LNK-5, LNK-7, GO-25: links come and go while the peer dies. An actor that is
// linked at the end hears once, one that is not hears nothing.
func TestUnlinkAndLinkRaceThePeersDeath(t *testing.T) {
	sys := newSystem(t)
	for round := range 2000 {
		heard := 0
		a := start(t, sys, &script{exit: func(*doContext, actor.Exit) error { heard++; return nil }})
		trapping(t, a)
		b := start(t, sys, &script{})
		flips, linked := rand.IntN(6), false
		flipped := make(chan struct{})
		a.Send(func(ctx *doContext) error {
			for range flips {
				if linked = !linked; !linked {
					ctx.Unlink(b.PID())
				} else if err := ctx.Link(b.PID()); err != nil {
					t.Error(err)
				}
			}
			close(flipped)
			return nil
		})
		b.Send(returning(errBoom))
		await(t, flipped)
		ended(t, b.PID())
		in(t, a, func(*doContext) {}) // the exit, if any, stands before this
		if want := map[bool]int{true: 1, false: 0}[linked]; heard != want {
			t.Fatalf("round %d, %d flips: heard %d exits, want %d", round, flips, heard, want)
		}
		a.Send(returning(actor.Stop))
	}
}

// T-79, LNK-5: an actor that does not trap exits and lives when its Unlink has
// returned is not killed by that link any more.
func TestUnlinkProtectsFromALethalLink(t *testing.T) {
	sys := newSystem(t)
	for round := range 3000 {
		a, b := start(t, sys, &script{}), start(t, sys, &script{})
		link(t, a, b)
		unlinked := make(chan bool, 1)
		a.Send(func(ctx *doContext) error {
			ctx.Unlink(b.PID())
			unlinked <- ctx.PID().Alive()
			return nil
		})
		b.Send(returning(errBoom))
		ended(t, b.PID())
		select {
		case alive := <-unlinked:
			if alive && !a.PID().Alive() {
				t.Fatalf("round %d: killed over a link that was gone: %v", round, a.PID().Err())
			}
		case <-a.PID().Done():
		}
		a.PID().Exit(actor.Kill)
	}
}

// LNK-9: all links of a dying actor fire.
func TestAllLinksFire(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		hub := start(t, sys, &script{})
		peers := make([]actor.Ref[do], 100)
		for i := range peers {
			peers[i] = start(t, sys, &script{})
			link(t, peers[i], hub)
		}
		hub.PID().Exit(actor.Kill)
		synctest.Wait()
		for _, p := range peers {
			if err := p.PID().Err(); err != actor.Killed {
				t.Errorf("%v: %v, want Killed", p, err)
			}
		}
		if n := sys.Count(); n != 0 {
			t.Errorf("%d actors left", n)
		}
	})
}

// Both ends may die at once, and link each other at once, without a deadlock.
func TestLinksFromBothEndsAtOnce(t *testing.T) {
	sys := newSystem(t)
	for range 500 {
		a, b := start(t, sys, &script{}), start(t, sys, &script{})
		a.Send(churn(b.PID()))
		b.Send(churn(a.PID()))
		ended(t, a.PID())
		ended(t, b.PID())
	}
}

// churn unlinks and links a peer in turn, and ends with a crash.
func churn(peer actor.PID) do {
	return func(ctx *doContext) error {
		for range 20 {
			ctx.Unlink(peer)
			if err := ctx.Link(peer); err != nil {
				return err
			}
		}
		return errBoom
	}
}

// Links between actors of two systems, whose serial numbers are alike, do not
// deadlock either.
func TestLinksAcrossSystems(t *testing.T) {
	one, two := newSystem(t), newSystem(t)
	for range 500 {
		a, b := start(t, one, &script{}), start(t, two, &script{})
		a.Send(churn(b.PID()))
		b.Send(churn(a.PID()))
		ended(t, a.PID())
		ended(t, b.PID())
	}
}
