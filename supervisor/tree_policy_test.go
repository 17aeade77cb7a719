package supervisor

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// cast returns a policy with children that are given as "a+ b- c* d+t": an ID; + if
// the child runs, - if it is at rest, * if it is restarting; then t for a transient,
// x for a temporary, s for a significant child.
func cast(s Spec, children string) *policy {
	p := newPolicy(s)
	for _, word := range strings.Fields(children) {
		c := &child{spec: Child{ID: word[:1]}}
		switch word[1] {
		case '+':
			c.phase = running
		case '*':
			c.phase = restarting
		}
		if strings.Contains(word, "t") {
			c.spec.Restart = Transient
		}
		if strings.Contains(word, "x") {
			c.spec.Restart = Temporary
		}
		c.spec.Significant = strings.Contains(word, "s")
		p.add(c)
	}
	return p
}

// lineUp is the inverse of cast, without the letters.
func lineUp(p *policy) string {
	var words []string
	for c := p.first; c != nil; c = c.next {
		words = append(words, c.spec.ID+map[phase]string{stopped: "-", running: "+", restarting: "*"}[c.phase])
	}
	return strings.Join(words, " ")
}

func ids(list []*child) string {
	var b strings.Builder
	for _, c := range list {
		b.WriteString(c.spec.ID)
	}
	return b.String()
}

func always(s Strategy) Spec { return Spec{Strategy: s, Intensity: 100, Period: time.Hour} }

// SUP-21 to SUP-25, SUP-33: which children are stopped and started, in which order.
func TestRounds(t *testing.T) {
	for _, c := range []struct {
		strategy    Strategy
		children    string
		failed      string
		stop, start string
	}{
		{OneForOne, "a+ b+ c+", "b", "", "b"},
		{OneForOne, "a+ b+ c-", "a", "", "a"},

		{OneForAll, "a+ b+ c+", "b", "ca", "abc"},
		{OneForAll, "a+ b+ c+", "a", "cb", "abc"},
		{OneForAll, "a+", "a", "", "a"},
		{OneForAll, "a+ b+x c+", "c", "ba", "ac"},  // SUP-24
		{OneForAll, "a+x b+ c+x", "b", "ca", "b"},  // at both ends, too
		{OneForAll, "a-t b+ c+", "b", "c", "abc"},  // SUP-25: ended before
		{OneForAll, "a+t b+ c+", "b", "ca", "abc"}, // SUP-25: stopped now
		{OneForAll, "a+ b* c+", "c", "a", "abc"},   // a retry is overtaken
		{OneForAll, "a+x b+x c+ d+x", "c", "dba", "c"},

		{RestForOne, "a+ b+ c+ d+", "b", "dc", "bcd"},
		{RestForOne, "a+ b+ c+", "c", "", "c"},
		{RestForOne, "a+ b+ c+", "a", "cb", "abc"},
		{RestForOne, "a-t b+ c-t", "b", "", "bc"},
		{RestForOne, "a+ b+ c+x d+", "b", "dc", "bd"},
	} {
		t.Run(c.strategy.String()+"/"+c.children+"/"+c.failed, func(t *testing.T) {
			p := cast(always(c.strategy), c.children)
			d := p.exited(p.byID[c.failed], false, 0)
			if d.verdict != goOn {
				t.Fatalf("verdict %v, want to go on", d.verdict)
			}
			if stop := ids(d.round.stop); stop != c.stop {
				t.Errorf("stops %q, want %q", stop, c.stop)
			}
			if start := ids(d.round.start); start != c.start {
				t.Errorf("starts %q, want %q", start, c.start)
			}
			if n := len(p.budget.spent); n != 1 {
				t.Errorf("the round cost %d restarts, want 1", n)
			}
		})
	}
}

// SUP-20: the restart table.
func TestRestartDecisions(t *testing.T) {
	for _, c := range []struct {
		child           string
		clean           bool
		restart, report bool
		then            string
	}{
		{"a+", true, true, true, "a-"},
		{"a+", false, true, true, "a-"},
		{"a+t", true, false, false, "a-"},
		{"a+t", false, true, true, "a-"},
		{"a+x", true, false, false, ""},
		{"a+x", false, false, true, ""},
	} {
		p := cast(always(OneForOne), c.child)
		d := p.exited(p.first, c.clean, 0)
		if restart := len(d.round.start) == 1; restart != c.restart || d.report != c.report || lineUp(p) != c.then {
			t.Errorf("%s, clean %v: restart %v, report %v, then %q; want %v, %v, %q",
				c.child, c.clean, restart, d.report, lineUp(p), c.restart, c.report, c.then)
		}
	}
}

