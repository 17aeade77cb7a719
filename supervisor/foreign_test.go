package supervisor_test

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// unaskable is an error whose methods panic.
type unaskable struct{}

func (*unaskable) Error() string   { panic("Error") }
func (*unaskable) Is(error) bool   { panic("Is") }
func (*unaskable) LogValue() error { panic("LogValue") }

// misdeeds are what users' code may do.
var misdeeds = map[string]func(release <-chan struct{}) error{
	"error":     func(<-chan struct{}) error { return errFlat },
	"panic":     func(<-chan struct{}) error { panic("callback") },
	"Goexit":    func(<-chan struct{}) error { runtime.Goexit(); return nil },
	"typed nil": func(<-chan struct{}) error { var e *fs.PathError; return e },
	"unaskable": func(<-chan struct{}) error { return &unaskable{} },
	"blocks":    func(release <-chan struct{}) error { <-release; return nil },
}

// misbehaved does the deed in its Init or in Receive.
type misbehaved struct {
	init, receive func() error
}

func (m misbehaved) Init(*actor.Context[any]) error {
	if m.init != nil {
		return m.init()
	}
	return nil
}

func (m misbehaved) Receive(*actor.Context[any], any) error { return m.receive() }

// badServer is a server of which one thing fails.
type badServer struct {
	serve, shutdown, close func() error
	closed                 chan struct{}
}

func (s badServer) ListenAndServe() error {
	if s.serve != nil {
		return s.serve()
	}
	<-s.closed
	return nil
}

func (s badServer) Shutdown(context.Context) error {
	defer close(s.closed)
	if s.close != nil {
		return errFlat // so that it is closed
	}
	return s.shutdown()
}

func (s badServer) Close() error {
	if s.close != nil {
		return s.close()
	}
	return nil
}

// callbacks make a child one of whose functions does the deed, and say what makes it do
// so: nil if its start does.
var callbacks = map[string]func(deed func() error) (supervisor.Child, func(actor.PID)){
	"Start": func(deed func() error) (supervisor.Child, func(actor.PID)) {
		return supervisor.Child{ID: "bad", Start: func(actor.Self) (actor.PID, error) { return actor.PID{}, deed() }}, nil
	},
	"constructor": func(deed func() error) (supervisor.Child, func(actor.PID)) {
		return supervisor.Actor("bad", func() actor.Behavior[any] { _ = deed(); return nil }), nil
	},
	"Init": func(deed func() error) (supervisor.Child, func(actor.PID)) {
		return supervisor.Actor("bad", func() misbehaved { return misbehaved{init: deed} }), nil
	},
	"Receive": func(deed func() error) (supervisor.Child, func(actor.PID)) {
		child := supervisor.Actor("bad", func() misbehaved { return misbehaved{receive: deed} })
		return child, func(pid actor.PID) {
			ref, _ := actor.RefOf[any](pid)
			ref.Send(nil)
		}
	},
	"Service": func(deed func() error) (supervisor.Child, func(actor.PID)) {
		begin := make(chan struct{})
		child := supervisor.Service("bad", func(context.Context) error { <-begin; return deed() })
		return child, func(actor.PID) { close(begin) }
	},
	"newServer": func(deed func() error) (supervisor.Child, func(actor.PID)) {
		child := supervisor.Server("bad", func() badServer { _ = deed(); return badServer{serve: func() error { return errFlat }} })
		return child, func(actor.PID) {}
	},
	"ListenAndServe": func(deed func() error) (supervisor.Child, func(actor.PID)) {
		child := supervisor.Server("bad", func() badServer { return badServer{serve: deed} })
		return child, func(actor.PID) {}
	},
	"server's Shutdown": func(deed func() error) (supervisor.Child, func(actor.PID)) {
		child := supervisor.Server("bad", func() badServer { return badServer{shutdown: deed, closed: make(chan struct{})} })
		return child, func(pid actor.PID) { pid.Exit(actor.Shutdown) }
	},
	"server's Close": func(deed func() error) (supervisor.Child, func(actor.PID)) {
		child := supervisor.Server("bad", func() badServer { return badServer{close: deed, closed: make(chan struct{})} })
		return child, func(pid actor.PID) { pid.Exit(actor.Shutdown) }
	},
}

// SUP-7, GO-8, GO-9: whatever a function of one child does costs that child. Its siblings
// run on, their supervisor answers, and can be stopped in the time that the child has.
func TestMisdeedsCostOneChild(t *testing.T) {
	for what, callback := range callbacks {
		for how, deed := range misdeeds {
			t.Run(what+"/"+how, func(t *testing.T) {
				onStage(t, func(s *stage) {
					release := make(chan struct{})
					sup := s.start(supervisor.Spec{Children: s.children("a b")})
					s.expect("+a, +b")
					a, b := s.pid("a"), s.pid("b")
					child, begin := callback(func() error { return deed(release) })
					child.Restart, child.Shutdown = supervisor.Temporary, supervisor.Shutdown(time.Second)
					ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
					defer cancel()
					pid, err := sup.StartChild(ctx, child)
					if err == nil {
						begin(pid)
					}
					s.settle()
					stuck := how == "blocks"
					startBlocks := stuck && begin == nil
					if startBlocks { // the supervisor waits, as in OTP, but can be killed
						sup.PID().Exit(actor.Kill)
						s.settle()
						s.expectEnd(sup.PID(), actor.Killed)
						close(release)
						return
					}
					if !a.Alive() || !b.Alive() {
						t.Errorf("a: %v, b: %v", a.Err(), b.Err())
					}
					if n, err := sup.Count(s.Context()); err != nil || n.Active < 2 {
						t.Errorf("%+v, %v", n, err)
					}
					if took := elapsed(func() { err = sup.Stop(s.Context()) }); took > 2*time.Second {
						t.Errorf("the stop took %v", took)
					}
					if still, ok := errors.AsType[*supervisor.StuckError](err); err != nil && !(ok && stuck && len(still.Actors) == 1) {
						t.Errorf("stop: %v", err)
					}
					close(release)
				})
			})
		}
	}
}

// A hook that fails, or hangs, does not keep the supervisor from its work for long.
func TestHooksThatMisbehave(t *testing.T) {
	for how, deed := range misdeeds {
		t.Run(how, func(t *testing.T) {
			onStage(t, func(s *stage) {
				release := make(chan struct{})
				hook := func(supervisor.Restarted) { _ = deed(release) }
				sup := s.start(supervisor.Spec{Intensity: 5, Children: s.children("a b"), OnRestart: hook})
				dynamic := s.startDynamic(supervisor.DynamicSpec{Intensity: 5, OnRestart: hook})
				s.add(dynamic, s.child("c"))
				s.expect("+a, +b, +c")
				b := s.pid("b")
				s.send("a", errFlat)
				s.send("c", errFlat)
				time.Sleep(2 * time.Second)
				s.settle()
				s.send("a", errFlat) // and again
				time.Sleep(2 * time.Second)
				if got := s.state(sup); got != "a+b+" || s.pid("b") != b {
					t.Errorf("got %s", got)
				}
				if n, err := dynamic.Count(s.Context()); err != nil || n.Active != 1 {
					t.Errorf("%+v, %v", n, err)
				}
				close(release)
			})
		})
	}
}
