package presence

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/actor/task"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence/internal/crdt"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// teller tells this node's members of changes: one after the other in each topic,
// however long it takes to fetch what belongs to them.
type teller struct {
	shard *shard
	// waiting has the changes of a topic that have not been told, in order. What
	// belongs to the first is being fetched.
	waiting map[string][]notice

	lost    int       // diffs that OnDiff has missed
	lostLog time.Time // when that was logged
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
	late          bool // it took too long
}

// leftover has the teller tell what a former incarnation has left untold.
type leftover struct{}

func (notice) isTellerMsg()   {}
func (fetched) isTellerMsg()  {}
func (leftover) isTellerMsg() {}

// Init implements [actor.Initializer].
func (t *teller) Init(ctx *actor.Context[tellerMsg]) error {
	ctx.Self().Send(leftover{}) // the first message: nobody knows the teller yet
	return nil
}

// Receive implements [actor.Behavior].
func (t *teller) Receive(ctx *actor.Context[tellerMsg], m tellerMsg) error {
	switch m := m.(type) {
	case notice:
		if t.shard.tracker.cfg.Fetch == nil {
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
		t.goOn(ctx, m)
	case leftover:
		t.tellLeftover()
	}
	return nil
}

// tellLeftover forgets a change when it has been told: a teller that crashes meanwhile
// has a successor.
func (t *teller) tellLeftover() {
	s := t.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.untold) > 0 {
		n := s.notice(s.untold[0])
		s.mu.Unlock()
		t.tell(n, fetched{})
		s.mu.Lock()
		s.untold = s.untold[1:]
	}
	s.untold = nil
}

// goOn tells the first change that waits in a topic, and has fetched what belongs to the
// next.
func (t *teller) goOn(ctx *actor.Context[tellerMsg], f fetched) {
	queue := t.waiting[f.topic]
	if f.err != nil {
		t.shard.log.Error("presence: a diff goes out without what is fetched", "topic", f.topic, "error", f.err)
	}
	t.tell(queue[0], f)
	queue[0] = notice{}
	queue = queue[1:]
	if f.late { // the next would be, too
		for _, n := range queue {
			t.tell(n, fetched{})
		}
		queue = nil
	}
	if len(queue) == 0 {
		delete(t.waiting, f.topic)
		return
	}
	t.waiting[f.topic] = queue
	t.fetch(ctx, queue[0])
}

// fetch has a task fetch what belongs to a change.
func (t *teller) fetch(ctx *actor.Context[tellerMsg], n notice) {
	tracker := t.shard.tracker
	task.Deliver(ctx, func(ctx context.Context) (fetched, error) {
		f := fetched{topic: n.Topic}
		if f.joins, f.err = tracker.fetch(ctx, n.Topic, n.Joins); f.err == nil {
			f.leaves, f.err = tracker.fetch(ctx, n.Topic, n.Leaves)
		}
		f.late = f.err == foreign.ErrLate
		return f, nil
	}, func(f fetched, err error) tellerMsg {
		switch {
		case errors.Is(err, actor.ErrClosed): // of no interest any more
			return fetched{topic: n.Topic}
		case err != nil: // it was killed
			return fetched{topic: n.Topic, err: err}
		}
		return f
	})
}

// tellFor is how long the clients of an endpoint may take to be told: that is a matter
// of microseconds, or of a serializer of the user's.
const tellFor = 5 * time.Second

// tell broadcasts a change to this node's members, encoded once for all of them.
func (t *teller) tell(n notice, f fetched) {
	tracker := t.shard.tracker
	n.Joins, n.Leaves = byKey(n.Joins), byKey(n.Leaves)
	if endpoints := tracker.endpoints.Load(); endpoints != nil {
		b := appendEntries([]byte(`{"joins":`), n.Joins, f.joins)
		b = appendEntries(append(b, `,"leaves":`...), n.Leaves, f.leaves)
		payload := ws.RawJSON(append(b, '}'))
		for _, e := range *endpoints {
			// Not within the teller: a Deliver, which may have the user's serializer
			// encode, could end it.
			err := tracker.telling.Call(context.Background(), func(context.Context) error {
				return e.LocalBroadcast(n.Topic, wire.EventPresenceDiff, payload)
			})
			if err != nil {
				t.shard.log.Error("presence: a diff was not sent", "topic", n.Topic, "error", err)
			}
		}
	}
	if tracker.cfg.OnDiff != nil {
		t.observe(told{n, f.joins, f.leaves})
	}
}
