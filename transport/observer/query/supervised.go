package query

import (
	"context"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
)

// Restart is one restart that has led to an actor.
type Restart struct {
	At     int64  `json:"at"`
	Reason string `json:"reason,omitempty"` // why Old ended
	Old    string `json:"old"`              // "" if the child did not run before
	New    string `json:"new"`
}

// restarts returns what the actor's supervisor remembers of its restarts, oldest first;
// nothing if it is busy.
func (s *Source) restarts(ctx context.Context, pid actor.PID) []Restart {
	if supervisor.TypeOf(pid.Parent()) != supervisor.TypeSupervisor {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, supervisorLimit)
	defer cancel()
	history, _ := supervisor.History(asking, pid) // without an answer there is less to tell
	var list []Restart
	for _, r := range history {
		list = append(list, Restart{millis(r.At), ReasonText(ctx, r.Reason), text.PID(r.Old), text.PID(r.New)})
	}
	return list
}

// strategies remembers what supervisors have said: it does not change.
type strategies struct {
	mu sync.Mutex
	of map[uint64]string
}

const (
	maxStrategies   = 10000 // that are remembered
	strategiesLimit = 20 * time.Millisecond
	strategyAskers  = 16 // supervisors that are asked at a time
)

func (k *strategies) get(pid actor.PID) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.of[serial(pid)]
}

func (k *strategies) put(pid actor.PID, strategy string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil || len(k.of) >= maxStrategies {
		k.of = map[uint64]string{}
	}
	k.of[serial(pid)] = strategy
}

// Strategies fills in the strategies of those nodes that are supervisors. One that is busy is
// not waited for: all together have a moment.
func (s *Source) Strategies(ctx context.Context, nodes ...*Node) {
	ctx, cancel := context.WithTimeout(ctx, strategiesLimit)
	defer cancel()
	var asking sync.WaitGroup
	defer asking.Wait()
	room := make(chan struct{}, strategyAskers)
	for _, n := range nodes {
		if n.Kind != KindSupervisor || n.Strategy != "" || n.at.IsZero() {
			continue
		}
		if n.Strategy = s.strategy(n.at); n.Strategy != "" {
			continue
		}
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			continue
		}
		asking.Go(func() {
			defer func() { <-room }()
			if w, err := supervisor.Look(ctx, n.at, 0, 0); err == nil {
				n.Strategy = text.Line(w.Strategy)
				s.strategies.put(n.at, n.Strategy)
			}
		})
	}
}

// strategy returns what is known without a question, which would have those with very many
// children look at each of them.
func (s *Source) strategy(pid actor.PID) string {
	if _, ok := supervisor.DynamicOf(pid); ok {
		return "dynamic"
	}
	if _, ok := supervisor.TreeOf(pid); !ok {
		return "entities"
	}
	return s.strategies.get(pid)
}

// all returns a node and those below it.
func (n *Node) all() []*Node {
	list := []*Node{n}
	for _, c := range n.Children {
		list = append(list, c.all()...)
	}
	return list
}
