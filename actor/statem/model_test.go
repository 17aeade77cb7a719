package statem_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

// The random test runs a machine whose handlers do what a plan says, and a model
// of OTP's rules, by the same plan. Both write down what they do.

// plan is what a handler does. It depends on nothing but the seed, the state, the
// event and how many events have been handled, so that machine and model, as long
// as they agree, get the same one.
type plan struct {
	next             int
	postpone, repeat bool
	inserted         []string
	timeouts         []planTimeout
}

type planTimeout struct {
	op   string // "set", "update" or "cancel"
	kind statem.Kind
	d    time.Duration
	name string
}

func newPlan(seed, handled int, state int, name string, enter bool) (p plan) {
	var h uint64
	for _, b := range []byte(name) {
		h = h*131 + uint64(b)
	}
	r := rand.New(rand.NewPCG(uint64(seed), h<<16^uint64(handled)<<4^uint64(state)<<1))
	if enter {
		r.Uint64()
	}
	p.next = state
	for range r.IntN(3) {
		kinds := []statem.Kind{statem.StateTimeout, statem.EventTimeout, "n1", "n2"}
		t := planTimeout{kind: kinds[r.IntN(len(kinds))]}
		switch x := r.IntN(10); {
		case x < 2:
			t.op = "cancel"
		case x < 4:
			t.op = "update"
		case x < 6:
			t.op = "set"
		default:
			t.op, t.d = "set", time.Duration(1+r.IntN(20_000_000)) // an odd time, so that no two meet
		}
		t.name = fmt.Sprintf("t%d.%d", handled, len(p.timeouts))
		// Timeouts that beget timeouts would go on for ever.
		if t.op == "cancel" || strings.Count(name, "t") < 3 && !enter || enter && handled < 40 {
			p.timeouts = append(p.timeouts, t)
		}
	}
	if enter {
		return p
	}
	if r.IntN(3) == 0 {
		p.next = r.IntN(3)
	}
	p.postpone = r.IntN(3) == 0
	p.repeat = r.IntN(5) == 0
	if strings.Count(name, "i") < 2 {
		for n := range max(0, r.IntN(5)-2) {
			p.inserted = append(p.inserted, fmt.Sprintf("%s.i%d", name, n))
		}
	}
	return p
}

const mostHandled = 300 // then plans are over, for machine and model

// planned is the machine.
type planned struct {
	seed, handled int
	log           []string
}

func (m *planned) Init(c *statem.Context[int, string]) (int, error) { return 1, nil }

func (m *planned) ask(c *statem.Context[int, string], timeouts []planTimeout) {
	for _, t := range timeouts {
		switch t.op {
		case "set":
			c.SetTimeout(t.kind, t.d, t.name)
		case "update":
			c.UpdateTimeout(t.kind, t.name)
		case "cancel":
			c.CancelTimeout(t.kind)
		}
	}
}

func (m *planned) Enter(c *statem.Context[int, string], old, state int) error {
	m.log = append(m.log, fmt.Sprintf("enter %d from %d", state, old))
	m.ask(c, newPlan(m.seed, m.handled, state, "", true).timeouts)
	return nil
}

func (m *planned) Handle(c *statem.Context[int, string], state int, event string) (int, error) {
	m.log = append(m.log, fmt.Sprintf("%s (%s) in %d", event, c.Kind(), state))
	if m.handled++; m.handled > mostHandled {
		return state, nil
	}
	p := newPlan(m.seed, m.handled, state, event, false)
	m.ask(c, p.timeouts)
	for _, i := range p.inserted {
		c.NextEvent(i)
	}
	if p.postpone {
		c.Postpone()
	}
	if p.repeat {
		c.RepeatState()
	}
	return p.next, nil
}

// model is gen_statem in as few words as possible: lists with the oldest first,
// and a clock that is told the time.
type model struct {
	seed, handled    int
	now              time.Duration
	state            int
	queue, postponed []modelEvent
	timeouts         []modelTimeout // at most one of a kind, in the order in which they were set
	log              []string
}

type modelEvent struct {
	kind statem.Kind
	name string
}

type modelTimeout struct {
	modelEvent
	at   time.Duration
	zero bool
}

func (m *model) cancel(kind statem.Kind) {
	m.timeouts = slices.DeleteFunc(m.timeouts, func(t modelTimeout) bool { return t.kind == kind })
}

