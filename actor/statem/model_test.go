package statem_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/actor/statem"
)

var (
	modelSeed   = flag.Int("model.seed", 1, "first seed of the model test")
	modelRounds = flag.Int("model.rounds", 0, "rounds of the model test, each with a seed of its own; 0 for 50, or 1000 with TROUPE_LONG=1")
)

// The model test runs a machine whose handlers do what a plan says, and a model of
// OTP's rules, by the same plan. Both write down what they do, and when.

// plan is what a handler does. It depends on nothing but the seed, the state, the
// event and how many events have been handled, so that machine and model, as long
// as they agree, get the same one.
type plan struct {
	next                     int
	took                     time.Duration
	postpone, repeat, become bool
	inserted                 []modelEvent
	timeouts                 []planTimeout
}

type planTimeout struct {
	op   string // "set", "set at", "set never", "update" or "cancel"
	kind statem.Kind
	d    time.Duration // from the beginning of the handler for "set at", else from its end
	name string
}

var timeoutKinds = []statem.Kind{statem.StateTimeout, statem.EventTimeout, "n1", "n2"}

func newPlan(seed, handled, state int, name string, enter bool) plan {
	var h uint64
	for _, b := range []byte(name) {
		h = h*131 + uint64(b)
	}
	r := rand.New(rand.NewPCG(uint64(seed), h<<16^uint64(handled)<<4^uint64(state)<<1))
	if enter {
		r.Uint64()
		if handled >= 40 { // timeouts that beget timeouts would go on for ever
			return plan{}
		}
		return plan{timeouts: planTimeouts(r, fmt.Sprint("e", handled))}
	}
	p := plan{next: state, timeouts: planTimeouts(r, fmt.Sprint("t", handled))}
	if r.IntN(3) == 0 {
		p.next = r.IntN(3)
	}
	p.postpone = r.IntN(3) == 0
	p.repeat = r.IntN(5) == 0
	p.become = r.IntN(10) == 0
	if r.IntN(3) == 0 {
		p.took = time.Duration(r.Int64N(int64(5 * time.Second)))
	}
	if strings.Count(name, "i") < 2 {
		kinds := append([]statem.Kind{statem.Internal, statem.Message}, timeoutKinds...)
		for n := range max(0, r.IntN(5)-2) {
			p.inserted = append(p.inserted, modelEvent{kinds[r.IntN(len(kinds))], fmt.Sprintf("%s.i%d", name, n)})
		}
	}
	return p
}

// planTimeouts draws durations from so many that no two times ever meet.
func planTimeouts(r *rand.Rand, name string) (list []planTimeout) {
	for n := range r.IntN(3) {
		t := planTimeout{kind: timeoutKinds[r.IntN(len(timeoutKinds))], name: fmt.Sprintf("%s.%d", name, n)}
		switch x := r.IntN(20); {
		case x < 3:
			t.op = "cancel"
		case x < 4:
			t.op = "set never"
		case x < 7:
			t.op = "update"
		case x < 10:
			t.op = "set" // to zero
		case x < 14:
			t.op, t.d = "set at", time.Duration(r.Int64N(int64(25*time.Second)))-5*time.Second
		default:
			t.op, t.d = "set", time.Duration(1+r.Int64N(int64(20*time.Second)))
		}
		list = append(list, t)
	}
	return list
}

const mostHandled = 300 // then plans are over, for machine and model

// planned is the machine. There are two, with the same run, which take turns.
type planned struct {
	id int
	*plannedRun
}

type plannedRun struct {
	seed, handled int
	begin         time.Time
	watched       []actor.PID // their ends are events
	log           []string
}

type plannedContext = statem.Context[int, string]

func (m *planned) note(c *plannedContext, what string) {
	line := fmt.Sprintf("%v: %s by %d", time.Since(m.begin), what, m.id)
	for _, kind := range timeoutKinds {
		if left, running := c.TimeLeft(kind); running {
			line += fmt.Sprintf(", %s in %v", kind, left)
		}
	}
	m.log = append(m.log, line)
}

