package supervisor

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

func nobody(actor.Self) (actor.PID, error) { return actor.PID{}, actor.Ignore }

func first(c Child, _ Ref[none]) Child { return c }

// T-6, SUP-2, SUP-4, SUP-5: what is refused, and how it is named.
func TestBadSpecs(t *testing.T) {
	of := func(c Child) Spec { return Spec{Children: []Child{c}} }
	for _, c := range []struct {
		spec         Spec
		child, field string
	}{
		{Spec{Strategy: 3}, "", "Strategy"},
		{Spec{AutoShutdown: 3}, "", "AutoShutdown"},
		{Spec{Intensity: -1}, "", "Intensity"},
		{Spec{Period: -1}, "", "Period"},
		{of(Child{Start: nobody}), "", "Children[0].ID"},
		{of(Child{ID: "a"}), "a", "Start"},
		{of(Actor[none, service]("a", nil)), "a", "Start"},
		{of(first(ActorRef[none, service]("a", nil))), "a", "Start"},
		{of(Service("a", nil)), "a", "Start"},
		{of(Task("a", nil)), "a", "Start"},
		{of(Server[*http.Server]("a", nil)), "a", "Start"},
		{of(Child{ID: "a", Start: nobody, Restart: 3}), "a", "Restart"},
		{of(Child{ID: "a", Start: nobody, Shutdown: -2}), "a", "Shutdown"},
		{of(Child{ID: "a", Start: nobody, Type: 2}), "a", "Type"},
		{of(Child{ID: "a", Start: nobody, Restart: Transient, Significant: true}), "a", "Significant"},
		{Spec{AutoShutdown: AnySignificant, Children: []Child{
			{ID: "a", Start: nobody, Significant: true},
		}}, "a", "Significant"},
		{Spec{Children: []Child{{ID: "a", Start: nobody}, {ID: "a", Start: nobody}}}, "a", "ID"},
	} {
		sys := actor.NewSystem(actor.Config{})
		_, err := Start(sys, c.spec)
		var bad *SpecError
		if !errors.As(err, &bad) || bad.Child != c.child || bad.Field != c.field {
			t.Errorf("got %v, want a fault of child %q in field %s", err, c.child, c.field)
		}
		if n := sys.Count(); n != 0 {
			t.Errorf("%v: %d actors are left", err, n)
		}
	}
	for _, c := range []struct {
		spec  DynamicSpec
		field string
	}{
		{DynamicSpec{MaxChildren: -1}, "MaxChildren"},
		{DynamicSpec{Intensity: -1}, "Intensity"},
		{DynamicSpec{Period: -1}, "Period"},
	} {
		_, err := StartDynamic(actor.NewSystem(actor.Config{}), c.spec)
		var bad *SpecError
		if !errors.As(err, &bad) || bad.Field != c.field {
			t.Errorf("got %v, want a fault in field %s", err, c.field)
		}
	}
}

// SUP-3: what is left out.
func TestDefaults(t *testing.T) {
	for _, c := range []struct{ child, want Child }{
		{Child{}, Child{Shutdown: Shutdown(5 * time.Second)}},
		{Child{Type: TypeSupervisor}, Child{Type: TypeSupervisor, Shutdown: Infinity}},
		{Child{Shutdown: BrutalKill}, Child{Shutdown: BrutalKill}},
		{Child{Type: TypeSupervisor, Shutdown: 7}, Child{Type: TypeSupervisor, Shutdown: 7}},
	} {
		got := c.child.withDefaults()
		if got.Restart != Permanent || got.Type != c.want.Type || got.Shutdown != c.want.Shutdown || got.Significant {
			t.Errorf("%+v became %+v", c.child, got)
		}
	}
}

func TestSettingsPrintAsInOTP(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{RestForOne.String(), "rest_for_one"},
		{AllSignificant.String(), "all_significant"},
		{Transient.String(), "transient"},
		{TypeSupervisor.String(), "supervisor"},
		{Restart(9).String(), "supervisor.Restart(9)"},
		{BrutalKill.String(), "brutal_kill"},
		{Infinity.String(), "infinity"},
		{Shutdown(0).String(), "default"},
		{Shutdown(time.Second).String(), "1s"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
