package statem_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

// What users' code can do to a machine, wherever it is called: each callback by each
// way to fail. Only the machine itself is hurt, and by an inspection not even that.

// failure is a way in which a callback fails. Its error is what the callback returns, if
// it returns one.
type failure struct {
	name string
	fail func(released <-chan struct{}) error
	is   func(reason error) bool // what the machine ends with
}

var failures = []failure{
	{"panic", func(<-chan struct{}) error { panic("boom") }, isPanic},
	{"panic with a typed nil", func(<-chan struct{}) error { panic((*fs.PathError)(nil)) }, isPanic},
	{"Goexit", func(<-chan struct{}) error { runtime.Goexit(); return nil }, func(reason error) bool { return reason == actor.Goexit }},
	{"typed nil", func(<-chan struct{}) error { return (*fs.PathError)(nil) }, func(reason error) bool {
		var r *actor.ReasonError
		return errors.As(reason, &r)
	}},
	{"block", func(released <-chan struct{}) error { <-released; return nil }, nil},
}

func isPanic(reason error) bool {
	var p *actor.PanicError
	return errors.As(reason, &p)
}

func (f failure) blocks() bool { return f.is == nil }

// guarded runs f in a bubble, with a system that logs, an innocent machine, and a
// failure that is over when f has returned.
func guarded(t *testing.T, fails failure, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{failure: fails, released: make(chan struct{}), innocent: &hooked{}}
		w.sys = actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		w.innocentRef = start(t, w.sys, w.innocent)
		f(t, w)
		w.answers(t, w.innocentRef)
		close(w.released)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.sys.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
}

type world struct {
	failure
	released    chan struct{}
	sys         *actor.System
	innocent    *hooked // monitors and writes down who ends
	innocentRef actor.Ref[step]
}

func (w *world) failNow() error { return w.fail(w.released) }

// answers checks that a machine goes on.
func (w *world) answers(t *testing.T, ref actor.Ref[step]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	got, err := actor.Call(ctx, ref, func(r actor.Reply[string]) step {
		return on("ping", func(*stateContext) { r.Send("pong") })
	})
	if got != "pong" || err != nil {
		t.Errorf("Call = %q, %v", got, err)
	}
}

// ends checks that a machine which was made to fail ends, or can be made to end, and
// that the one that monitors it hears of that.
func (w *world) ends(t *testing.T, pid actor.PID, trigger func()) {
	t.Helper()
	w.innocentRef.Send(on("monitor", func(c *stateContext) { c.Monitor(pid) }))
	synctest.Wait()
	w.innocent.take()
	trigger()
	// Longer than the library waits for what should not block.
	time.Sleep(10 * time.Second)
	if w.blocks() {
		if !pid.Alive() {
			t.Errorf("ended with %v", pid.Err())
		}
		w.answers(t, w.innocentRef)
		pid.Exit(actor.Kill)
		synctest.Wait()
		if !pid.Abandon() {
			t.Error("not abandoned")
		}
		w.innocent.expect(t, "ping in a", "down (statem.Signal) in a: killed")
		return
	}
	if pid.Alive() || !w.is(pid.Err()) {
		t.Errorf("alive: %v, ended with %v", pid.Alive(), pid.Err())
	}
	w.innocent.expect(t, "down (statem.Signal) in a: "+pid.Err().Error())
}

