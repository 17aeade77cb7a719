package supervisor_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
	"github.com/troupe-go/troupe/supervisor"
)

// misfit has a method that looks as if it were called.
type misfit struct{}

func (misfit) Receive(*actor.Context[int], int) error { return nil }
func (misfit) Init(context.Context) error             { return nil }

// A mistake in a child fails the start of its supervisor at once, whichever that is, and the
// error says which child it is and what is wrong with it.
func TestMistakesInAChildFailTheStart(t *testing.T) {
	fits := actor.Func(func(*actor.Context[int], int) error { return nil })
	for want, child := range map[string]supervisor.Child{
		`child "a": supervisor_test.misfit has the method Init(context.Context) error, which would never be called: it must be Init(*actor.Context[int]) error`: supervisor.Actor("a", func() misfit { return misfit{} }),
		`child "a": mailbox: Capacity is negative: -1`:       supervisor.Actor("a", fits, supervisor.With(actor.Mailbox(mailbox.Limit{Capacity: -1}))),
		`child "a": an option is nil`:                        supervisor.Actor("a", fits, supervisor.With(nil)),
		`child "a": the behavior is nil`:                     supervisor.Actor("a", func() *silentActor { return nil }),
		`bad spec of child "a": Start is missing`:            supervisor.Service("a", nil),
		`child "b": bad spec of child "a": Start is missing`: supervisor.Supervisor("b", supervisor.Spec{Children: []supervisor.Child{supervisor.Service("a", nil)}}),
	} {
		t.Run(want, func(t *testing.T) {
			onStage(t, func(s *stage) {
				_, err := supervisor.Start(s.sys, plenty(supervisor.OneForOne, child))
				if err == nil || err.Error() != "supervisor: start: "+want {
					t.Errorf("got  %v\nwant supervisor: start: %s", err, want)
				}
				if n := s.sys.Count(); n != 0 {
					t.Errorf("%d actors are left", n)
				}
			})
		})
	}
}

type silentActor struct{}

func (*silentActor) Receive(*actor.Context[int], int) error { return nil }

// A server that is nil is a failure of the child that says so.
func TestServerThatIsNil(t *testing.T) {
	onStage(t, func(s *stage) {
		s.start(supervisor.Spec{Children: []supervisor.Child{
			supervisor.Server("web", func() *http.Server { return nil }, supervisor.Temporary),
		}})
		if got := strings.Join(s.settleReports(), "; "); !strings.HasSuffix(got, "newServer has returned nil") {
			t.Errorf("reported: %q", got)
		}
	})
}

// A negative grace is refused before anything is started.
func TestProgramRefusesANegativeGrace(t *testing.T) {
	started := false
	err := supervisor.Program{Grace: -1, Spec: supervisor.Spec{Children: []supervisor.Child{
		supervisor.Service("a", func(context.Context) error { started = true; return nil }),
	}}}.Run(t.Context())
	if bad, ok := errors.AsType[*supervisor.SpecError](err); !ok || bad.Field != "Grace" || started {
		t.Errorf("got %v, started: %v", err, started)
	}
}
