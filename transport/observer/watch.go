package observer

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer/query"
)

// change is an event that may change what a page shows. All pages share it.
type change struct {
	kind    changeKind
	at      time.Time
	pid     actor.PID // of a restart, the new one
	parent  actor.PID
	reason  error // of an end
	crashed bool
	child   string    // of a restart: its ID
	old     actor.PID // and the former incarnation

	once sync.Once // makes text
	text []byte    // how a page is told of it: see told
}

type changeKind uint8

const (
	hasSpawned changeKind = iota
	hasEnded
	hasRestarted
)

// changeOf returns what a page needs of an event. It keeps hold of little: an event may
// wait for a page for some while.
func changeOf(e actor.Event) *change {
	switch e := e.(type) {
	case actor.Spawned:
		return &change{kind: hasSpawned, at: time.Now(), pid: e.PID, parent: e.Parent}
	case actor.Exited:
		return &change{kind: hasEnded, at: time.Now(), pid: e.PID, parent: e.Parent, reason: e.Reason, crashed: e.Crashed()}
	case supervisor.Restarted:
		return &change{kind: hasRestarted, at: e.At, pid: e.New, parent: e.Supervisor, reason: e.Reason, child: e.Child, old: e.Old}
	}
	return nil
}

// watch is what a page shows of the tree, and what has happened to that since the page was
// told last. Events come on the goroutines of those that cause them, which wait: so they
// are noted here, and the page's actor makes something of them later.
//
// Before the tree is there, the watch keeps what happens to the children of the nodes that
// will be open. They are applied when it has come: each says how something is now, and may
// be in the tree already.
type watch struct {
	wake func()               // tells the page that there is something for it; must not block
	told map[actor.PID]looked // as the page was told of those that it shows; its actor's alone once there is a tree

	mu     sync.Mutex
	shown  map[actor.PID]*shown
	early  []*change // since the tree is being made; nil when it is there
	making bool
	woken  bool
	news   news
	stale  map[actor.PID]bool // whose children must be counted again, for events have counted them
}

// news is what has happened that a page has to be told.
type news struct {
	added, gone, restarted []*change
	counted                map[actor.PID]bool // the count of whose children has changed
	counts                 map[actor.PID]int  // what it is now
	lost                   bool               // there was too much: the page has to ask for the tree anew
	orphans                bool               // actors have ended before those below them
}

func (n *news) size() int { return len(n.added) + len(n.gone) + len(n.restarted) }

// shown is a node that the page shows. The zero PID is that of the root.
type shown struct {
	parent   actor.PID
	open     bool
	limit    int // of children that are shown
	count    int // of all children
	children []actor.PID
}

// maxChanges is how much may wait for a page.
const maxChanges = 4096

func newWatch(wake func(), open []actor.PID) *watch {
	w := &watch{wake: wake, making: true, told: map[actor.PID]looked{}, shown: map[actor.PID]*shown{}, stale: map[actor.PID]bool{}}
	w.news.counted = map[actor.PID]bool{}
	for _, pid := range open {
		w.shown[pid] = &shown{open: true}
	}
	return w
}

// note takes a change. It must be quick.
func (w *watch) note(c *change) {
	w.mu.Lock()
	wake := w.take(c) && !w.woken
	if wake {
		w.woken = true
	}
	w.mu.Unlock()
	if wake {
		w.wake()
	}
}

// take reports whether the page has to be told of the change.
func (w *watch) take(c *change) bool {
	parent, known := w.shown[c.parent]
	_, self := w.shown[c.pid]
	switch {
	case !known && !self || w.news.lost:
		return false
	case w.making:
		if w.early = append(w.early, c); len(w.early) > maxChanges {
			w.early, w.news.lost = nil, true
		}
		return false
	case w.news.size() >= maxChanges:
		w.news = news{lost: true, counted: map[actor.PID]bool{}}
	case c.kind == hasRestarted:
		w.news.restarted = append(w.news.restarted, c)
	case c.kind == hasEnded:
		w.ended(c, parent, self)
	case !self:
		w.spawned(c, parent)
	}
	return true
}

func (w *watch) count(pid actor.PID, parent *shown, by int) {
	parent.count += by
	w.news.counted[pid], w.stale[pid] = true, true
}

