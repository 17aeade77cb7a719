package actor_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
)

// Actors ask each other, answer, refuse, give up and die, all at once. However that goes:
//
//   - An asker that lives gets one message for each request, a dead one no more than one.
//   - That message has the value exactly if the callee was told so by Send.
//   - Nothing is left with any of them, living or dead.
func TestQuestionsModel(t *testing.T) {
	for i := range uint64(max(*modelRounds/250, long.Rounds(8, 40))) {
		seed := *modelSeed + i
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				g := &gossip{t: t, sys: sys, rand: rand.New(rand.NewPCG(seed, 14))}
				for i := range g.stage {
					g.stage[i] = g.enter()
				}
				for range 400 {
					g.step()
				}
				time.Sleep(time.Hour)
				settle()
				g.check()
			})
		})
	}
}

// gossip is a set of actors that ask each other.
type gossip struct {
	t     *testing.T
	sys   *actor.System
	rand  *rand.Rand // of the test's goroutine only
	stage [6]actor.Ref[do]
	all   []actor.Ref[do]
	asked []*rumor
}

// rumor is one request.
type rumor struct {
	asker, callee actor.Ref[do]
	pending       atomic.Pointer[actor.Pending[int]]
	said          atomic.Int32 // answers that Send reported to be the answer
	came, values  atomic.Int32 // messages, and those with a value
}

func (g *gossip) enter() actor.Ref[do] {
	ref := start(g.t, g.sys, &script{})
	g.all = append(g.all, ref)
	return ref
}

// step has something happen, and does not wait for it.
func (g *gossip) step() {
	place := g.rand.IntN(len(g.stage))
	switch n := g.rand.IntN(20); {
	case n < 13:
		g.ask(g.stage[place], pick(g.rand, g.stage[:]))
		return
	case n < 15:
		time.Sleep(time.Duration(g.rand.IntN(3)) * time.Second)
		return
	case n == 15:
		g.stage[place].PID().Exit(actor.Kill)
	case n == 16:
		g.stage[place].PID().Exit(errBoom)
	case n == 17:
		g.stage[place].Send(returning(actor.Stop))
	case n == 18:
		g.stage[place].Send(func(*doContext) error { panic(errBoom) })
	default:
		settle()
		return
	}
	g.stage[place] = g.enter()
}

// ask has one actor ask another. All that is drawn is drawn here.
func (g *gossip) ask(asker, callee actor.Ref[do]) {
	r := &rumor{asker: asker, callee: callee}
	g.asked = append(g.asked, r)
	reply, giveUp := g.rand.IntN(8), g.rand.IntN(6)
	late, limit := time.Duration(g.rand.IntN(4))*time.Second, time.Duration(g.rand.IntN(4))*time.Second
	request := func(to actor.Reply[int]) do {
		answer := func() {
			if to.Send(1) {
				r.said.Add(1)
			}
		}
		return func(ctx *doContext) error {
			switch reply {
			case 0, 1:
				answer()
			case 2:
				go answer()
			case 3:
				time.AfterFunc(late, answer) // whether the callee lives or not
			case 4:
				to.Fail(errRefused)
			case 5:
				answer()
				return errBoom
			case 6:
				return errBoom
			}
			return nil
		}
	}
	asker.Send(func(ctx *doContext) error {
		p := actor.AskTo(ctx, callee, request, func(n int, err error) do {
			return func(*doContext) error { g.told(r, n, err); return nil }
		})
		r.pending.Store(p)
		switch giveUp {
		case 0:
			p.GiveUp()
		case 1:
			go p.GiveUp()
		case 2:
			p.GiveUpAfter(limit)
		}
		return nil
	})
}

var errRefused = errors.New("refused")

func (g *gossip) told(r *rumor, n int, err error) {
	r.came.Add(1)
	if err == nil {
		r.values.Add(int32(n))
		return
	}
	for _, known := range []error{errRefused, errBoom, actor.NoProc, actor.Killed, actor.Normal, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return
		}
	}
	if _, ok := errors.AsType[*actor.PanicError](err); !ok {
		g.t.Errorf("an error from nowhere: %v", err)
	}
}

func (g *gossip) check() {
	for _, r := range g.asked { // those that nobody has answered
		if p := r.pending.Load(); p != nil {
			p.GiveUp()
		}
	}
	settle()
	for _, r := range g.asked {
		came, said, values := r.came.Load(), r.said.Load(), r.values.Load()
		if !r.asker.PID().Alive() {
			if came > 1 || values > said || said > 1 {
				g.t.Errorf("%v, which has ended, asked %v: %d messages, %d values, %d sent", r.asker, r.callee, came, values, said)
			}
		} else if came != 1 || values != said {
			g.t.Errorf("%v asked %v: %d messages, %d values, %d sent", r.asker, r.callee, came, values, said)
		}
	}
	for _, ref := range g.all {
		wantNothingAsked(g.t, ref.PID())
	}
}