func (m *planned) ask(c *plannedContext, p plan) {
	began := time.Now()
	for _, t := range p.timeouts {
		switch t.op {
		case "set":
			c.SetTimeout(t.kind, t.d, t.name)
		case "set at":
			c.SetTimeoutAt(t.kind, began.Add(t.d), t.name)
		case "set never":
			c.SetTimeoutAt(t.kind, time.Time{}, t.name)
		case "update":
			c.UpdateTimeout(t.kind, t.name)
		case "cancel":
			c.CancelTimeout(t.kind)
		}
	}
	for _, i := range p.inserted {
		if i.kind == statem.Internal {
			c.NextEvent(i.name)
		} else {
			c.NextEventOf(i.kind, i.name)
		}
	}
}

func (m *planned) Init(c *plannedContext) (int, error) {
	for _, pid := range m.watched {
		c.Monitor(pid)
	}
	m.ask(c, newPlan(m.seed, 0, 1, "init", false))
	return 1, nil
}

func (m *planned) Enter(c *plannedContext, old, state int) error {
	m.note(c, fmt.Sprintf("enter %d from %d", state, old))
	m.ask(c, newPlan(m.seed, m.handled, state, "", true))
	return nil
}

func (m *planned) Handle(c *plannedContext, state int, event string) (int, error) {
	m.note(c, fmt.Sprintf("%s (%s) in %d", event, c.Kind(), state))
	if m.handled++; m.handled > mostHandled {
		return state, nil
	}
	p := newPlan(m.seed, m.handled, state, event, false)
	m.ask(c, p)
	if p.postpone {
		c.Postpone()
	}
	if p.repeat {
		c.RepeatState()
	}
	if p.become {
		c.Become(&planned{1 - m.id, m.plannedRun})
	}
	time.Sleep(p.took)
	return p.next, nil
}

func (m *planned) HandleDown(c *plannedContext, state int, down actor.Down) (int, error) {
	return m.Handle(c, state, down.Reason.Error())
}

// modelStep is what is done to the machine, at a time of its own.
type modelStep struct {
	at       time.Duration
	messages []string
	kill     int // one of the watched, if it is not -1
	replace  int // by this state, if it is not -1
}

const watched = 4

func modelScript(seed int) (script []modelStep) {
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	var at time.Duration
	killed := 0
	for n := range 25 {
		at += time.Duration(1 + r.Int64N(int64(5*time.Second)))
		s := modelStep{at: at, kill: -1, replace: -1}
		switch x := r.IntN(10); {
		case x == 0 && killed < watched:
			s.kill = killed
			killed++
		case x < 3:
			s.replace = r.IntN(4) // 3 is refused
		default:
			for k := range 1 + r.IntN(4) {
				s.messages = append(s.messages, fmt.Sprintf("m%d.%d", n, k))
			}
		}
		script = append(script, s)
	}
	return script
}

func downName(n int) string { return fmt.Sprint("down", n) }

// SM-3 to SM-14, OBS-2 at random: messages come one by one and many at a time, to a
// machine that is busy or not, among downs, timeouts of all kinds and replacements of
// the state. A failure names its seed.
func TestMachineAgreesWithModel(t *testing.T) {
	rounds, total := cmp.Or(*modelRounds, long.Rounds(50, 1000)), 0
	for seed := *modelSeed; seed < *modelSeed+rounds; seed++ {
		synctest.Test(t, func(t *testing.T) {
			want := &model{seed: seed, script: modelScript(seed)}
			want.run()
			m := &plannedRun{seed: seed}
			state, id := m.run(t, modelScript(seed))
			if state != want.state || id != want.id {
				t.Errorf("seed %d: it ended in %d, by %d; the model in %d, by %d", seed, state, id, want.state, want.id)
			}
			total += len(want.log)
			if slices.Equal(m.log, want.log) {
				return
			}
			i := 0
			for i < min(len(m.log), len(want.log)) && m.log[i] == want.log[i] {
				i++
			}
			t.Fatalf("again with: go test ./actor/statem -run TestMachineAgreesWithModel -model.rounds=1 -model.seed=%d\n"+
				"they agree on\n  %q\nthen the machine did\n  %q\nand the model\n  %q",
				seed, m.log[max(0, i-10):i], m.log[i:min(i+5, len(m.log))], want.log[i:min(i+5, len(want.log))])
		})
	}
	t.Logf("%d handlers ran", total)
}