func (w *watch) spawned(c *change, parent *shown) {
	w.count(c.parent, parent, +1)
	if parent.open && len(parent.children) < parent.limit {
		parent.children = append(parent.children, c.pid)
		w.shown[c.pid] = &shown{parent: c.parent}
		w.news.added = append(w.news.added, c)
	}
}

func (w *watch) ended(c *change, parent *shown, self bool) {
	if parent != nil {
		w.count(c.parent, parent, -1)
		if i := slices.Index(parent.children, c.pid); i >= 0 {
			parent.children = slices.Delete(parent.children, i, i+1)
		}
	}
	if !self {
		return
	}
	if len(w.shown[c.pid].children) > 0 {
		w.news.orphans = true
	}
	delete(w.shown, c.pid)
	delete(w.news.counted, c.pid)
	delete(w.stale, c.pid)
	w.news.gone = append(w.news.gone, c)
}

// orphans puts those below the root whose parents have ended, and that live all the same.
func (w *watch) orphans() map[actor.PID]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	root, found := w.shown[actor.PID{}], map[actor.PID]int{}
	for pid, s := range w.shown {
		if !s.parent.IsZero() && w.shown[s.parent] == nil && pid.Alive() {
			s.parent = actor.PID{}
			root.children = append(root.children, pid)
			w.count(actor.PID{}, root, +1)
			found[pid] = s.count
		}
	}
	return found
}

// begin makes the tree that the page has got the one that is watched. It does not wake the page,
// which has to look for news when it has the watch.
func (w *watch) begin(root *query.Node, limit func(*query.Node) int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	open := w.shown
	w.shown = map[actor.PID]*shown{}
	w.show(root, actor.PID{}, open, limit)
	w.making, w.woken = false, true
	early := w.early
	w.early = nil
	for _, c := range early {
		w.take(c)
	}
}

func (w *watch) show(n *query.Node, parent actor.PID, open map[actor.PID]*shown, limit func(*query.Node) int) {
	pid := n.Actor()
	s := &shown{parent: parent, open: open[pid] != nil, count: n.Count, limit: limit(n)}
	w.shown[pid] = s
	w.told[pid] = looked{n.Status, n.Queue, n.Restarts}
	for _, child := range n.Children {
		if child.Actor().IsZero() { // it does not run
			continue
		}
		s.children = append(s.children, child.Actor())
		w.show(child, pid, open, limit)
	}
}

// collect returns what has happened since the last time.
func (w *watch) collect() news {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.news
	n.counts, n.counted = make(map[actor.PID]int, len(n.counted)), nil
	for pid := range w.news.counted {
		if s := w.shown[pid]; s != nil {
			n.counts[pid] = s.count
		}
	}
	clear(w.news.counted)
	w.news, w.woken = news{counted: w.news.counted, lost: n.lost}, false
	return n
}

// look returns the nodes that are shown, but for the root, with the numbers of their
// children.
func (w *watch) look() map[actor.PID]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	counts := make(map[actor.PID]int, len(w.shown))
	for pid, s := range w.shown {
		if !pid.IsZero() {
			counts[pid] = s.count
		}
	}
	return counts
}

// uncertain returns the nodes whose children must be counted again.
func (w *watch) uncertain() []actor.PID {
	w.mu.Lock()
	defer w.mu.Unlock()
	pids := slices.Collect(maps.Keys(w.stale))
	clear(w.stale)
	return pids
}

// doubt has the children of nodes counted again, another time.
func (w *watch) doubt(parents []actor.PID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, pid := range parents {
		if w.shown[pid] != nil {
			w.stale[pid] = true
		}
	}
}

// recounted takes the numbers of children that a walk over all actors has found.
func (w *watch) recounted(counts map[actor.PID]int) {
	w.mu.Lock()
	wake := false
	for pid, n := range counts {
		if s := w.shown[pid]; s != nil && s.count != n {
			s.count = n
			w.news.counted[pid] = true
			wake = true
		}
	}
	wake = wake && !w.woken
	w.woken = w.woken || wake
	w.mu.Unlock()
	if wake {
		w.wake()
	}
}
