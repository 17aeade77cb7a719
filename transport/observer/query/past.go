package query

import (
	"context"
	"slices"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// treeAt answers a request for the tree of the past: that of the actors that live and had
// been spawned by then, and of those that have ended since.
func (s *Source) treeAt(ctx context.Context, q TreeRequest) (*Tree, error) {
	h := s.cfg.History
	if h == nil {
		return nil, errNoHistory
	}
	now := time.Now().UnixMilli()
	from := s.HistoryFrom()
	if q.At < from || q.At > now {
		return nil, Errorf(Unavailable, "the tree is known from %s on", time.UnixMilli(from).Format(time.TimeOnly))
	}
	// First those that live: one that ends meanwhile is in both, and taken once.
	w := s.windows(q)
	err := s.walk(ctx, func(pid actor.PID) {
		if millis(pid.Started()) <= q.At {
			if at := w.of[pid.Parent()]; at != nil {
				at.see(pid)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	r := &rewound{at: q.At, limit: limited(q.Limit), nodes: map[uint64]*Node{}, open: map[uint64]bool{0: true}}
	for _, text := range q.Open {
		if n, ok := serialIn(text); ok {
			r.open[n] = true
		}
	}
	for parent, window := range w.of {
		for _, pid := range window.first {
			r.add(serial(parent), serial(pid), s.nodeOfThen(ctx, pid))
		}
		r.more = append(r.more, pidCount{serial(parent), window.count - len(window.first)})
	}
	h.rewind(r)
	root := r.tree()
	if err := s.countThen(ctx, r); err != nil {
		return nil, err
	}
	return &Tree{Root: root, Now: now, From: from}, nil
}

// nodeOfThen describes an actor as it was: what it does now is of no interest.
func (s *Source) nodeOfThen(ctx context.Context, pid actor.PID) *Node {
	n := s.Node(ctx, pid)
	n.Status, n.Queue = statusAlive, 0
	return n
}

// statusAlive is the status of an actor in the past.
const statusAlive = "alive"

// rewound is a tree of the past that is being put together.
type rewound struct {
	at       int64
	limit    int
	open     map[uint64]bool
	nodes    map[uint64]*Node // that may be shown
	children map[uint64][]uint64
	more     []pidCount
	counts   map[uint64]int // children that have ended since
}

// maxRewound is how many nodes there are to choose those from that are shown.
const maxRewound = 10_000

type pidCount struct {
	serial uint64
	n      int
}

func (r *rewound) add(parent, serial uint64, n *Node) {
	if r.nodes[serial] != nil {
		return
	}
	if r.children == nil {
		r.children = map[uint64][]uint64{}
	}
	r.nodes[serial] = n
	r.children[parent] = append(r.children[parent], serial)
}

// rewind adds the actors that have ended.
func (h *History) rewind(r *rewound) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r.counts = map[uint64]int{}
	for i := range h.past.n {
		p := h.past.at(i)
		if p.started > r.at || p.ended <= r.at {
			continue
		}
		r.counts[p.parent]++
		if r.open[p.parent] && len(r.nodes) < maxRewound {
			r.add(p.parent, p.serial, h.ended(p))
		}
	}
}

// ended describes an actor that has ended.
func (h *History) ended(p *past) *Node {
	n := &Node{
		PID: h.pidText(p.serial), Parent: h.pidText(p.parent), Kind: KindActor, Name: p.name, Label: p.label,
		Behavior: typeName(p.behavior), Status: statusAlive, Started: p.started, Ended: p.ended,
	}
	if p.behavior != nil && isSupervisorType(p.behavior) {
		n.Kind = KindSupervisor
	}
	return n
}

// tree puts the nodes together.
func (r *rewound) tree() *Node {
	root := &Node{Kind: KindSystem, Label: "system", Status: statusAlive}
	left := wholeRoom
	r.fill(root, 0, &left)
	return root
}

func (r *rewound) fill(n *Node, serial uint64, left *room) {
	if !r.open[serial] {
		return
	}
	list := r.children[serial]
	slices.Sort(list)
	n.Count = len(list)
	for _, m := range r.more {
		if m.serial == serial {
			n.Count += m.n
		}
	}
	for _, child := range list[:min(len(list), r.limit)] {
		c := r.nodes[child]
		if !c.takes(left) {
			break
		}
		n.Children = append(n.Children, c)
		r.fill(c, child, left)
	}
	n.More = n.Count - len(n.Children)
}

// countThen counts the children of the nodes that are not open.
func (s *Source) countThen(ctx context.Context, r *rewound) error {
	living := map[actor.PID]*Node{}
	for serial, n := range r.nodes {
		if r.open[serial] {
			continue
		}
		n.Count = r.counts[serial]
		if !n.at.IsZero() {
			living[n.at] = n
		}
	}
	return s.walk(ctx, func(pid actor.PID) {
		if n := living[pid.Parent()]; n != nil && millis(pid.Started()) <= r.at {
			n.Count++
		}
	})
}
