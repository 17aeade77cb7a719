package supervisor_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// reported is what came of a question, and asks a question if there is none.
type reported struct {
	asked bool
	n     int
	err   error
}

// What came of a request to a child comes as a message, and an error names the child.
func TestAskToNamesTheChild(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		answer func(question) error
		down   bool
		want   string
		is     error
	}{
		"it answers": {answer: func(q question) error { q.Send(7); return nil }},
		"it refuses": {answer: func(q question) error { q.Fail(boom); return nil }, want: `supervisor: call child "house": boom`, is: boom},
		"it ends":    {answer: func(question) error { return boom }, want: `supervisor: call child "house": it ended: boom`, is: boom},
		"it is down": {down: true, want: `supervisor: call child "house": not running`, is: actor.NoProc},
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				child, house := supervisor.ActorRef("house", clerk(c.answer), supervisor.Temporary)
				if !c.down {
					s.start(plenty(supervisor.OneForOne, child))
				}
				var came []reported
				asker, err := actor.Spawn(s.sys, actor.Func(func(ctx *actor.Context[reported], m reported) error {
					if m.asked {
						came = append(came, m)
						return nil
					}
					supervisor.AskTo(ctx, house, newQuestion, func(n int, err error) reported { return reported{true, n, err} })
					return nil
				}))
				s.ok(err)
				asker.Send(reported{})
				synctest.Wait()
				if len(came) != 1 {
					t.Fatalf("%d messages", len(came))
				}
				wantCallError(t, came[0].err, c.want, c.is)
				if c.is == nil && came[0].n != 7 {
					t.Errorf("got %d", came[0].n)
				}
			})
		})
	}
}
