package actor_test

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// lifeEvents writes down what is told of actors' lives, with all that it says.
func lifeEvents(sys *actor.System, j *journal) (stop func()) {
	return sys.Observe(func(e actor.Event) {
		switch e := e.(type) {
		case actor.Spawned:
			j.add("spawned %v by %v: %v %q %q", e.PID, e.Parent, e.Behavior, e.Name, e.Label)
		case actor.Crashed:
			j.add("crashed %v by %v: %v %q %q, %d of %d, %v", e.PID, e.Parent, e.Behavior, e.Name, e.Label,
				e.Handled, e.Handled+uint64(e.Waiting), e.Reason)
		case actor.Exited:
			j.add("exited %v by %v: %v %q %q since %v, %v", e.PID, e.Parent, e.Behavior, e.Name, e.Label,
				e.Started.Format(time.TimeOnly), e.Reason)
		}
	})
}

// labeledScript is a script that is a Labeler.
type labeledScript struct{ script }

func (*labeledScript) ActorLabel() string { return "by itself" }

// The events of an actor say what nobody can ask after its end.
func TestEventsSayWhoItWas(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		defer lifeEvents(sys, &j)()
		parent := start(t, sys, &script{}, actor.Label("house"))
		trapping(t, parent)
		plain := reflect.TypeFor[*script]()
		born := time.Now().Format(time.TimeOnly)
		time.Sleep(time.Minute)
		var kid actor.Ref[do]
		in(t, parent, func(ctx *doContext) { kid, _ = actor.SpawnLink(ctx, behave(&script{}), actor.Name("kid")) })
		in(t, kid, func(ctx *doContext) { ctx.SetLabel("grown") })
		kid.Send(func(*doContext) error { kid.Send(returning(nil)); return errBoom })
		synctest.Wait()
		later := time.Now().Format(time.TimeOnly)
		j.expect(t,
			fmt.Sprintf(`spawned %v by <>: %v "" "house"`, parent, plain),
			fmt.Sprintf(`spawned %v by %v: %v "kid" ""`, kid, parent, plain),
			fmt.Sprintf(`crashed %v by %v: %v "kid" "grown", 2 of 3, boom`, kid, parent, plain),
			fmt.Sprintf(`exited %v by %v: %v "kid" "grown" since %v, boom`, kid, parent, plain, later))

		self := start(t, sys, &labeledScript{})
		j.expect(t, fmt.Sprintf(`spawned %v by <>: %v "" ""`, self, reflect.TypeFor[*labeledScript]()))
		in(t, self, func(ctx *doContext) { ctx.Become(&script{}) })
		if info, _ := self.PID().Info(); info.Behavior != plain {
			t.Errorf("Info.Behavior is %v", info.Behavior)
		}
		parent.Send(returning(actor.Stop))
		self.PID().Exit(actor.Kill)
		synctest.Wait()
		got := map[string]bool{}
		for _, line := range j.take() {
			got[line] = true
		}
		for _, want := range []string{
			fmt.Sprintf(`exited %v by <>: %v "" "house" since %v, normal`, parent, plain, born),
			fmt.Sprintf(`exited %v by <>: %v "" "" since %v, killed`, self, reflect.TypeFor[*labeledScript](), later),
		} {
			if !got[want] {
				t.Errorf("%q is not among %v", want, got)
			}
		}
	})
}

// Spawned is the first that is told of an actor's life and Exited the last, also of one that
// is found by its name, killed and abandoned while its spawn is being told.
func TestExitedIsToldAfterSpawned(t *testing.T) {
	for name, abandons := range map[string]bool{"ends": false, "is abandoned": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				var j journal
				defer sys.Observe(func(e actor.Event) {
					switch e := e.(type) {
					case actor.Spawned:
						j.add("spawn")
						e.PID.Exit(actor.Kill)
						if abandons != (abandons && e.PID.Abandon()) {
							t.Error("not abandoned")
						}
						j.add("spawned")
					case actor.Exited:
						j.add("exited %v %v", e.Behavior, e.Reason)
					}
				})()
				actor.Spawn(sys, behave(&script{}), actor.Name("x"))
				synctest.Wait()
				j.expect(t, "spawn", "spawned", fmt.Sprintf("exited %v killed", reflect.TypeFor[*script]()))
				if n := sys.Count(); n != 0 {
					t.Errorf("%d actors are left", n)
				}
			})
		})
	}
}

// An actor that is abandoned before the system has it on its list is never there.
func TestSpawnOfAnActorThatWasAbandonedFails(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		defer lifeEvents(sys, &j)()
		_, err := actor.Spawn(sys, behave(&script{}), actor.Name("x"), func() actor.Option {
			return actor.BeforeInit(func(pid actor.PID) error {
				pid.Exit(actor.Kill)
				pid.Abandon()
				return nil
			})
		}())
		if err == nil {
			t.Error("it was spawned")
		}
		synctest.Wait()
		j.expect(t)
		if n := sys.Count(); n != 0 {
			t.Errorf("%d actors are left", n)
		}
	})
}