// run has a machine go through a script, and returns its last state and machine.
func (m *plannedRun) run(t *testing.T, steps []modelStep) (state, id int) {
	sys := newSystem(t)
	for range watched {
		m.watched = append(m.watched, start(t, sys, &script{}).PID())
	}
	m.begin = time.Now()
	ref, err := actor.Spawn(sys, statem.New(func() *planned { return &planned{0, m} }))
	if err != nil {
		t.Fatal(err)
	}
	var replacing sync.WaitGroup
	for _, s := range steps {
		time.Sleep(s.at - time.Since(m.begin))
		for _, name := range s.messages {
			ref.Send(name)
		}
		if s.kill >= 0 {
			m.watched[s.kill].Exit(errors.New(downName(s.kill)))
		}
		if s.replace >= 0 {
			replacing.Go(func() { m.replace(t, ref, s.replace) }) // waits for a busy machine
		}
		synctest.Wait()
	}
	replacing.Wait()
	time.Sleep(24 * time.Hour)
	err = statem.Inspect(t.Context(), ref, func(s int, m statem.Machine[int, string]) { state, id = s, m.(*planned).id })
	if err != nil {
		t.Error(err)
	}
	return state, id
}

func (m *plannedRun) replace(t *testing.T, ref actor.Ref[string], state int) {
	err := statem.Replace(t.Context(), ref, func(_ int, p statem.Machine[int, string]) (int, statem.Machine[int, string], error) {
		switch {
		case state < 3:
			return state, p, nil
		case m.seed%2 == 0:
			panic(errBroken)
		}
		return state, &planned{2, m}, errBroken
	})
	if (err == nil) != (state < 3) || err != nil && !errors.Is(err, errBroken) {
		t.Errorf("seed %d: Replace: %v", m.seed, err)
	}
}

// model is gen_statem in as few words as possible: lists with the oldest first,
// and a clock that is told the time.
type model struct {
	seed, handled    int
	now              time.Duration
	script           []modelStep // what is still to be done
	state, id        int
	queue, postponed []modelEvent
	mailbox          []arrival
	timeouts         []*modelTimeout // at most one of a kind, in the order in which they were set
	log              []string
}

type modelEvent struct {
	kind statem.Kind
	name string
}

type modelTimeout struct {
	modelEvent
	at      time.Duration
	zero    bool
	expired bool // it waits in the mailbox
}

// arrival is what waits in the mailbox: a timeout, or a replacement, or an event.
type arrival struct {
	timeout *modelTimeout
	replace bool
	state   int
	event   modelEvent
}

// run is all that the machine ever does.
func (m *model) run() {
	m.state = 1
	p := newPlan(m.seed, 0, m.state, "init", false)
	m.queue = p.inserted
	entered := m.enter(m.state)
	m.ask(p.timeouts, m.now)
	m.ask(entered, m.now)
	for {
		if e, ok := m.next(); ok {
			m.handle(e)
		} else if moment, ok := m.nextMoment(); ok {
			m.wait(moment)
		} else {
			return
		}
	}
}

// next takes the next event: one that goes ahead of the mailbox, otherwise the oldest
// there.
func (m *model) next() (modelEvent, bool) {
	if len(m.queue) > 0 {
		e := m.queue[0]
		m.queue = m.queue[1:]
		return e, true
	}
	if i := slices.IndexFunc(m.timeouts, func(t *modelTimeout) bool { return t.zero }); i >= 0 {
		return m.occur(m.timeouts[i]), true
	}
	for len(m.mailbox) > 0 {
		a := m.mailbox[0]
		m.mailbox = m.mailbox[1:]
		switch {
		case a.replace:
			if a.state < 3 {
				m.state = a.state
			}
		case a.timeout == nil:
			return a.event, true
		case slices.Contains(m.timeouts, a.timeout): // it is still in force
			return m.occur(a.timeout), true
		}
	}
	return modelEvent{}, false
}