func (m *model) ask(timeouts []planTimeout) {
	for _, t := range timeouts {
		i := slices.IndexFunc(m.timeouts, func(o modelTimeout) bool { return o.kind == t.kind })
		if t.op == "update" && i >= 0 {
			m.timeouts[i].name = t.name
			continue
		}
		m.cancel(t.kind)
		if t.op != "cancel" {
			m.timeouts = append(m.timeouts, modelTimeout{modelEvent{t.kind, t.name}, m.now + t.d, t.d == 0})
		}
	}
}

func (m *model) enter(old int) []planTimeout {
	m.log = append(m.log, fmt.Sprintf("enter %d from %d", m.state, old))
	return newPlan(m.seed, m.handled, m.state, "", true).timeouts
}

func (m *model) handle(e modelEvent) {
	m.log = append(m.log, fmt.Sprintf("%s (%s) in %d", e.name, e.kind, m.state))
	p := plan{next: m.state}
	if m.handled++; m.handled <= mostHandled {
		p = newPlan(m.seed, m.handled, m.state, e.name, false)
	}
	old := m.state
	m.state = p.next
	timeouts := p.timeouts
	if old != m.state || p.repeat {
		timeouts = append(timeouts, m.enter(old)...)
	}
	if p.postpone {
		m.postponed = append(m.postponed, e)
	}
	m.cancel(statem.EventTimeout)
	if old != m.state {
		m.cancel(statem.StateTimeout)
		m.queue = slices.Concat(m.postponed, m.queue)
		m.postponed = nil
	}
	var inserted []modelEvent
	for _, i := range p.inserted {
		inserted = append(inserted, modelEvent{statem.Internal, i})
	}
	m.queue = slices.Concat(inserted, m.queue)
	m.ask(timeouts)
}

// settle handles all that goes ahead of the mailbox.
func (m *model) settle() {
	for {
		if len(m.queue) > 0 {
			e := m.queue[0]
			m.queue = m.queue[1:]
			m.handle(e)
			continue
		}
		i := slices.IndexFunc(m.timeouts, func(t modelTimeout) bool { return t.zero })
		if i < 0 {
			return
		}
		e := m.timeouts[i].modelEvent
		m.cancel(e.kind)
		m.handle(e)
	}
}

// until lets all timeouts occur that are due before the given time.
func (m *model) until(end time.Duration) {
	for {
		m.settle()
		var first *modelTimeout
		for i, t := range m.timeouts {
			if t.at < end && (first == nil || t.at < first.at) {
				first = &m.timeouts[i]
			}
		}
		if first == nil {
			m.now = end
			return
		}
		m.now = first.at
		e := first.modelEvent
		m.cancel(e.kind)
		m.handle(e)
	}
}

// SM-3 to SM-14 at random: messages come one by one and many at a time, among
// timeouts of all kinds.
func TestMachineAgreesWithModel(t *testing.T) {
	rounds, total := 300, 0
	if testing.Short() {
		rounds = 50
	}
	for seed := range rounds {
		synctest.Test(t, func(t *testing.T) {
			sys := newSystem(t)
			m, want := &planned{seed: seed}, &model{seed: seed, state: 1}
			ref, err := actor.Spawn(sys, func() actor.Behavior[string] { return statem.New(m) })
			if err != nil {
				t.Fatal(err)
			}
			want.ask(want.enter(1))
			r := rand.New(rand.NewPCG(uint64(seed), 0))
			for n := range 15 {
				pause := time.Duration(r.IntN(10)) * time.Millisecond
				time.Sleep(pause)
				synctest.Wait()
				want.until(want.now + pause)
				for k := range 1 + r.IntN(4) {
					name := fmt.Sprintf("m%d.%d", n, k)
					ref.Send(name)
					want.handle(modelEvent{statem.Message, name})
					want.settle()
				}
				synctest.Wait()
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			want.until(want.now + time.Minute)
			total += len(want.log)
			if !slices.Equal(m.log, want.log) {
				i := 0
				for i < min(len(m.log), len(want.log)) && m.log[i] == want.log[i] {
					i++
				}
				t.Fatalf("seed %d: they agree on\n  %q\nthen the machine did\n  %q\nand the model\n  %q",
					seed, m.log[max(0, i-10):i], m.log[i:min(i+5, len(m.log))], want.log[i:min(i+5, len(want.log))])
			}
		})
	}
	t.Logf("%d handlers ran", total)
}
