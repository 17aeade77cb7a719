package actor_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
)

// What an actor tells its instruments with it uses again and again, and so do the actors after
// it. So whatever goes wrong in one handling, at whichever step, must not be seen in those
// that follow: all are told of what they should be, once, in order, with what belongs to it.
func TestFaultsInOneHandlingAreNotSeenInTheNext(t *testing.T) {
	for i := range uint64(long.Rounds(60, 3000)) {
		seed := uint64(1000) + i
		m := &toldModel{rand: rand.New(rand.NewPCG(seed, 15)), gate: make(chan struct{})}
		n := 1 + m.rand.IntN(3)
		var list []actor.Instrument
		for i := range n {
			m.alive = append(m.alive, i)
			list = append(list, m.instrument(i))
		}
		instrumented(t, func(t *testing.T, sys *actor.System, log *bytes.Buffer) {
			m.gate = make(chan struct{})
			defer sys.Observe(func(e actor.Event) {
				if e, ok := e.(actor.DeadLetter); ok {
					m.did.add("dead %d", e.Message.(*toldStep).n)
				}
			})()
			for range 6 {
				m.burst(t, sys, seed)
			}
			close(m.gate)
			settle()
			if left := m.leftBehind.Load(); left != 0 {
				t.Errorf("seed %d: %d functions were left behind, and what they were told of has changed", seed, left)
			}
			if got := strings.Count(log.String(), "instrument failed and was taken off"); got != n-len(m.alive) {
				t.Errorf("seed %d: %d were taken off, want %d\n%s", seed, got, n-len(m.alive), log)
			}
		}, list...)
		if t.Failed() {
			return
		}
	}
}

// toldModel knows what instruments must be told.
type toldModel struct {
	rand  *rand.Rand
	gate  chan struct{}
	alive []int // the instruments that have not failed
	sent  int
	did   journal

	leftBehind atomic.Int32
}

// toldStep is a message, with what goes wrong while it is handled. The steps are Begin of each
// instrument, the handler, and End of each.
type toldStep struct {
	n       int
	carried bool
	pid     actor.PID
	faults  map[string]string
	hold    chan struct{} // in place of all that
}

type stepKey struct{} // of a toldStep, in the context that it is sent with

type toldActor struct{ m *toldModel }

func (a toldActor) Receive(ctx *actor.Context[*toldStep], s *toldStep) error {
	if s.hold != nil {
		<-s.hold
		return nil
	}
	a.m.did.add("handle %d of %v", s.n, ctx.Value(tenant{}))
	switch s.faults["handler"] {
	case "panic":
		panic("in the handler")
	case "Goexit":
		runtime.Goexit()
	case "kill":
		s.pid.Exit(actor.Kill)
	case "error":
		return errBoom
	}
	return nil
}

// instrument returns the i-th one. It learns what to do from the message, that it carries.
func (m *toldModel) instrument(i int) actor.Instrument {
	told := func(ctx context.Context, step string, h *actor.Handling) (fault string) {
		s := h.Carried.(*toldStep)
		before := fmt.Sprint(h)
		step = fmt.Sprint(step, " ", i)
		m.did.add("%s %d of %v: %v", step, s.n, ctx.Value(tenant{}), plainly(h.Err))
		switch fault = s.faults[step]; fault {
		case "panic":
			panic("in the instrument")
		case "Goexit":
			runtime.Goexit()
		case "hang":
			m.leftBehind.Add(1)
			<-m.gate
			if fmt.Sprint(h) == before {
				m.leftBehind.Add(-1)
			}
		case "slow": // and yet in time
			time.Sleep(4 * time.Second)
		case "kill":
			s.pid.Exit(actor.Kill)
		}
		return fault
	}
	return actor.Instrument{
		OneIn: -1,
		Send:  func(ctx context.Context, _ actor.Sending) any { return ctx.Value(stepKey{}) },
		Begin: func(ctx context.Context, h *actor.Handling) context.Context {
			switch told(ctx, "begin", h) {
			case "nil pointer":
				return (*ctxOfNobody)(nil)
			case "hang":
				return context.WithValue(ctx, tenant{}, "nobody, it is too late")
			}
			was, _ := ctx.Value(tenant{}).(string)
			return context.WithValue(ctx, tenant{}, fmt.Sprint(was, i, "@", h.Carried.(*toldStep).n, " "))
		},
		End: func(ctx context.Context, h *actor.Handling) { told(ctx, "end", h) },
	}
}

