package observer

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
)

// feed hands the system's events to the pages that watch. While none does, it observes
// nothing.
type feed struct {
	mu      sync.Mutex
	stop    func()                   // nil: nothing is observed
	closed  bool                     // the run is over
	watches atomic.Pointer[[]*watch] // the list itself never changes

	descriptions descriptions // for all of them
	bulletins    bulletins
}

// add has a watch told of what happens from now on.
func (f *feed) add(sys *actor.System, w *watch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.change(func(list []*watch) []*watch { return append(list, w) })
	if f.stop == nil {
		f.stop = sys.Observe(f.tell)
	}
}

// remove has a watch told no more.
func (f *feed) remove(w *watch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.change(func(list []*watch) []*watch {
		return slices.DeleteFunc(list, func(x *watch) bool { return x == w })
	})
	if f.stop != nil && len(*f.watches.Load()) == 0 {
		f.stop()
		f.stop = nil
		f.descriptions.clear()
		f.bulletins.clear()
	}
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.stop != nil {
		f.stop()
		f.stop = nil
	}
}

func (f *feed) change(edit func([]*watch) []*watch) {
	var list []*watch
	if old := f.watches.Load(); old != nil {
		list = slices.Clone(*old)
	}
	list = edit(list)
	f.watches.Store(&list)
}

// tell runs where something has happened, which waits for it.
func (f *feed) tell(e actor.Event) {
	c := changeOf(e)
	if c == nil {
		return
	}
	for _, w := range *f.watches.Load() {
		w.note(c)
	}
}
