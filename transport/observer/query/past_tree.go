package query

import (
	"cmp"
	"context"
	"slices"

	"github.com/troupe-go/troupe/actor"
)

// treeAt answers a request for the tree of the past: that of the actors that live and had
// been spawned by then, and of those that have ended since.
func (s *Source) treeAt(ctx context.Context, q TreeRequest) (*Tree, error) {
	from, now, err := s.known(q.At)
	if err != nil {
		return nil, err
	}
	w := s.windows(q)
	var orphans []actor.PID // of parents that have ended; when, only the history knows
	err = s.walk(ctx, func(pid actor.PID) {
		if !lived(pid, q.At) {
			return
		}
		if parent := pid.Parent(); !parent.IsZero() && parent.Ended() {
			orphans = append(orphans, pid)
		} else if at := w.of[parent]; at != nil {
			at.see(pid)
		}
	})
	if err != nil {
		return nil, err
	}
	t := &treeThen{rewound: s.cfg.History.rewind(q.At), q: q, left: wholeRoom}
	t.open(w)
	for _, pid := range orphans {
		t.add(livesOn(pid))
	}
	for _, p := range t.ended {
		t.add(then{serial: p.serial, ended: p})
	}
	root := &Node{Kind: KindSystem, Label: "system", Status: statusAlive}
	t.fill(ctx, s, root, 0)
	if err := s.countThen(ctx, t); err != nil {
		return nil, err
	}
	s.Strategies(ctx, root.all()...)
	return &Tree{Root: root, Now: now, From: from}, nil
}

// treeThen is a tree of the past that is being put together.
type treeThen struct {
	rewound
	q        TreeRequest
	left     room
	children map[uint64][]then // of the nodes that are open
	taken    map[uint64]bool   // what is among them
	counts   map[uint64]int    // of all children, without those of closed nodes that live and whose parents do
	closed   map[actor.PID]*Node
}

// open opens nodes, and gives them those of their children that live.
func (t *treeThen) open(w *windows) {
	t.children, t.taken, t.counts = map[uint64][]then{0: nil}, map[uint64]bool{}, map[uint64]int{}
	t.closed = map[actor.PID]*Node{}
	for _, text := range t.q.Open {
		if n, ok := t.origin.serial(text); ok {
			t.children[n] = nil
		}
	}
	for parent, window := range w.of {
		at := serial(parent)
		t.counts[at] = window.count
		for _, pid := range window.first {
			child := livesOn(pid)
			t.taken[child.serial] = true
			t.children[at] = append(t.children[at], child)
		}
	}
}

// add adds one that is in no window.
func (t *treeThen) add(child then) {
	if t.taken[child.serial] {
		return
	}
	parent := t.above(child)
	t.counts[parent]++
	if list, open := t.children[parent]; open {
		t.taken[child.serial] = true
		t.children[parent] = append(list, child)
	}
}

func (t *treeThen) fill(ctx context.Context, s *Source, n *Node, at uint64) {
	n.Count = t.counts[at]
	list, open := t.children[at]
	if !open {
		if !n.at.IsZero() {
			t.closed[n.at] = n
		}
		return
	}
	slices.SortFunc(list, func(a, b then) int { return cmp.Compare(a.serial, b.serial) })
	for _, child := range list[:min(len(list), t.q.LimitOf(n))] {
		c := s.nodeThen(ctx, child, t.origin)
		if !c.takes(&t.left) {
			break
		}
		n.Children = append(n.Children, c)
		t.fill(ctx, s, c, child.serial)
	}
	n.More = n.Count - len(n.Children)
}

// countThen counts what lives below the nodes that are not open.
func (s *Source) countThen(ctx context.Context, t *treeThen) error {
	return s.walk(ctx, func(pid actor.PID) {
		if n := t.closed[pid.Parent()]; n != nil && lived(pid, t.at) {
			n.Count++
		}
	})
}