// plainly is the text of a reason.
func plainly(err error) string {
	if _, ok := err.(*actor.PanicError); ok {
		return "panic"
	}
	return fmt.Sprint(err)
}

// burst sends some messages to a new actor, all before it handles the first.
func (m *toldModel) burst(t *testing.T, sys *actor.System, seed uint64) {
	ref, err := actor.Spawn(sys, func() toldActor { return toldActor{m} })
	if err != nil {
		t.Fatal(err)
	}
	hold := make(chan struct{})
	ref.Send(&toldStep{hold: hold})
	var want []string
	living := true
	for range 1 + m.rand.IntN(4) {
		m.sent++
		s := &toldStep{n: m.sent, carried: m.rand.IntN(4) > 0, pid: ref.PID(), faults: m.faults()}
		if s.carried {
			err = ref.SendContext(context.WithValue(context.Background(), stepKey{}, s), s)
		} else {
			err = ref.TrySend(s)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !living {
			want = append(want, fmt.Sprint("dead ", s.n))
			continue
		}
		var lines []string
		lines, living = m.expected(s)
		want = append(want, lines...)
	}
	close(hold)
	time.Sleep(time.Minute)
	if got := m.did.take(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("seed %d:\n%s\nwant\n%s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if ref.PID().Alive() != living {
		t.Errorf("seed %d: alive: %v, want %v", seed, !living, living)
	}
	ref.PID().Exit(actor.Kill)
	<-ref.PID().Done()
}

// faults draws what goes wrong with a message: nothing in most.
func (m *toldModel) faults() map[string]string {
	faults := map[string]string{}
	for m.rand.IntN(2) == 0 {
		i := m.rand.IntN(3)
		switch m.rand.IntN(3) {
		case 0:
			faults[fmt.Sprint("begin ", i)] = []string{"panic", "Goexit", "hang", "nil pointer", "slow", "kill"}[m.rand.IntN(6)]
		case 1:
			faults["handler"] = []string{"panic", "Goexit", "kill", "error"}[m.rand.IntN(4)]
		default:
			faults[fmt.Sprint("end ", i)] = []string{"panic", "Goexit", "hang", "slow", "kill"}[m.rand.IntN(5)]
		}
	}
	return faults
}

// expected returns what is done for a message that a living actor has, and whether it lives
// on.
func (m *toldModel) expected(s *toldStep) (lines []string, living bool) {
	values, killed, end := "<nil>", false, "<nil>"
	tell := func(step, text string) {
		for _, i := range append([]int(nil), m.alive...) {
			if !s.carried {
				continue
			}
			lines = append(lines, fmt.Sprintf("%s %d %d of %s: %s", step, i, s.n, values, text))
			switch fault := s.faults[fmt.Sprint(step, " ", i)]; fault {
			case "panic", "Goexit", "hang", "nil pointer":
				m.remove(i)
				continue
			case "kill":
				killed = true
			}
			if step == "begin" {
				values = fmt.Sprint(strings.TrimPrefix(values, "<nil>"), i, "@", s.n, " ")
			}
		}
	}
	tell("begin", "<nil>")
	if killed {
		lines, end = append(lines, fmt.Sprint("dead ", s.n)), "killed"
	} else {
		lines = append(lines, fmt.Sprintf("handle %d of %s", s.n, values))
		switch s.faults["handler"] {
		case "panic":
			end = "panic"
		case "Goexit":
			end = actor.Goexit.Error()
		case "error":
			end = errBoom.Error()
		case "kill":
			killed = true
		}
	}
	tell("end", end)
	return lines, !killed && end == "<nil>"
}

func (m *toldModel) remove(i int) {
	for at, x := range m.alive {
		if x == i {
			m.alive = append(m.alive[:at:at], m.alive[at+1:]...)
			return
		}
	}
}
