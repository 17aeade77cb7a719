package task

import (
	"context"

	"github.com/troupe-go/troupe/actor"
)

// scope is the context of a task's function: the context of the task's actor,
// which has no values, with the values of the caller's.
type scope struct {
	actor.Self
	caller context.Context
	values context.Context
}

type scopeKey struct{}

// Value implements context.Context.
func (s *scope) Value(key any) any {
	if key == (scopeKey{}) {
		return s
	}
	if v := s.Self.Value(key); v != nil {
		return v
	}
	return s.values.Value(key)
}

// Callers returns the actors on whose behalf a task's function works, given its
// context: the one that started the task, the one that started that one's task,
// and so on. Code outside of actors does not count. It is for logs, and for tests
// that must know whose work something is.
//
// Elixir: $callers.
func Callers(ctx context.Context) []actor.PID {
	var pids []actor.PID
	for {
		s, ok := ctx.Value(scopeKey{}).(*scope)
		if !ok {
			return pids
		}
		ctx = s.caller
		if pid, ok := actor.FromContext(ctx); ok {
			pids = append(pids, pid)
		}
	}
}