// The type of the behavior may be asked for at any time, whatever the actor does to it.
func TestBehaviorIsShownBesideTheHandlers(t *testing.T) {
	sys := newSystem(t)
	defer sys.Observe(func(actor.Event) {})()
	for range 20 {
		a := start(t, sys, &script{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for info, ok := a.PID().Info(); ok; info, ok = a.PID().Info() {
				if info.Behavior != reflect.TypeFor[*script]() && info.Behavior != nil {
					t.Errorf("it is %v", info.Behavior)
				}
			}
		}()
		for range 50 {
			a.Send(func(ctx *doContext) error { ctx.Become(&script{}); return nil })
		}
		a.Send(returning(actor.Stop))
		<-done
	}
}

// faultyWrapper is one that outsiders are not well served by.
type faultyWrapper struct {
	script
	wrapped func() reflect.Type
}

func (w *faultyWrapper) Wrapped() reflect.Type { return w.wrapped() }

// A Wrapper that fails costs events its answer, and the actor nothing.
func TestFaultsOfAWrapperDoNotReachTheSpawner(t *testing.T) {
	own := reflect.TypeFor[*faultyWrapper]()
	for name, w := range map[string]func() reflect.Type{
		"panics":        func() reflect.Type { panic("Wrapped") },
		"calls Goexit":  func() reflect.Type { runtime.Goexit(); return nil },
		"returns nil":   func() reflect.Type { return nil },
		"never returns": func() reflect.Type { time.Sleep(time.Hour); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				var j journal
				defer lifeEvents(sys, &j)()
				ref, err := actor.Spawn(sys, func() actor.Behavior[do] { return &faultyWrapper{wrapped: w} })
				if err != nil {
					t.Fatal(err)
				}
				j.expect(t, fmt.Sprintf(`spawned %v by <>: %v "" ""`, ref, own))
				in(t, ref, func(*doContext) {})
				if info, ok := ref.PID().Info(); !ok || info.Behavior != own {
					t.Errorf("Info: %v, %v", info.Behavior, ok)
				}
				time.Sleep(time.Hour) // what has never returned does so
			})
		})
	}
}

// Whatever an actor becomes, its end is told as that of what it was spawned as: figures by
// type add up.
func TestExitedHasTheBehaviorOfSpawned(t *testing.T) {
	wrapper := &faultyWrapper{wrapped: func() reflect.Type { return reflect.TypeFor[int]() }}
	for name, tt := range map[string]struct {
		first actor.Behavior[do]
		want  reflect.Type
	}{
		"a struct":  {&labeledScript{}, reflect.TypeFor[*labeledScript]()},
		"a wrapper": {wrapper, reflect.TypeFor[int]()},
	} {
		for how, change := range map[string]func(t *testing.T, a actor.Ref[do]){
			"not":    func(*testing.T, actor.Ref[do]) {},
			"Become": func(t *testing.T, a actor.Ref[do]) { in(t, a, func(ctx *doContext) { ctx.Become(&script{}) }) },
			"Replace": func(t *testing.T, a actor.Ref[do]) {
				err := actor.Replace(context.Background(), a, func(actor.Behavior[do]) (actor.Behavior[do], error) { return &script{}, nil })
				if err != nil {
					t.Error(err)
				}
			},
			"twice": func(t *testing.T, a actor.Ref[do]) {
				in(t, a, func(ctx *doContext) { ctx.Become(&script{}); ctx.Become(&faulty{}); ctx.Become(&script{}) })
			},
		} {
			for by, end := range map[string]func(a actor.Ref[do]){
				"itself":  func(a actor.Ref[do]) { a.Send(returning(errBoom)) },
				"a kill":  func(a actor.Ref[do]) { a.PID().Exit(actor.Kill) },
				"Abandon": func(a actor.Ref[do]) { a.PID().Exit(actor.Kill); a.PID().Abandon() },
			} {
				t.Run(fmt.Sprint(name, " changed by ", how, " ended by ", by), func(t *testing.T) {
					bubble(t, func(t *testing.T, sys *actor.System) {
						var told []reflect.Type
						defer sys.Observe(func(e actor.Event) {
							switch e := e.(type) {
							case actor.Spawned:
								told = append(told, e.Behavior)
							case actor.Exited:
								told = append(told, e.Behavior)
							}
						})()
						a, err := actor.Spawn(sys, func() actor.Behavior[do] { return tt.first })
						if err != nil {
							t.Fatal(err)
						}
						change(t, a)
						end(a)
						<-a.PID().Done()
						synctest.Wait()
						if want := []reflect.Type{tt.want, tt.want}; !slices.Equal(told, want) {
							t.Errorf("told %v, want %v", told, want)
						}
					})
				})
			}
		}
	}
}

// toldEvent is an event of another package.
type toldEvent struct{ n int }

func (toldEvent) ActorEvent() {}

// What other packages emit reaches those that observe, and only those.
func TestEmitTellsTheObservers(t *testing.T) {
	sys := newSystem(t)
	if sys.Observed() {
		t.Error("observed by nobody")
	}
	sys.Emit(toldEvent{1})
	var got []actor.Event
	stop := sys.Observe(func(e actor.Event) { got = append(got, e) })
	if !sys.Observed() {
		t.Error("not observed")
	}
	sys.Emit(toldEvent{2})
	stop()
	sys.Emit(toldEvent{3})
	if len(got) != 1 || got[0] != (toldEvent{2}) {
		t.Errorf("told of %v", got)
	}
}
