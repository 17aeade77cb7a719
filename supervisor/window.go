package supervisor

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor/roll"
)

// Window is a part of the children of a supervisor, of which there may be very many.
type Window struct {
	Strategy string // "one_for_one", "one_for_all" or "rest_for_one"; "dynamic"; "entities"
	Total    int    // all children
	Children []ChildInfo
}

// errNoSupervisor says that an actor has no children in the sense of this package.
var errNoSupervisor = errors.New("it is no supervisor")

// Look returns a part of the children of any supervisor: of a [Tree], a [Dynamic], or the
// keeper of a set of package entity. They are at most limit of those from the given place
// on, in the order of their starts; with a limit of 0 they are only counted. It needs
// memory for no more than it returns and passes over. The supervisor looks at each of its
// children, but for those of a Tree, of which it looks at no more than it returns and passes
// over: for a million children it takes some 50 ms.
//
// It fails as the methods of Tree do, and at once if the actor is no supervisor.
func Look(ctx context.Context, supervisor actor.PID, from, limit int) (Window, error) {
	if t, ok := TreeOf(supervisor); ok {
		return ask(ctx, t.at.now(), "look at children", "", func(r actor.Reply[Window]) treeRequest {
			return lookAtChildren{from, limit, r}
		})
	}
	if d, ok := DynamicOf(supervisor); ok {
		return ask(ctx, d.at.now(), "look at children", "", func(r actor.Reply[Window]) dynamicRequest {
			return lookAtMembers{from, limit, r}
		})
	}
	if s, ok := actor.RefOf[roll.Call[Restarted]](supervisor); ok {
		answer, err := callRoll(ctx, s, roll.Call[Restarted]{From: from, Limit: limit})
		w := Window{Strategy: "entities", Total: answer.Total}
		for _, c := range answer.Children {
			w.Children = append(w.Children, infoOf(c))
		}
		return w, err
	}
	return Window{}, fmt.Errorf("supervisor: look at children of %v: %w", supervisor, errNoSupervisor)
}

// History returns the restarts that have led to an actor, oldest first, as far as its
// supervisor remembers them: it knows the last 64 of all its children. It is empty if the
// actor was never restarted. Of a worker of a pool they are those of its place in the pool.
//
// It fails as [Look] does if the actor has no supervisor.
func History(ctx context.Context, child actor.PID) ([]Restarted, error) {
	supervisor := child.Parent()
	if t, ok := TreeOf(supervisor); ok {
		return ask(ctx, t.at.now(), "tell history", child.String(), func(r actor.Reply[[]Restarted]) treeRequest {
			return historyOf{child, r}
		})
	}
	if d, ok := DynamicOf(supervisor); ok {
		return ask(ctx, d.at.now(), "tell history", child.String(), func(r actor.Reply[[]Restarted]) dynamicRequest {
			return historyOfMember{child, r}
		})
	}
	if s, ok := actor.RefOf[roll.Call[Restarted]](supervisor); ok {
		answer, err := callRoll(ctx, s, roll.Call[Restarted]{Of: child})
		return answer.Restarts, err
	}
	return nil, fmt.Errorf("supervisor: tell history of %v: %w", child, errNoSupervisor)
}

// NoteRestart has the supervisor remember, for [History], a restart that it has not made
// itself: somebody else has started New, a child of its, in the place of Old, as package pool
// does with workers. It does not wait, and tells nobody.
func (d Dynamic) NoteRestart(r Restarted) { d.at.now().Send(noteRestart{r}) }

// callRoll calls the roll of a supervisor of another package.
func callRoll(ctx context.Context, to actor.Ref[roll.Call[Restarted]], c roll.Call[Restarted]) (roll.Answer[Restarted], error) {
	return ask(ctx, to, "call the roll", "", func(r actor.Reply[roll.Answer[Restarted]]) roll.Call[Restarted] {
		c.Reply = r
		return c
	})
}

func infoOf(c roll.Child) ChildInfo {
	return ChildInfo{ID: c.ID, PID: c.PID, Restarting: c.PID.IsZero(), Restarts: c.Restarts}
}

type (
	lookAtChildren struct {
		from, limit int
		reply       actor.Reply[Window]
	}
	lookAtMembers struct {
		from, limit int
		reply       actor.Reply[Window]
	}
	historyOf struct {
		pid   actor.PID
		reply actor.Reply[[]Restarted]
	}
	historyOfMember struct {
		pid   actor.PID
		reply actor.Reply[[]Restarted]
	}
	noteRestart struct{ restart Restarted }
)

func (r lookAtChildren) serve(s *treeActor, _ *actor.Context[treeRequest]) error {
	w := Window{Strategy: s.strategy.String(), Total: len(s.byID)}
	place := 0
	for c := s.first; c != nil && len(w.Children) < r.limit; c = c.next {
		if place++; place > r.from {
			w.Children = append(w.Children, c.info())
		}
	}
	r.reply.Send(w)
	return nil
}

func (r lookAtMembers) serve(s *dynamicActor, _ *actor.Context[dynamicRequest]) error {
	w := Window{Strategy: "dynamic", Total: len(s.members)}
	for _, pid := range s.page(r.from, r.limit) {
		w.Children = append(w.Children, s.members[pid].info(pid))
	}
	r.reply.Send(w)
	return nil
}

// page returns members by their PIDs, those that are being restarted by their former ones.
func (r *roster) page(from, limit int) []actor.PID {
	if limit <= 0 {
		return nil
	}
	page, _ := roll.Page(maps.Keys(r.members), from, limit, actor.PID.Compare)
	return page
}

func (r historyOf) serve(s *treeActor, _ *actor.Context[treeRequest]) error {
	r.reply.Send(s.past.of(r.pid))
	return nil
}

// Members have no IDs: a name that others give them is none, since they may give it to many.
func (r historyOfMember) serve(s *dynamicActor, _ *actor.Context[dynamicRequest]) error {
	r.reply.Send(s.past.Of(r.pid, func(r Restarted) (string, actor.PID, actor.PID) { return "", r.Old, r.New }))
	return nil
}

func (r noteRestart) serve(s *dynamicActor, _ *actor.Context[dynamicRequest]) error {
	s.past.Add(r.restart)
	return nil
}
