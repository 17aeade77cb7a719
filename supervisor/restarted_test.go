package supervisor_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// The observers of a system are told of restarts and of supervisors that give up, in order
// with what they are told of the actors.
func TestObserversSeeWhatSupervisorsDo(t *testing.T) {
	onStage(t, func(s *stage) {
		var got []string
		say := func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) }
		defer s.sys.Observe(func(e actor.Event) {
			switch e := e.(type) {
			case actor.Spawned:
				say("spawned %v %s", e.PID, e.Label)
			case supervisor.Restarted:
				say("restarted %v by %v: %q is %v, %v, %d", e.Old, e.Supervisor, e.Child, e.New, e.Reason, e.Restarts)
				if n := e.New.Restarts(); n != e.Restarts {
					t.Errorf("%v knows of %d restarts, the event of %d", e.New, n, e.Restarts)
				}
			case supervisor.GaveUp:
				say("gave up %v by %v: %q, %v, %d in %v", e.PID, e.Supervisor, e.Child, e.Reason, e.Intensity, e.Period)
			}
		})()
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			if !slices.Equal(got, want) {
				t.Errorf("told of:\n got %q\nwant %q", got, want)
			}
			got = nil
		}
		tree := s.start(supervisor.Spec{Intensity: 1, Period: time.Minute, Children: s.children("a")})
		first := s.pid("a")
		expect(fmt.Sprintf("spawned %v ", tree), fmt.Sprintf("spawned %v a", first))
		s.send("a", errBoom)
		s.settle()
		second := s.pid("a")
		expect(fmt.Sprintf("spawned %v a", second),
			fmt.Sprintf(`restarted %v by %v: "a" is %v, boom, 1`, first, tree, second))
		if info, _ := second.Info(); info.Restarts != 1 {
			t.Errorf("Info: %d restarts", info.Restarts)
		}
		s.send("a", errFlat)
		s.settle()
		expect(fmt.Sprintf(`gave up %v by %v: "a", flat, 1 in 1m0s`, second, tree))

		dyn := s.startDynamic(supervisor.DynamicSpec{Intensity: 1, Period: time.Minute})
		b := s.add(dyn, s.child("b"))
		expect(fmt.Sprintf("spawned %v ", dyn), fmt.Sprintf("spawned %v b", b))
		s.send("b", errBoom)
		s.settle()
		again := s.pid("b")
		expect(fmt.Sprintf("spawned %v b", again), fmt.Sprintf(`restarted %v by %v: "" is %v, boom, 1`, b, dyn, again))
		s.send("b", errFlat)
		s.settle()
		expect(fmt.Sprintf(`gave up %v by %v: "", flat, 1 in 1m0s`, again, dyn))
	})
}
