package supervisor_test

import (
	"context"
	"errors"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

type question struct{ actor.Reply[int] }

// clerk does with a question what the test wants.
func clerk(answer func(question) error) func() actor.Behavior[question] {
	return actor.Func(func(_ *actor.Context[question], q question) error { return answer(q) })
}

func newQuestion(r actor.Reply[int]) question { return question{r} }

// The error of a call names the child, and says what became of it.
func TestCallNamesTheChild(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		answer func(question) error
		ctx    func(context.Context) (context.Context, context.CancelFunc)
		want   string
		is     error
	}{
		"it answers":       {answer: func(q question) error { q.Send(7); return nil }},
		"it refuses":       {answer: func(q question) error { q.Fail(boom); return nil }, want: `supervisor: call child "house": boom`, is: boom},
		"it ends":          {answer: func(question) error { return boom }, want: `supervisor: call child "house": it ended: boom`, is: boom},
		"its caller waits": {answer: func(question) error { return nil }, ctx: ended, want: `supervisor: call child "house": context canceled`, is: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				child, house := supervisor.ActorRef("house", clerk(c.answer), supervisor.Temporary)
				s.start(plenty(supervisor.OneForOne, child))
				ctx := s.Context()
				if c.ctx != nil {
					var cancel context.CancelFunc
					ctx, cancel = c.ctx(ctx)
					defer cancel()
				}
				got, err := supervisor.Call(ctx, house, newQuestion)
				wantCallError(t, err, c.want, c.is)
				if err == nil && got != 7 {
					t.Errorf("got %d", got)
				}
			})
		})
	}
}

// A child that is down is named as well, and so is what a Ref stands for that has none.
func TestCallOfAChildThatIsDown(t *testing.T) {
	onStage(t, func(s *stage) {
		child, house := supervisor.ActorRef("house", clerk(func(q question) error { q.Send(7); return nil }))
		_, err := supervisor.Call(s.Context(), house, newQuestion)
		wantCallError(t, err, `supervisor: call child "house": not running`, actor.NoProc)

		sup := s.start(plenty(supervisor.OneForOne, child))
		s.ok(sup.TerminateChild(s.Context(), "house"))
		_, err = supervisor.Call(s.Context(), house, newQuestion)
		wantCallError(t, err, `supervisor: call child "house": not running`, actor.NoProc)

		var nobody supervisor.Ref[question]
		_, err = supervisor.Call(s.Context(), nobody, newQuestion)
		wantCallError(t, err, `supervisor: call no child: not running`, actor.NoProc)
	})
}

func ended(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx, cancel
}

func wantCallError(t *testing.T, err error, text string, is error) {
	t.Helper()
	if text == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	if err == nil || err.Error() != text {
		t.Errorf("got %v, want %s", err, text)
	}
	if !errors.Is(err, is) {
		t.Errorf("%v is not %v", err, is)
	}
	if _, ok := errors.AsType[*actor.CallError](err); !ok {
		t.Errorf("%v wraps no CallError", err)
	}
}
