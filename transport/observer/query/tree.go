package query

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
)

// TreeRequest asks for the tree of actors, as far as it is open.
type TreeRequest struct {
	Open   []string       `json:"open"`   // PIDs of the nodes whose children are wanted, besides the root
	Limit  int            `json:"limit"`  // children of each; 100 if 0, 1,000 at most
	Limits map[string]int `json:"limits"` // the same for single nodes, "" for the root
	Filter string         `json:"filter"` // if not "", the actors that match are wanted, and no tree
	At     int64          `json:"at"`     // the past is wanted, as it was then; 0: as it is
}

// Tree is the answer to a [TreeRequest].
type Tree struct {
	Root *Node `json:"root,omitempty"`
	Now  int64 `json:"now"`
	From int64 `json:"from"` // how far back the past is known; 0 if it is not

	Matches []Match `json:"matches,omitempty"` // of a Filter, the first Limit of Total
	Total   int     `json:"total,omitempty"`
	Partial bool    `json:"partial,omitempty"` // there was no time to look at all
}

// Match is an actor that a filter has found.
type Match struct {
	Node *Node  `json:"node"`
	Path []Link `json:"path"` // from the root's child down to the actor's parent
}

// Link names an actor.
type Link struct {
	PID   string `json:"pid"`
	Label string `json:"label,omitempty"` // its name, if it has one, or its label
}

const (
	defaultLimit = 100
	maxLimit     = 1000
	maxOpen      = 1000
	maxDepth     = 100 // of a path
)

func limited(n int) int { return min(cmp.Or(max(n, 0), defaultLimit), maxLimit) }

// LimitOf returns how many children of a node are wanted.
func (q TreeRequest) LimitOf(n *Node) int {
	if limit, ok := q.Limits[n.PID]; ok {
		return limited(limit)
	}
	return limited(q.Limit)
}

// Tree answers a [TreeRequest].
func (s *Source) Tree(ctx context.Context, q TreeRequest) (*Tree, error) {
	if len(q.Open) > maxOpen {
		return nil, Errorf(Invalid, "more than %d nodes are open", maxOpen)
	}
	switch {
	case q.Filter != "" && q.At != 0:
		return s.matchesAt(ctx, q)
	case q.Filter != "":
		return s.matches(ctx, q)
	case q.At != 0:
		return s.treeAt(ctx, q)
	}
	w := s.windows(q)
	if err := s.walk(ctx, w.see); err != nil {
		return nil, err
	}
	root := &Node{Kind: KindSystem, Label: "system", Status: actor.Running.String()}
	s.fill(ctx, root, w)
	if err := s.count(ctx, w); err != nil {
		return nil, err
	}
	s.Strategies(ctx, root.all()...)
	return &Tree{Root: root, Now: millis(time.Now()), From: s.HistoryFrom()}, nil
}

// windows are the children that are wanted, by their parents, the zero PID for the root.
type windows struct {
	of    map[actor.PID]*window
	nodes map[actor.PID]*Node // that are shown
	room  room
}

// window is the first children of one parent.
type window struct {
	limit, count int
	first        latest // until it is sorted
}

func (s *Source) windows(q TreeRequest) *windows {
	w := &windows{map[actor.PID]*window{}, map[actor.PID]*Node{}, wholeRoom}
	add := func(pid actor.PID) {
		limit, ok := q.Limits[text.PID(pid)]
		if !ok {
			limit = q.Limit
		}
		w.of[pid] = &window{limit: limited(limit)}
	}
	add(actor.PID{})
	for _, name := range q.Open {
		if pid, ok := s.sys.Find(name); ok {
			add(pid)
		}
	}
	return w
}

// see looks at one of all actors.
func (w *windows) see(pid actor.PID) {
	if at := w.of[above(pid)]; at != nil {
		at.see(pid)
	}
}

// above returns the node above an actor: its parent while that has not ended. The children of
// one that has, and has not taken them along, are below the root.
func above(pid actor.PID) actor.PID {
	if parent := pid.Parent(); !parent.Ended() {
		return parent
	}
	return actor.PID{}
}

// see counts a child, and keeps it if it is among the first.
func (w *window) see(pid actor.PID) {
	w.count++
	if len(w.first) < w.limit {
		heap.Push(&w.first, pid)
	} else if pid.Compare(w.first[0]) < 0 {
		w.first[0] = pid
		heap.Fix(&w.first, 0)
	}
}

// latest is a heap of actors: the one that was spawned last is on top.
type latest []actor.PID

