package actortest_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
)

// notAsked is a reason that ends the goroutine that asks what it is.
type notAsked struct{}

func (notAsked) Error() string { return "not asked" }
func (notAsked) Is(error) bool { runtime.Goexit(); return false }

// trapper traps exits and takes its time to end.
type trapper struct{ takes time.Duration }

func (*trapper) Init(ctx *actor.Context[do]) error { ctx.TrapExit(true); return nil }

func (*trapper) Receive(ctx *actor.Context[do], m do) error { return m(ctx) }

func (tr *trapper) Terminate(*actor.Context[do], error) { time.Sleep(tr.takes) }

// The end of the test stops all actors, and fails the test if they do not stop or,
// on request, if one crashed unexpectedly.
func TestNewSystem(t *testing.T) {
	for name, test := range map[string]struct {
		f    func(t testing.TB)
		want []string // of the failure; nil if there must be none
		log  []string
	}{
		"all is well": {f: func(t testing.TB) {
			spawn(t, actortest.NewSystem(t))
		}},
		"stuck": {
			f: func(t testing.TB) {
				release := make(chan struct{})
				t.Cleanup(func() { close(release) }) // after the system's
				sys := actortest.NewSystem(t)
				m, runs := stuck(release)
				spawn(t, sys, actor.Name("sloth")).Send(m)
				<-runs
			},
			want: []string{"actors did not stop within 3s", "(sloth) is stuck in a handler"},
			log:  []string{"actor abandoned"},
		},
		"slow": {
			f: func(t testing.TB) {
				sys := actortest.NewSystem(t, actortest.StopWithin(time.Second))
				if _, err := actor.Spawn(sys, func() *trapper { return &trapper{time.Second + time.Millisecond} }); err != nil {
					t.Fatalf("%v", err)
				}
			},
			want: []string{"within 1s", "had to be killed"},
		},
		"slow, and allowed to": {
			f: func(t testing.TB) {
				sys := actortest.NewSystem(t, actortest.StopWithin(time.Minute))
				if _, err := actor.Spawn(sys, func() *trapper { return &trapper{59 * time.Second} }); err != nil {
					t.Fatalf("%v", err)
				}
			},
		},
		"crashes do not matter": {
			f: func(t testing.TB) {
				a := spawn(t, actortest.NewSystem(t))
				a.Send(returning(errBoom))
				actortest.ExpectExit(t, a.PID(), errBoom)
			},
			log: []string{"actor crashed", "boom"},
		},
		"crashes matter": {
			f: func(t testing.TB) {
				a := spawn(t, actortest.NewSystem(t, actortest.FailOnCrash()), actor.Name("egg"))
				a.Send(returning(errBoom))
				actortest.ExpectExit(t, a.PID(), errBoom)
			},
			want: []string{"(egg) crashed: boom"},
			log:  []string{"actor crashed", "boom"},
		},
		"expected crashes": {
			f: func(t testing.TB) {
				sys := actortest.NewSystem(t, actortest.FailOnCrash(errBoom, actor.Killed))
				for _, reason := range []error{errBoom, actor.Kill, actortest.ErrInjected, actor.Shutdown, nil} {
					actortest.Crash(t, spawn(t, sys).PID(), reason)
				}
			},
			log: []string{"actor crashed", "boom", "actor crashed", "injected"},
		},
		"crashes matter, in silence": {
			f: func(t testing.TB) {
				sys := actortest.NewSystem(t, actortest.FailOnCrash(), actortest.Silent())
				a, b := spawn(t, sys), spawn(t, sys)
				b.Send(func(ctx *actor.Context[do]) error { return ctx.Link(a.PID()) })
				actortest.Sync(t, b.PID())
				a.Send(func(*actor.Context[do]) error { panic("oops") })
				actortest.ExpectExit(t, b.PID(), nil)
				sys.Logger().With("by", "test").WithGroup("g").Info("x")
			},
			want: []string{"<0.1> crashed: panic: oops"},
		},
		"crashes matter after one whose reason cannot be asked": {
			f: func(t testing.TB) {
				sys := actortest.NewSystem(t, actortest.FailOnCrash(errBoom), actortest.Silent())
				sys.Emit(actor.Crashed{Reason: notAsked{}})
				a := spawn(t, sys)
				a.Send(returning(errors.New("oops")))
				actortest.ExpectExit(t, a.PID(), nil)
			},
			want: []string{"crashed: not asked", "<0.1> crashed: oops"},
		},
		"silent": {f: func(t testing.TB) {
			actortest.Crash(t, spawn(t, actortest.NewSystem(t, actortest.Silent())).PID(), nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				failures, log := try(t, test.f)
				if test.want == nil && failures != "" {
					t.Errorf("it failed: %s", failures)
				}
				wantParts(t, failures, test.want...)
				if test.log == nil && log != "" {
					t.Errorf("it logged: %s", log)
				}
				wantParts(t, log, test.log...)
			})
		})
	}
}

// What a stuck actor logs after the test does not reach it: that would panic.
func TestNothingIsLoggedAfterTheTest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var sys *actor.System
		_, before := try(t, func(t testing.TB) {
			sys = actortest.NewSystem(t)
			sys.Logger().Info("during")
		})
		sys.Logger().Info("after")
		if !strings.Contains(before, "during") {
			t.Errorf("the log lacks what came before: %s", before)
		}
	})
}
