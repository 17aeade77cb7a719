package actor_test

import (
	"context"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/mailbox"
)

// What follows are behaviors with a method that looks as if it were called.
type (
	ignorer         struct{}
	wrongInit       struct{ ignorer }
	wrongTerminate  struct{ ignorer }
	wrongExit       struct{ ignorer }
	wrongDown       struct{ ignorer }
	wrongIdle       struct{ ignorer }
	wrongLabel      struct{ ignorer }
	wrongLogValue   struct{ ignorer }
	othersMessages  struct{ ignorer }
	pointerInit     struct{ ignorer }
	wrongFunc       func(*actor.Context[string], string) error
	inheritedWrong  struct{ *wrongInit }
	rightInPlace    struct{ wrongInit }
	unrelated       struct{ ignorer }
	rightByPromoted struct{ pointerInit }
)

func (ignorer) Receive(*actor.Context[string], string) error { return nil }

func (*wrongInit) Init(context.Context) error                             { return nil }
func (*wrongTerminate) Terminate(*actor.Context[string])                  {}
func (*wrongExit) HandleExit(*actor.Context[string], actor.PID, error)    {}
func (*wrongDown) HandleDown(*actor.Context[string], *actor.Down) error   { return nil }
func (*wrongIdle) HandleIdle(*actor.Context[string])                      {}
func (*wrongLabel) ActorLabel(*actor.Context[string]) string              { return "" }
func (*wrongLogValue) LogValue() any                                      { return nil }
func (*othersMessages) HandleDown(*actor.Context[ask], actor.Down) error  { return nil }
func (*pointerInit) Init(*actor.Context[string]) error                    { return nil }
func (wrongFunc) Receive(*actor.Context[string], string) error            { return nil }
func (wrongFunc) HandleIdle() error                                       { return nil }
func (*rightInPlace) Init(*actor.Context[string]) error                   { return nil }
func (*unrelated) HandleInfo(*actor.Context[string], string) error        { return nil }
func (*unrelated) Label(*actor.Context[string]) error                     { return nil }
func (*unrelated) HandleTimeout(*actor.Context[string], ...actor.PID) any { return nil }

// misfits are behaviors that are refused, and why.
var misfits = map[string]struct {
	create func() actor.Behavior[string]
	want   string
}{
	"Init":                  {func() actor.Behavior[string] { return &wrongInit{} }, "*actor_test.wrongInit has the method Init(context.Context) error, which would never be called: it must be Init(*actor.Context[string]) error"},
	"Terminate":             {func() actor.Behavior[string] { return &wrongTerminate{} }, "*actor_test.wrongTerminate has the method Terminate(*actor.Context[string]), which would never be called: it must be Terminate(*actor.Context[string], error)"},
	"HandleExit":            {func() actor.Behavior[string] { return &wrongExit{} }, "*actor_test.wrongExit has the method HandleExit(*actor.Context[string], actor.PID, error), which would never be called: it must be HandleExit(*actor.Context[string], actor.Exit) error"},
	"HandleDown":            {func() actor.Behavior[string] { return &wrongDown{} }, "*actor_test.wrongDown has the method HandleDown(*actor.Context[string], *actor.Down) error, which would never be called: it must be HandleDown(*actor.Context[string], actor.Down) error"},
	"HandleIdle":            {func() actor.Behavior[string] { return &wrongIdle{} }, "*actor_test.wrongIdle has the method HandleIdle(*actor.Context[string]), which would never be called: it must be HandleIdle(*actor.Context[string]) error"},
	"ActorLabel":            {func() actor.Behavior[string] { return &wrongLabel{} }, "*actor_test.wrongLabel has the method ActorLabel(*actor.Context[string]) string, which would never be called: it must be ActorLabel() string"},
	"LogValue":              {func() actor.Behavior[string] { return &wrongLogValue{} }, "*actor_test.wrongLogValue has the method LogValue() any, which would never be called: it must be LogValue() slog.Value"},
	"for other messages":    {func() actor.Behavior[string] { return &othersMessages{} }, "*actor_test.othersMessages has the method HandleDown(*actor.Context[actor_test.ask], actor.Down) error, which would never be called: it must be HandleDown(*actor.Context[string], actor.Down) error"},
	"a method of a pointer": {func() actor.Behavior[string] { return pointerInit{} }, "Init is a method of *actor_test.pointerInit, and would never be called: use a *actor_test.pointerInit"},
	"of a function": {func() actor.Behavior[string] {
		return wrongFunc(func(*actor.Context[string], string) error { return nil })
	}, "actor_test.wrongFunc has the method HandleIdle() error, which would never be called: it must be HandleIdle(*actor.Context[string]) error"},
	"of what it is built on": {func() actor.Behavior[string] { return inheritedWrong{} }, "actor_test.inheritedWrong has the method Init(context.Context) error, which would never be called: it must be Init(*actor.Context[string]) error"},
}