// SUP-30, SUP-31, SUP-34, GO-27: the window, to the nanosecond.
func TestBudget(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name      string
		intensity int
		period    time.Duration
		at        []time.Duration
		ok        []bool
	}{
		{"none", 0, s, []time.Duration{0}, []bool{false}},
		{"default", 0, 0, []time.Duration{0, 5 * s}, []bool{true, false}},
		{"default, expired", 0, 0, []time.Duration{0, 5*s + 1}, []bool{true, true}},
		{"default period", 2, 0, []time.Duration{0, 4 * s, 5 * s}, []bool{true, true, false}},
		{"at once", 2, s, []time.Duration{7, 7, 7}, []bool{true, true, false}},
		{"exactly one period old", 1, s, []time.Duration{0, s}, []bool{true, false}},
		{"just older", 1, s, []time.Duration{0, s + 1}, []bool{true, true}},
		{"only the oldest expires", 2, s, []time.Duration{0, 2, s + 1, s + 2}, []bool{true, true, true, false}},
		{"spaced", 1, s, []time.Duration{0, 2 * s, 4 * s, 6 * s}, []bool{true, true, true, true}},
		{"the last one too many", 3, s, []time.Duration{0, 1, 2, s - 1}, []bool{true, true, true, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBudget(c.intensity, c.period)
			for i, now := range c.at {
				if ok := b.spend(now); ok != c.ok[i] {
					t.Errorf("restart %d at %v: allowed %v, want %v", i+1, now, ok, c.ok[i])
				}
			}
		})
	}
}

// The list of restarts must not grow with their number.
func TestBudgetForgets(t *testing.T) {
	b := newBudget(10, time.Second)
	for i := range time.Duration(100_000) {
		if !b.spend(i * time.Second) {
			t.Fatal("refused")
		}
	}
	if len(b.spent) > 2 || cap(b.spent) > 100 {
		t.Errorf("keeps %d restarts in room for %d", len(b.spent), cap(b.spent))
	}
}

// SUP-32: a supervisor that has overspent starts nothing.
func TestSpentBudgetEndsTheSupervisor(t *testing.T) {
	p := cast(Spec{Intensity: 1, Period: time.Second}, "a+ b+")
	if d := p.exited(p.byID["a"], false, 0); d.verdict != goOn {
		t.Fatalf("first: %+v", d)
	}
	d := p.exited(p.byID["b"], false, 1)
	if d.verdict != intensitySpent || !d.report || d.round.start != nil || d.round.stop != nil {
		t.Errorf("second: %+v, want an end without a round", d)
	}
}

// SUP-50 to SUP-52: which ends of significant children end the supervisor.
func TestAutoShutdown(t *testing.T) {
	for _, c := range []struct {
		auto     AutoShutdown
		children string
		ended    string
		clean    bool
		want     verdict
	}{
		{never, "a+ts b+", "a", true, goOn},
		{AnySignificant, "a+t b+", "a", true, goOn}, // not significant
		{AnySignificant, "a+ts b+ts", "a", true, autoShutdown},
		{AnySignificant, "a+ts b+", "a", false, goOn}, // restarted
		{AnySignificant, "a+xs b+", "a", false, autoShutdown},
		{AnySignificant, "a+xs b+", "a", true, autoShutdown},
		{AllSignificant, "a+ts b+ts", "a", true, goOn},
		{AllSignificant, "a+ts b-ts c+", "a", true, autoShutdown},
		{AllSignificant, "a+ts b*ts", "a", true, goOn}, // b is not at its end
		{AllSignificant, "a+xs b+", "a", false, autoShutdown},
		{AllSignificant, "a-ts b+t", "b", true, goOn},
	} {
		p := cast(Spec{AutoShutdown: c.auto}, c.children)
		if d := p.exited(p.byID[c.ended], c.clean, 0); d.verdict != c.want {
			t.Errorf("%v: %s, %s ended: verdict %v, want %v", c.auto, c.children, c.ended, d.verdict, c.want)
		}
	}
}

