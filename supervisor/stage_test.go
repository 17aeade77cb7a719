package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// stage is a system in a synctest bubble whose children, players, write down what
// happens to them. A test says what it expects in one line, in the order of events:
//
//	s.expect("-b boom, -c shutdown, +b, +c")
//
// "+b" is a start of the child b, "b fails" one that fails, "-b boom" is b's end with the
// reason boom, and "b is cut short" is a kill while b was ending. expect first waits until
// nothing more happens without the passing of time, and forgets what it has seen.
// expectReports does the same for what supervisors log.
type stage struct {
	*testing.T
	sys *actor.System

	mu      sync.Mutex
	lines   []string             // what has happened since the last call of settle
	reports []string             // what supervisors have reported since then
	errors  []string             // what has been logged as an error, by anything
	starts  map[string]int       // how often each child was started, failures included
	fail    map[string]int       // how many of a child's next starts fail
	pids    map[string]actor.PID // the latest incarnation of each child
}

// onStage runs f in a bubble of its own.
func onStage(t *testing.T, f func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{T: t, starts: map[string]int{}, fail: map[string]int{}, pids: map[string]actor.PID{}}
		s.sys = newLoggingSystem(t, reportHandler{slog.DiscardHandler, s})
		f(s)
	})
}

func (s *stage) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// settle waits until nothing happens any more, and returns what has happened.
func (s *stage) settle() string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := strings.Join(s.lines, ", ")
	s.lines = nil
	return lines
}

// expect fails the test if what has happened is not this.
func (s *stage) expect(want string) {
	s.Helper()
	if got := s.settle(); got != want {
		s.Fatalf("what happened:\n got %s\nwant %s", got, want)
	}
}

// expectReports fails the test if what the supervisors have reported is not this.
func (s *stage) expectReports(want ...string) {
	s.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := s.reports; !slices.Equal(got, want) {
		s.Fatalf("reports:\n got %q\nwant %q", got, want)
	}
	s.reports = nil
}

// settleReports waits until nothing happens any more, and returns what the supervisors
// have reported.
func (s *stage) settleReports() []string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	reports := s.reports
	s.reports = nil
	return reports
}

// reportHandler keeps the reports of supervisors.
type reportHandler struct {
	slog.Handler
	s *stage
}

func (h reportHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h reportHandler) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		h.s.mu.Lock()
		h.s.errors = append(h.s.errors, r.Message)
		h.s.mu.Unlock()
	}
	what, ours := strings.CutPrefix(r.Message, "supervisor: ")
	if !ours {
		return nil
	}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "child" || a.Key == "reason" {
			what += fmt.Sprintf(" %v", a.Value)
		}
		return true
	})
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	h.s.reports = append(h.s.reports, what)
	return nil
}

// errFlat is why a start fails.
var errFlat = errors.New("flat")

// player is a child. It ends with the error that it is sent, or that a func
// returns which it is sent.
type player struct {
	s      *stage
	id     string
	lazy   time.Duration // how long its Terminate takes
	ignore bool          // it does not want to start
}

func (p player) Init(ctx *actor.Context[any]) error {
	if p.ignore {
		return actor.Ignore
	}
	p.s.mu.Lock()
	p.s.starts[p.id]++
	fails := p.s.fail[p.id] > 0
	if fails {
		p.s.fail[p.id]--
	} else {
		p.s.pids[p.id] = ctx.PID()
	}
	p.s.mu.Unlock()
	if fails {
		p.s.note("%s fails", p.id)
		return errFlat
	}
	p.s.note("+%s", p.id)
	ctx.TrapExit(true)
	return nil
}

func (p player) Receive(ctx *actor.Context[any], m any) error {
	switch m := m.(type) {
	case error:
		return m
	case func(*actor.Context[any]) error:
		return m(ctx)
	}
	return nil
}

func (p player) Terminate(ctx *actor.Context[any], reason error) {
	if p.lazy > 0 {
		select {
		case <-time.After(p.lazy):
		case <-ctx.Done():
			p.s.note("%s is cut short", p.id)
			return
		}
	}
	p.s.note("-%s %v", p.id, reason)
}

// child returns a player as a child.
func (s *stage) child(id string, opts ...supervisor.ChildOption) supervisor.Child {
	return s.as(player{id: id}, opts...)
}

func (s *stage) as(p player, opts ...supervisor.ChildOption) supervisor.Child {
	p.s = s
	return supervisor.Actor(p.id, func() player { return p }, opts...)
}

func (s *stage) children(ids string, opts ...supervisor.ChildOption) []supervisor.Child {
	var list []supervisor.Child
	for _, id := range strings.Fields(ids) {
		list = append(list, s.child(id, opts...))
	}
	return list
}

// start starts a supervisor that must start.
func (s *stage) start(spec supervisor.Spec) supervisor.Tree {
	s.Helper()
	sup, err := supervisor.Start(s.sys, spec)
	if err != nil {
		s.Fatal(err)
	}
	return sup
}

// pid returns the latest incarnation of a child.
func (s *stage) pid(id string) actor.PID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pids[id]
}

// send sends m to the latest incarnation of a child.
func (s *stage) send(id string, m any) {
	ref, _ := actor.RefOf[any](s.pid(id))
	ref.Send(m)
}

// failNext makes the next n starts of a child fail.
func (s *stage) failNext(id string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail[id] = n
}

// expectEnd fails the test if the actor has not ended with that reason.
func (s *stage) expectEnd(pid actor.PID, reason error) {
	s.Helper()
	synctest.Wait()
	if err := pid.Err(); !errors.Is(err, reason) {
		s.Fatalf("%v ended with %v, want %v", pid, err, reason)
	}
}

// ok fails the test if err is not nil.
func (s *stage) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// expectStuck fails the test if err does not say that these, and only these, are still
// at it.
func (s *stage) expectStuck(err error, want ...actor.PID) {
	s.Helper()
	stuck, ok := errors.AsType[*supervisor.StuckError](err)
	if !ok || !slices.Equal(stuck.Actors, want) {
		s.Fatalf("got error %v, want that %v are stuck", err, want)
	}
}

// expectError fails the test if err does not wrap want.
func (s *stage) expectError(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("got error %v, want %v", err, want)
	}
}

// state describes the children of a supervisor in start order: a+ runs, a- is at
// rest, a* is restarting.
func (s *stage) state(sup supervisor.Tree) string {
	s.Helper()
	list, err := sup.Children(s.Context())
	s.ok(err)
	var b strings.Builder
	for _, c := range slices.Backward(list) {
		mark := "-"
		switch {
		case c.Restarting:
			mark = "*"
		case !c.PID.IsZero():
			mark = "+"
		}
		b.WriteString(c.ID + mark)
	}
	return b.String()
}

// expectText fails the test if that is not the error's text.
func (s *stage) expectText(err error, want string) {
	s.Helper()
	if err == nil || err.Error() != want {
		s.Fatalf("got error %v, want %s", err, want)
	}
}

// expectErrors fails the test if what has been logged as an error, by actors, supervisors
// or anything else, is not this.
func (s *stage) expectErrors(want ...string) {
	s.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := s.errors; !slices.Equal(got, want) {
		s.Fatalf("errors in the log:\n got %q\nwant %q", got, want)
	}
	s.errors = nil
}