// A method that looks optional and would never be called is refused by whatever takes a
// behavior, each time, and the error says what it should be.
func TestMethodsThatWouldNeverBeCalled(t *testing.T) {
	for name, c := range misfits {
		t.Run(name, func(t *testing.T) {
			sys := newSystem(t)
			for range 2 {
				_, err := actor.Spawn(sys, c.create)
				wantText(t, err, "actor: spawn: "+c.want)
			}
			good, err := actor.Spawn(sys, func() ignorer { return ignorer{} })
			if err != nil {
				t.Fatal(err)
			}
			err = actor.Replace(t.Context(), good, func(actor.Behavior[string]) (actor.Behavior[string], error) { return c.create(), nil })
			wantText(t, err, "actor: replace "+good.String()+": "+c.want)
			if n := sys.Count(); n != 1 {
				t.Errorf("%d actors", n)
			}
			become := spawnFunc(t, sys, func(ctx *actor.Context[string], _ string) error { ctx.Become(c.create()); return nil })
			become.Send("")
			wantText(t, ended(t, become.PID()), "panic: actor: Become: "+c.want)
		})
	}
}

func wantText(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// What has the right methods, or others, is accepted.
func TestOtherMethodsAreNobodysBusiness(t *testing.T) {
	sys := newSystem(t)
	for _, b := range []actor.Behavior[string]{ignorer{}, &ignorer{}, &unrelated{}, &rightInPlace{}, &pointerInit{}, &rightByPromoted{}} {
		if _, err := actor.Spawn(sys, func() actor.Behavior[string] { return b }); err != nil {
			t.Errorf("%T: %v", b, err)
		}
	}
}

// What cannot be an actor is refused by each of the spawns, and leaves none.
func TestSpawnRefusesMistakes(t *testing.T) {
	sys := newSystem(t)
	parent := start(t, sys, &script{})
	limit := func(l mailbox.Limit) actor.Option { return actor.Mailbox(l) }
	good := func() *ignorer { return &ignorer{} }
	for name, c := range map[string]struct {
		create func() *ignorer
		opts   []actor.Option
		want   string
	}{
		"no constructor":     {nil, nil, "the constructor is nil"},
		"no behavior":        {func() *ignorer { return nil }, nil, "the behavior is nil"},
		"no option":          {good, []actor.Option{nil}, "an option is nil"},
		"a timeout":          {good, []actor.Option{actor.StartTimeout(-time.Second)}, "StartTimeout is negative: -1s"},
		"a capacity":         {good, []actor.Option{limit(mailbox.Limit{Capacity: -1})}, "mailbox: Capacity is negative: -1"},
		"a high water":       {good, []actor.Option{limit(mailbox.Limit{HighWater: -1})}, "mailbox: HighWater is negative: -1"},
		"a policy":           {good, []actor.Option{limit(mailbox.Limit{Capacity: 1, Overflow: 9})}, "mailbox: Overflow is unknown: 9"},
		"a policy for none":  {good, []actor.Option{limit(mailbox.Limit{Overflow: mailbox.Block})}, "mailbox: Overflow is block, and there is no Capacity"},
		"an unreached mark":  {good, []actor.Option{limit(mailbox.Limit{Capacity: 1, HighWater: 2})}, "mailbox: HighWater is 2, more than the Capacity of 1"},
		"a mistake and name": {good, []actor.Option{actor.Name("x"), actor.StartTimeout(-1)}, "StartTimeout is negative: -1ns"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := actor.Spawn(sys, c.create, c.opts...)
			wantText(t, err, "actor: spawn: "+c.want)
			in(t, parent, func(ctx *doContext) {
				_, err := actor.SpawnLink(ctx, c.create, c.opts...)
				wantText(t, err, "actor: spawn: "+c.want)
				_, m, err := actor.SpawnMonitor(ctx, c.create, c.opts...)
				wantText(t, err, "actor: spawn: "+c.want)
				if m != (actor.Monitor{}) {
					t.Error("a monitor")
				}
			})
			if n := sys.Count(); n != 1 || !parent.PID().Alive() {
				t.Errorf("%d actors", n)
			}
		})
	}
}

// A nil function is a mistake where it is given, and not when it would be called.
func TestNilFunctionsPanicWhereTheyAreGiven(t *testing.T) {
	sys := newSystem(t)
	a := start(t, sys, &script{})
	in(t, a, func(ctx *doContext) {
		for want, f := range map[string]func(){
			"actor: Func: receive is nil":        func() { actor.Func[do](nil) },
			"actor: Continue: f is nil":          func() { ctx.Continue(nil) },
			"actor: After: f is nil":             func() { ctx.After(time.Second, nil) },
			"actor: Go: f is nil":                func() { ctx.Go(nil) },
			"actor: Become: the behavior is nil": func() { ctx.Become(actor.BehaviorFunc[do](nil)) },
			"actor: Own: the resource is nil":    func() { ctx.PID().Own(nil) },
		} {
			func() {
				defer func() {
					if v := recover(); v != want {
						t.Errorf("got %v, want %s", v, want)
					}
				}()
				f()
			}()
		}
	})
}

// The look at a type is one for all spawns: they allocate no more than without it.
func TestSpawnLooksAtATypeOnce(t *testing.T) {
	if long.Race {
		t.Skip("the race detector allocates")
	}
	sys := newSystem(t)
	create := func() *ignorer { return &ignorer{} }
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := actor.Spawn(sys, create); err != nil {
			t.Fatal(err)
		}
	}); n > 2 {
		t.Errorf("%v allocations, want 2", n)
	}
}
