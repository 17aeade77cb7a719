package presence

import (
	"context"
	"errors"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/task"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence/internal/crdt"
)

// teller tells this node's members of changes: one after the other in each topic,
// however long it takes to fetch what belongs to them.
type teller struct {
	tracker *Tracker
	// waiting has the changes of a topic that have not been told, in order. What
	// belongs to the first is being fetched.
	waiting map[string][]notice
}

// tellerMsg is a message to a teller.
type tellerMsg interface{ isTellerMsg() }

// notice is a change that is to be told.
type notice struct {
	crdt.Change
	present []crdt.Snapshot // of its keys, for OnDiff
}

// fetched is what belongs to the first change that waits in a topic.
type fetched struct {
	topic         string
	joins, leaves map[string]string
	err           error
}

func (notice) isTellerMsg()  {}
func (fetched) isTellerMsg() {}

// Receive implements [actor.Behavior].
func (t *teller) Receive(ctx *actor.Context[tellerMsg], m tellerMsg) error {
	switch m := m.(type) {
	case notice:
		if t.tracker.cfg.Fetch == nil {
			t.tell(m, fetched{})
			return nil
		}
		if t.waiting == nil {
			t.waiting = make(map[string][]notice)
		}
		queue := append(t.waiting[m.Topic], m)
		t.waiting[m.Topic] = queue
		if len(queue) == 1 {
			t.fetch(ctx, m)
		}
	case fetched:
		queue := t.waiting[m.topic]
		if m.err != nil && !errors.Is(m.err, actor.ErrClosed) {
			t.tracker.log.Error("presence: a diff goes out without what is fetched", "topic", m.topic, "error", m.err)
		}
		t.tell(queue[0], m)
		if queue[0] = (notice{}); len(queue) == 1 {
			delete(t.waiting, m.topic)
			return nil
		}
		t.waiting[m.topic] = queue[1:]
		t.fetch(ctx, queue[1])
	}
	return nil
}

// fetch has a task fetch what belongs to a change.
func (t *teller) fetch(ctx *actor.Context[tellerMsg], n notice) {
	task.Deliver(ctx, func(ctx context.Context) (fetched, error) {
		f := fetched{topic: n.Topic}
		if f.joins, f.err = t.tracker.fetch(ctx, n.Topic, n.Joins); f.err == nil {
			f.leaves, f.err = t.tracker.fetch(ctx, n.Topic, n.Leaves)
		}
		return f, nil
	}, func(f fetched, err error) tellerMsg {
		if err != nil { // it has panicked
			return fetched{topic: n.Topic, err: err}
		}
		return f
	})
}

// tell broadcasts a change to this node's members, encoded once for all of them.
func (t *teller) tell(n notice, f fetched) {
	joins, leaves := byKey(n.Joins), byKey(n.Leaves)
	if endpoints := t.tracker.endpoints.Load(); endpoints != nil {
		b := appendEntries([]byte(`{"joins":`), joins, f.joins)
		b = appendEntries(append(b, `,"leaves":`...), leaves, f.leaves)
		payload := ws.RawJSON(append(b, '}'))
		for _, e := range *endpoints {
			if err := e.LocalBroadcast(n.Topic, eventDiff, payload); err != nil {
				t.tracker.log.Error("presence: a diff was not sent", "topic", n.Topic, "error", err)
			}
		}
	}
	if t.tracker.cfg.OnDiff != nil {
		t.onDiff(Diff{n.Topic, entriesOf(joins, f.joins), entriesOf(leaves, f.leaves), presentIn(n.present)})
	}
}

// onDiff contains panics: the teller has more to tell.
func (t *teller) onDiff(d Diff) {
	defer func() {
		if v := recover(); v != nil {
			t.tracker.log.Error("presence: OnDiff panicked", "topic", d.Topic, "panic", v)
		}
	}()
	t.tracker.cfg.OnDiff(d)
}