// GO-22, GS-40: every handler of a machine, on every way that an event can come.
func TestHandlerThatFailsEndsOnlyItsMachine(t *testing.T) {
	type trigger = func(t *testing.T, w *world, m *hooked, ref actor.Ref[step])
	failing := func(w *world, name string) step {
		return step{name, func(_ *stateContext, state string) (string, error) { return state, w.failNow() }}
	}
	for name, set := range map[string]trigger{
		"message": func(_ *testing.T, w *world, _ *hooked, ref actor.Ref[step]) { ref.Send(failing(w, "m")) },
		"call": func(_ *testing.T, w *world, _ *hooked, ref actor.Ref[step]) {
			actor.Ask(context.Background(), ref, func(actor.Reply[string]) step { return failing(w, "call") })
		},
		"inserted event": func(_ *testing.T, w *world, _ *hooked, ref actor.Ref[step]) {
			ref.Send(on("m", func(c *stateContext) { c.NextEventOf(statem.Message, failing(w, "i")) }))
		},
		"timeout": func(_ *testing.T, w *world, _ *hooked, ref actor.Ref[step]) {
			ref.Send(on("m", func(c *stateContext) { c.SetTimeout(state, time.Second, failing(w, "t")) }))
		},
		"moment": func(_ *testing.T, w *world, _ *hooked, ref actor.Ref[step]) {
			ref.Send(on("m", func(c *stateContext) { c.SetTimeoutAt(named, time.Now().Add(time.Second), failing(w, "t")) }))
		},
		"timeout of zero": func(_ *testing.T, w *world, _ *hooked, ref actor.Ref[step]) {
			ref.Send(on("m", func(c *stateContext) { c.SetTimeout(event, 0, failing(w, "t")) }))
		},
		"postponed event": func(_ *testing.T, w *world, _ *hooked, ref actor.Ref[step]) {
			ref.Send(step{"p", func(c *stateContext, state string) (string, error) {
				if state == "a" {
					c.Postpone()
					return state, nil
				}
				return state, w.failNow()
			}})
			ref.Send(to("m", "b", nil))
		},
		"Enter": func(_ *testing.T, w *world, m *hooked, ref actor.Ref[step]) {
			m.enter = func(*stateContext, string, string) error { return w.failNow() }
			ref.Send(to("m", "b", nil))
		},
		"HandleDown": func(t *testing.T, w *world, m *hooked, ref actor.Ref[step]) {
			m.down = func(*stateContext, string, actor.Down) (string, error) { return "a", w.failNow() }
			other := start(t, w.sys, &script{})
			ref.Send(on("m", func(c *stateContext) { c.Monitor(other.PID()) }))
			other.PID().Exit(actor.Kill)
		},
		"HandleExit": func(_ *testing.T, w *world, m *hooked, ref actor.Ref[step]) {
			m.exit = func(*stateContext, string, actor.Exit) (string, error) { return "a", w.failNow() }
			ref.Send(on("m", func(c *stateContext) { c.TrapExit(true) }))
			synctest.Wait()
			ref.PID().Exit(errBroken)
		},
		"Terminate": func(_ *testing.T, w *world, m *hooked, ref actor.Ref[step]) {
			m.terminate = func(*stateContext, string, error) {
				if err := w.failNow(); err != nil {
					panic(err) // it returns nothing
				}
			}
			ref.Send(step{"stop", func(*stateContext, string) (string, error) { return "", actor.Stop }})
		},
	} {
		for _, f := range failures {
			t.Run(name+"/"+f.name, func(t *testing.T) {
				guarded(t, f, func(t *testing.T, w *world) {
					if name == "Terminate" && f.name == "typed nil" {
						w.is = isPanic
					}
					m := &hooked{}
					ref := start(t, w.sys, m)
					synctest.Wait()
					w.ends(t, ref.PID(), func() { set(t, w, m, ref) })
				})
			})
		}
	}
}

// The first enter call fails when its spawner has gone on.
func TestFirstEnterThatFailsEndsOnlyItsMachine(t *testing.T) {
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			guarded(t, f, func(t *testing.T, w *world) {
				m := &hooked{}
				entered := make(chan struct{})
				m.enter = func(*stateContext, string, string) error { <-entered; return w.failNow() }
				ref := start(t, w.sys, m)
				w.ends(t, ref.PID(), func() { close(entered) })
			})
		})
	}
}

// GS-4, GS-5: an Init that fails fails its spawn, and leaves nothing.
func TestInitThatFailsFailsItsSpawn(t *testing.T) {
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			guarded(t, f, func(t *testing.T, w *world) {
				m := &hooked{init: func(*stateContext) error { return w.failNow() }}
				_, err := actor.Spawn(w.sys, statem.New(func() *hooked { return m }),
					actor.Name("machine"), actor.StartTimeout(time.Second))
				if f.blocks() && !errors.Is(err, actor.ErrStartTimeout) || !f.blocks() && (err == nil || errors.Is(err, actor.ErrStartTimeout)) {
					t.Errorf("Spawn: %v", err)
				}
				if _, err := actor.Lookup[step](w.sys, "machine"); err == nil {
					t.Error("it is there")
				}
				m.expect(t)
			})
		})
	}
}

// A machine that is none fails where it is given, and not at its first event.
func TestNilMachineIsRefused(t *testing.T) {
	for name, nothing := range map[string]machine{"nil": nil, "typed nil": (*hooked)(nil)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				_, err := actor.Spawn(sys, statem.New(func() machine { return nothing }))
				if !isPanic(err) {
					t.Errorf("Spawn: %v", err)
				}
				m := &hooked{}
				ref := start(t, sys, m)
				err = statem.Replace(t.Context(), ref, func(string, machine) (string, machine, error) { return "b", nothing, nil })
				if err == nil {
					t.Error("Replace put it in")
				}
				ref.Send(ev("m"))
				m.expect(t, "enter a from a", "m in a")
				ref.Send(on("become", func(c *stateContext) { c.Become(nothing) }))
				if p := wantPanic(t, ref); p.Value != "statem: Become: the machine is nil" {
					t.Errorf("panic: %v", p.Value)
				}
			})
		})
	}
}

