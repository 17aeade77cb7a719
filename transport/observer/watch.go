package observer

import (
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/query"
)

// change is an event that may change what a page shows.
type change struct {
	at      time.Time
	spawned bool
	pid     actor.PID
	parent  actor.PID
	reason  error // of an end
	crashed bool
}

// changeOf returns what a page needs of an event. It keeps hold of little: an event may
// wait for a page for some while.
func changeOf(e actor.Event) (change, bool) {
	switch e := e.(type) {
	case actor.Spawned:
		return change{at: time.Now(), spawned: true, pid: e.PID, parent: e.Parent}, true
	case actor.Exited:
		return change{at: time.Now(), pid: e.PID, parent: e.PID.Parent(), reason: e.Reason, crashed: e.Crashed()}, true
	}
	return change{}, false
}

// watch is what a page shows of the tree, and what has happened to that since the page was
// told last. Events come on the goroutines of those that cause them, which wait: so they
// are noted here, and the page's actor makes something of them later.
//
// Before the tree is there, the watch keeps what happens to the children of the nodes that
// will be open. They are applied when it has come: each says how something is now, and may
// be in the tree already.
type watch struct {
	wake func() // tells the page that there is something for it; must not block

	mu     sync.Mutex
	shown  map[actor.PID]*shown
	early  []change // since the tree is being made; nil when it is there
	making bool
	woken  bool
	lost   bool // there was too much: the page has to ask for the tree anew

	added, gone []change
	counted     map[actor.PID]bool // the count of whose children has changed
}

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
	w := &watch{wake: wake, making: true, shown: map[actor.PID]*shown{}, counted: map[actor.PID]bool{}}
	for _, pid := range open {
		w.shown[pid] = &shown{open: true}
	}
	return w
}

// note takes a change. It must be quick.
func (w *watch) note(c change) {
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
func (w *watch) take(c change) bool {
	parent, known := w.shown[c.parent]
	_, self := w.shown[c.pid]
	switch {
	case !known && !self || w.lost:
		return false
	case w.making:
		if len(w.early) < maxChanges {
			w.early = append(w.early, c)
		}
		return false
	case len(w.added)+len(w.gone) >= maxChanges:
		w.lost = true
		w.added, w.gone = nil, nil
	case c.spawned && !self:
		w.spawned(c, parent)
	case !c.spawned:
		w.ended(c, parent, self)
	}
	return true
}

func (w *watch) spawned(c change, parent *shown) {
	parent.count++
	w.counted[c.parent] = true
	if parent.open && len(parent.children) < parent.limit {
		parent.children = append(parent.children, c.pid)
		w.shown[c.pid] = &shown{parent: c.parent}
		w.added = append(w.added, c)
	}
}

func (w *watch) ended(c change, parent *shown, self bool) {
	if parent != nil {
		parent.count--
		w.counted[c.parent] = true
	}
	if !self {
		return
	}
	if parent != nil {
		if i := slices.Index(parent.children, c.pid); i >= 0 {
			parent.children = slices.Delete(parent.children, i, i+1)
		}
	}
	delete(w.shown, c.pid)
	delete(w.counted, c.pid)
	w.gone = append(w.gone, c)
}

// begin makes the tree that the page has got the one that is watched.
func (w *watch) begin(root *query.Node, limit func(*query.Node) int) {
	w.mu.Lock()
	open := w.shown
	w.shown = map[actor.PID]*shown{}
	w.show(root, actor.PID{}, open, limit)
	w.making = false
	early := w.early
	w.early = nil
	wake := false
	for _, c := range early {
		wake = w.take(c) || wake
	}
	w.woken = wake
	w.mu.Unlock()
	if wake {
		w.wake()
	}
}

func (w *watch) show(n *query.Node, parent actor.PID, open map[actor.PID]*shown, limit func(*query.Node) int) {
	pid := n.Actor()
	s := &shown{parent: parent, open: open[pid] != nil, count: n.Count, limit: limit(n)}
	w.shown[pid] = s
	for _, child := range n.Children {
		s.children = append(s.children, child.Actor())
		w.show(child, pid, open, limit)
	}
}

// news is what has happened since the last time.
type news struct {
	added, gone []change
	counts      map[actor.PID]int
	lost        bool
}

// collect returns the news, and what the count of each parent is now.
func (w *watch) collect() news {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := news{added: w.added, gone: w.gone, lost: w.lost, counts: map[actor.PID]int{}}
	for pid := range w.counted {
		if s := w.shown[pid]; s != nil {
			n.counts[pid] = s.count
		}
	}
	w.added, w.gone, w.woken = nil, nil, false
	clear(w.counted)
	return n
}