func (m *model) occur(t *modelTimeout) modelEvent {
	m.cancel(t.kind)
	return t.modelEvent
}

// timer returns the timeout that is due first.
func (m *model) timer() (first *modelTimeout) {
	for _, t := range m.timeouts {
		if !t.zero && !t.expired && (first == nil || t.at < first.at) {
			first = t
		}
	}
	return first
}

// nextMoment returns when something is going to happen. It reports false if nothing is.
func (m *model) nextMoment() (time.Duration, bool) {
	t := m.timer()
	switch {
	case len(m.script) > 0 && (t == nil || m.script[0].at < t.at):
		return m.script[0].at, true
	case t != nil:
		return t.at, true
	}
	return 0, false
}

// wait lets time pass. What happens meanwhile waits in the mailbox.
func (m *model) wait(end time.Duration) {
	for {
		moment, ok := m.nextMoment()
		switch t := m.timer(); {
		case !ok || moment > end:
			m.now = end
			return
		case t != nil && t.at == moment:
			t.expired = true
			m.mailbox = append(m.mailbox, arrival{timeout: t})
		default:
			s := m.script[0]
			m.script = m.script[1:]
			for _, name := range s.messages {
				m.mailbox = append(m.mailbox, arrival{event: modelEvent{statem.Message, name}})
			}
			if s.kill >= 0 {
				m.mailbox = append(m.mailbox, arrival{event: modelEvent{statem.Signal, downName(s.kill)}})
			}
			if s.replace >= 0 {
				m.mailbox = append(m.mailbox, arrival{replace: true, state: s.replace})
			}
		}
	}
}

func (m *model) cancel(kind statem.Kind) {
	m.timeouts = slices.DeleteFunc(m.timeouts, func(t *modelTimeout) bool { return t.kind == kind })
}

// ask does what a handler that began at the given time wants of timeouts.
func (m *model) ask(timeouts []planTimeout, began time.Duration) {
	for _, t := range timeouts {
		i := slices.IndexFunc(m.timeouts, func(o *modelTimeout) bool { return o.kind == t.kind })
		if t.op == "update" && i >= 0 {
			m.timeouts[i].name = t.name
			continue
		}
		m.cancel(t.kind)
		at := m.now + t.d
		switch t.op {
		case "cancel", "set never":
			continue
		case "set at":
			at = began + t.d
		}
		m.timeouts = append(m.timeouts, &modelTimeout{modelEvent: modelEvent{t.kind, t.name}, at: at, zero: at <= m.now})
	}
}

func (m *model) note(what string) {
	line := fmt.Sprintf("%v: %s by %d", m.now, what, m.id)
	for _, kind := range timeoutKinds {
		for _, t := range m.timeouts {
			if t.kind == kind {
				line += fmt.Sprintf(", %s in %v", kind, max(t.at-m.now, 0))
			}
		}
	}
	m.log = append(m.log, line)
}

// enter returns the timeouts that an enter call wants.
func (m *model) enter(old int) []planTimeout {
	m.note(fmt.Sprintf("enter %d from %d", m.state, old))
	return newPlan(m.seed, m.handled, m.state, "", true).timeouts
}

func (m *model) handle(e modelEvent) {
	m.cancel(statem.EventTimeout)
	m.note(fmt.Sprintf("%s (%s) in %d", e.name, e.kind, m.state))
	p := plan{next: m.state}
	if m.handled++; m.handled <= mostHandled {
		p = newPlan(m.seed, m.handled, m.state, e.name, false)
	}
	began := m.now
	m.wait(m.now + p.took)
	var entered []planTimeout
	old := m.state
	m.state = p.next
	if p.become {
		m.id = 1 - m.id
	}
	if old != m.state || p.repeat {
		entered = m.enter(old)
	}
	if p.postpone {
		m.postponed = append(m.postponed, e)
	}
	if old != m.state {
		m.cancel(statem.StateTimeout)
		m.queue = slices.Concat(m.postponed, m.queue)
		m.postponed = nil
	}
	m.queue = slices.Concat(p.inserted, m.queue)
	m.ask(p.timeouts, began)
	m.ask(entered, m.now)
}