// OBS-2, T-52: a function that looks into a machine or replaces its state does not hurt
// it, unless it blocks: then the machine waits, and can be killed.
func TestInspectorThatFailsHurtsNobody(t *testing.T) {
	for name, look := range map[string]func(ctx context.Context, w *world, ref actor.Ref[step]) error{
		"Inspect": func(ctx context.Context, w *world, ref actor.Ref[step]) (err error) {
			if inspected := statem.Inspect(ctx, ref, func(string, machine) { err = w.failNow() }); inspected != nil {
				return inspected
			}
			return err
		},
		"Replace": func(ctx context.Context, w *world, ref actor.Ref[step]) error {
			return statem.Replace(ctx, ref, func(string, machine) (string, machine, error) { return "b", &hooked{}, w.failNow() })
		},
	} {
		for _, f := range failures {
			t.Run(name+"/"+f.name, func(t *testing.T) {
				guarded(t, f, func(t *testing.T, w *world) {
					m := &hooked{}
					ref := start(t, w.sys, m)
					m.expect(t, "enter a from a")
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					err := look(ctx, w, ref)
					if f.blocks() {
						if !errors.Is(err, context.DeadlineExceeded) {
							t.Errorf("%s: %v", name, err)
						}
						ref.PID().Exit(actor.Kill)
						<-ref.PID().Done()
						return
					}
					if err == nil {
						t.Errorf("%s: no error", name)
					}
					if f.name != "typed nil" && !errors.Is(err, actor.Goexit) && !isPanic(err) {
						t.Errorf("%s: %v", name, err)
					}
					w.answers(t, ref)
					m.expect(t, "ping in a")
				})
			})
		}
	}
}

// touchy is a state, and untrusted a machine, whose methods fail when they are logged.
type touchy struct{ w *world }

func (s touchy) LogValue() slog.Value { return logged(s.w) }

type untrusted struct {
	w     *world
	state bool // whose LogValue fails
}

func (m *untrusted) Handle(_ *statem.Context[touchy, int], _ touchy, _ int) (touchy, error) {
	return touchy{m.w}, errBroken
}

func (m *untrusted) Init(*statem.Context[touchy, int]) (touchy, error) {
	if m.state {
		return touchy{m.w}, nil
	}
	return touchy{}, nil
}

func (m *untrusted) LogValue() slog.Value {
	if m.state {
		return slog.StringValue("fine")
	}
	return logged(m.w)
}

func logged(w *world) slog.Value {
	if w == nil {
		return slog.StringValue("fine")
	}
	return slog.AnyValue(w.failNow())
}

// GS-47: what cannot be logged does not keep a machine from ending with its reason.
func TestLogValueThatFails(t *testing.T) {
	for name, state := range map[string]bool{"of the state": true, "of the machine": false} {
		for _, f := range failures {
			t.Run(name+"/"+f.name, func(t *testing.T) {
				guarded(t, f, func(t *testing.T, w *world) {
					ref, err := actor.Spawn(w.sys, statem.New(func() *untrusted { return &untrusted{w, state} }))
					if err != nil {
						t.Fatal(err)
					}
					ref.Send(1)
					<-ref.PID().Done()
					if reason := ref.PID().Err(); reason != errBroken {
						t.Errorf("ended with %v", reason)
					}
				})
			})
		}
	}
}

// hostile is a reason with one method that fails.
type hostile struct {
	method string
	w      *world
}

func (h hostile) Error() string {
	if h.method == "Error" {
		return h.w.failNow().Error()
	}
	return "hostile"
}

func (h hostile) Is(error) bool { return h.method == "Is" && h.w.failNow() == nil }

func (h hostile) Unwrap() error {
	if h.method == "Unwrap" {
		return h.w.failNow()
	}
	return nil
}

// EXIT-1: a reason whose methods fail is a crash of the machine that gave it. One that
// blocks keeps its machine from ending.
func TestReasonThatFails(t *testing.T) {
	for _, method := range []string{"Error", "Is", "Unwrap"} {
		for _, f := range failures {
			t.Run(method+"/"+f.name, func(t *testing.T) {
				guarded(t, f, func(t *testing.T, w *world) {
					if !f.blocks() {
						w.is = func(reason error) bool { return reason != nil }
					}
					ref := start(t, w.sys, &hooked{})
					synctest.Wait()
					w.ends(t, ref.PID(), func() {
						ref.Send(step{"m", func(*stateContext, string) (string, error) { return "b", hostile{method, w} }})
					})
					if !ref.PID().Crashed() {
						t.Error("it is no crash")
					}
				})
			})
		}
	}
}

// A constructor that is none is a mistake in the program, found before anything is spawned.
func TestNilConstructorIsRefused(t *testing.T) {
	defer func() {
		if v := recover(); v != "statem: New: create is nil" {
			t.Errorf("recovered %v", v)
		}
	}()
	statem.New[string, step, machine](nil)
	t.Error("it was accepted")
}

// SM-3: states that cannot be compared end the machine that has them.
func TestStatesThatCannotBeCompared(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		ref, err := actor.Spawn(sys, statem.New(func() anyState { return anyState{} }))
		if err != nil {
			t.Fatal(err)
		}
		ref.Send([]int{1})
		ref.Send([]int{2})
		<-ref.PID().Done()
		if !isPanic(ref.PID().Err()) {
			t.Errorf("ended with %v", ref.PID().Err())
		}
	})
}

// anyState has the last event as its state.
type anyState struct{}

func (anyState) Handle(_ *statem.Context[any, any], _, event any) (any, error) { return event, nil }
