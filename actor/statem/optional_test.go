package statem_test

import (
	"context"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

// What follows are machines with a method that looks as if it were called.
type (
	plain          struct{}
	actorsInit     struct{ plain }
	wrongEnter     struct{ plain }
	wrongTerminate struct{ plain }
	actorsExit     struct{ plain }
	wrongDown      struct{ plain }
	wrongLogValue  struct{ plain }
	idle           struct{ plain }
	labeled        struct{ plain }
	pointerEnter   struct{ plain }
)

func (plain) Handle(_ *stateContext, s string, e step) (string, error) { return s, nil }

func (*actorsInit) Init(*actor.Context[step]) error                     { return nil }
func (*wrongEnter) Enter(*stateContext, string) error                   { return nil }
func (*wrongTerminate) Terminate(*stateContext, error)                  {}
func (*actorsExit) HandleExit(*actor.Context[step], actor.Exit) error   { return nil }
func (*wrongDown) HandleDown(context.Context, string, actor.Down) error { return nil }
func (*wrongLogValue) LogValue() string                                 { return "" }
func (*idle) HandleIdle(*actor.Context[step]) error                     { return nil }
func (*labeled) ActorLabel() string                                     { return "" }
func (*pointerEnter) Enter(c *stateContext, old, state string) error    { return nil }

// A method that looks optional and would never be called is refused by whatever takes a
// machine, and the error says what it should be.
func TestMethodsThatWouldNeverBeCalled(t *testing.T) {
	const c = "*statem.Context[string,statem_test.step]"
	for want, m := range map[string]machine{
		"*statem_test.actorsInit has the method Init(*actor.Context[statem_test.step]) error, which would never be called: it must be Init(" + c + ") (string, error)":                                             &actorsInit{},
		"*statem_test.wrongEnter has the method Enter(" + c + ", string) error, which would never be called: it must be Enter(" + c + ", string, string) error":                                                    &wrongEnter{},
		"*statem_test.wrongTerminate has the method Terminate(" + c + ", error), which would never be called: it must be Terminate(" + c + ", string, error)":                                                      &wrongTerminate{},
		"*statem_test.actorsExit has the method HandleExit(*actor.Context[statem_test.step], actor.Exit) error, which would never be called: it must be HandleExit(" + c + ", string, actor.Exit) (string, error)": &actorsExit{},
		"*statem_test.wrongDown has the method HandleDown(context.Context, string, actor.Down) error, which would never be called: it must be HandleDown(" + c + ", string, actor.Down) (string, error)":           &wrongDown{},
		"*statem_test.wrongLogValue has the method LogValue() string, which would never be called: it must be LogValue() slog.Value":                                                                               &wrongLogValue{},
		"*statem_test.idle has HandleIdle, which would never be called: a machine sets a timeout of kind EventTimeout":                                                                                             &idle{},
		"*statem_test.labeled has ActorLabel, which would never be called: a machine calls SetLabel":                                                                                                               &labeled{},
		"Enter is a method of *statem_test.pointerEnter, and would never be called: use a *statem_test.pointerEnter":                                                                                               pointerEnter{},
	} {
		sys := newSystem(t)
		for range 2 {
			_, err := actor.Spawn(sys, statem.New(func() machine { return m }))
			wantText(t, err, "actor: spawn: panic: statem: New: "+want)
		}
		good := start(t, sys, &plain{})
		err := statem.Replace(t.Context(), good, func(s string, _ machine) (string, machine, error) { return s, m, nil })
		wantText(t, err, "actor: replace "+good.String()+": "+want)
		become := start(t, sys, &script{})
		become.Send(on("become", func(c *stateContext) { c.Become(m) }))
		<-become.PID().Done()
		wantText(t, become.PID().Err(), "panic: statem: Become: "+want)
		if n := sys.Count(); n != 1 {
			t.Errorf("%d actors", n)
		}
	}
}

func wantText(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}