func (l latest) Len() int           { return len(l) }
func (l latest) Less(i, j int) bool { return l[i].Compare(l[j]) > 0 }
func (l latest) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *latest) Push(x any)        { *l = append(*l, x.(actor.PID)) }

// Pop implements [heap.Interface]. Nothing is taken off one by one.
func (l *latest) Pop() any {
	last := len(*l) - 1
	x := (*l)[last]
	*l = (*l)[:last]
	return x
}

// fill gives a node that is open its children, and theirs.
func (s *Source) fill(ctx context.Context, n *Node, w *windows) {
	at := w.of[n.at]
	if at == nil {
		return
	}
	delete(w.of, n.at) // a node has one place
	slices.SortFunc(at.first, actor.PID.Compare)
	n.Count = at.count
	for _, pid := range at.first {
		child := s.Node(ctx, pid)
		if !child.takes(&w.room) {
			break
		}
		n.Children = append(n.Children, child)
		w.nodes[pid] = child
		s.fill(ctx, child, w)
	}
	n.More = n.Count - len(n.Children)
	n.arrange(s.ordered(ctx, n.at, n.Count), at.limit)
}

// count counts the children of the nodes that are shown and not open.
func (s *Source) count(ctx context.Context, w *windows) error {
	for _, n := range w.nodes {
		if n.Children != nil || n.More > 0 {
			delete(w.nodes, n.at)
		}
	}
	return s.walk(ctx, func(pid actor.PID) {
		if n := w.nodes[above(pid)]; n != nil {
			n.Count++
		}
	})
}

// Counts counts the children of actors, of the zero PID those of the root.
func (s *Source) Counts(ctx context.Context, of []actor.PID) (map[actor.PID]int, error) {
	counts := make(map[actor.PID]int, len(of))
	for _, pid := range of {
		counts[pid] = 0
	}
	err := s.walk(ctx, func(pid actor.PID) {
		parent := above(pid)
		if n, ok := counts[parent]; ok {
			counts[parent] = n + 1
		}
	})
	return counts, err
}

// matches answers a request with a filter.
func (s *Source) matches(ctx context.Context, q TreeRequest) (*Tree, error) {
	t := &Tree{Now: millis(time.Now()), From: s.HistoryFrom()}
	found, partial, err := s.matching(ctx, q, func(actor.PID) bool { return true })
	if err != nil {
		return nil, err
	}
	t.Partial = partial
	slices.SortFunc(found.first, actor.PID.Compare)
	var nodes []*Node
	left := wholeRoom
	for _, pid := range found.first {
		m := Match{s.Node(ctx, pid), s.path(ctx, pid)}
		if !m.takes(&left) {
			break
		}
		nodes = append(nodes, m.Node)
		t.Matches = append(t.Matches, m)
	}
	s.Strategies(ctx, nodes...)
	t.Total = found.count
	return t, nil
}

// matching returns those of the actors that live, and are wanted, that the filter lets through.
// It is partial if there was no time to look at all.
func (s *Source) matching(ctx context.Context, q TreeRequest, wanted func(actor.PID) bool) (found window, partial bool, err error) {
	found.limit = limited(q.Limit)
	want := strings.ToLower(q.Filter)
	looking, cancel := context.WithTimeout(ctx, filterLimit)
	defer cancel()
	err = s.walk(looking, func(pid actor.PID) {
		if wanted(pid) && s.fits(looking, pid, want) {
			found.see(pid)
		}
	})
	return found, err != nil, ctx.Err()
}

func (m Match) takes(r *room) bool {
	for _, l := range m.Path {
		if !r.takes(l.PID, l.Label) {
			return false
		}
	}
	return m.Node.takes(r)
}

// fits reports whether a part of what an actor is called is the text, which is in lower
// case.
func (s *Source) fits(ctx context.Context, pid actor.PID, want string) bool {
	return pid.String() == want || contains(pid.Name(), want) || contains(s.label(ctx, pid), want) || contains(typeName(pid.Behavior()), want)
}

// contains looks at as much of a text as is shown.
func contains(s, lower string) bool {
	return s != "" && strings.Contains(strings.ToLower(s[:min(len(s), maxTopic)]), lower)
}

// path returns the actors above one.
func (s *Source) path(ctx context.Context, pid actor.PID) []Link {
	var path []Link
	for p := pid.Parent(); !p.IsZero() && len(path) < maxDepth; p = p.Parent() {
		path = append(path, s.link(ctx, p))
	}
	slices.Reverse(path)
	return path
}

func (s *Source) link(ctx context.Context, pid actor.PID) Link {
	return Link{text.PID(pid), cmp.Or(text.Line(pid.Name()), s.label(ctx, pid))}
}