// SUP-40 to SUP-42: a failed restart waits for its turn, once.
func TestRetries(t *testing.T) {
	p := cast(always(RestForOne), "a+ b+ c+")
	b := p.byID["b"]
	d := p.exited(b, false, 0)
	for _, c := range d.round.stop {
		p.stoppedOrIgnored(c)
	}
	if !p.restartFailed(b) {
		t.Fatal("no retry was asked for")
	}
	if got := lineUp(p); got != "a+ b* c-" {
		t.Fatalf("after the failure: %s", got)
	}
	if p.restartFailed(b) {
		t.Error("a second retry was asked for while one is on its way")
	}
	d = p.retry(b, 0)
	if ids(d.round.stop) != "" || ids(d.round.start) != "bc" {
		t.Errorf("the retry stops %q and starts %q, want none and bc", ids(d.round.stop), ids(d.round.start))
	}
	if len(p.budget.spent) != 2 {
		t.Errorf("two attempts cost %d restarts", len(p.budget.spent))
	}
	p.restartFailed(b)
	if _, err := p.terminate("b"); err != nil {
		t.Fatal(err)
	}
	if d = p.retry(b, 0); d.round.start != nil {
		t.Errorf("a terminated child is tried again: %s", ids(d.round.start))
	}
}

// SUP-41: a one_for_all retry stops what had come up.
func TestOneForAllRetryStartsOver(t *testing.T) {
	p := cast(always(OneForAll), "a+ b* c-")
	d := p.retry(p.byID["b"], 0)
	if ids(d.round.stop) != "a" || ids(d.round.start) != "abc" {
		t.Errorf("stops %q and starts %q, want a and abc", ids(d.round.stop), ids(d.round.start))
	}
}

// T-10, SUP-60, SUP-62: the answers to requests in each phase.
func TestRequestsInEachPhase(t *testing.T) {
	var started *AlreadyStartedError
	for _, c := range []struct {
		child                       string
		add, terminate, idle        error
		startedAlready, mustBeEnded bool
		then                        string // after terminate and, if it must be ended, rest
	}{
		{child: "x+", terminate: ErrNotFound, idle: ErrNotFound, then: "x+"},
		{child: "a+", startedAlready: true, idle: ErrRunning, mustBeEnded: true, then: "a-"},
		{child: "a+t", startedAlready: true, idle: ErrRunning, mustBeEnded: true, then: "a-"},
		{child: "a+x", startedAlready: true, idle: ErrRunning, mustBeEnded: true, then: ""},
		{child: "a-", add: ErrAlreadyPresent, then: "a-"},
		{child: "a*", add: ErrAlreadyPresent, idle: ErrRestarting, then: "a-"},
	} {
		t.Run(c.child, func(t *testing.T) {
			p := cast(Spec{}, c.child)
			if err := p.mayAdd("a"); errors.As(err, &started) != c.startedAlready || !c.startedAlready && err != c.add {
				t.Errorf("mayAdd: %v", err)
			}
			if _, err := p.idle("a"); err != c.idle {
				t.Errorf("idle: %v, want %v", err, c.idle)
			}
			stop, err := p.terminate("a")
			if err != c.terminate || (stop != nil) != c.mustBeEnded {
				t.Errorf("terminate: %v, %v", stop, err)
			}
			if stop != nil {
				p.stoppedOrIgnored(stop)
			}
			if got := lineUp(p); got != c.then {
				t.Errorf("then %q, want %q", got, c.then)
			}
		})
	}
}

func TestChildrenKeepTheirOrder(t *testing.T) {
	p := cast(Spec{}, "a+ b+ c+ d+")
	for _, step := range []struct{ remove, want string }{
		{"b", "a+ c+ d+"}, {"d", "a+ c+"}, {"a", "c+"}, {"c", ""},
	} {
		p.remove(p.byID[step.remove])
		if got := lineUp(p); got != step.want {
			t.Fatalf("without %s: %q, want %q", step.remove, got, step.want)
		}
	}
	p.add(&child{spec: Child{ID: "e"}})
	if got := lineUp(p); got != "e-" || p.first != p.last {
		t.Errorf("after all: %q", got)
	}
}
