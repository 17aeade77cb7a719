package book

import (
	"slices"
	"sync/atomic"

	"github.com/troupe-go/troupe/registry/internal/table"
)

// Kind is what a listener is told of.
type Kind uint8

// The kinds of changes.
const (
	Added   Kind = iota + 1
	Removed      // by its holder, at its holder's end, or to make way
	Present      // what there is under a key, in Rows, when the listener comes
)

// Change is what has happened to a key.
type Change[K comparable] struct {
	Kind Kind
	Key  K
	Row        // who was added or removed
	Rows []Row // who is present
}

// listener is a function to call with changes.
type listener[K comparable] struct {
	f      func(Change[K])
	failed func(error) // if not nil, told why it is taken off
	unlist func()      // takes it off all lists
	off    atomic.Bool // set once: no call begins any more
}

// news is what a shard has for those who listen. All of it is guarded by the
// shard's lock.
type news[K comparable] struct {
	all     []*listener[K]               // to every key
	one     table.Map[K, []*listener[K]] // to one
	pending []item[K]                    // not told yet, in the order of the changes
}

// item is a change that somebody has not been told of yet.
type item[K comparable] struct {
	to *listener[K]
	Change[K]
}

// Listen has f called with each change from now on, until stop is called. If
// present is set, the first calls say who is present under each key; no change is
// lost or told twice between that and what follows.
//
// f is called with the changes of a key in the order in which they are made, one at a
// time, and usually before what made the change returns; see tellAll. f may use the book.
// If it panics, calls runtime.Goexit or does not return, it is not called again: that is
// logged, and failed is told why, if it is not nil.
func (b *Book[K]) Listen(present bool, f func(Change[K]), failed func(error)) (stop func()) {
	l := &listener[K]{f: f, failed: failed}
	l.unlist = func() {
		for i := range b.keys {
			b.keys[i].unlist(l)
		}
	}
	for i := range b.keys {
		b.keys[i].listen(l, present)
	}
	if l.off.Load() { // it has failed while it was being listed
		l.unlist()
	}
	return l.stop
}

func (sh *keyShard[K]) listen(l *listener[K], present bool) {
	sh.mu.Lock()
	defer sh.unlock()
	n := sh.tuneIn()
	n.all = append(n.all, l)
	if present {
		for e := range sh.index.all {
			n.pending = append(n.pending, item[K]{l, Change[K]{Kind: Present, Key: e.key, Rows: e.rows()}})
		}
	}
}

// ListenTo is Listen to one key, with the first call saying who is present, if
// nobody is, too.
func (b *Book[K]) ListenTo(key K, f func(Change[K]), failed func(error)) (stop func()) {
	l := &listener[K]{f: f, failed: failed}
	h := hashOf(key)
	sh := b.shardOf(h)
	sh.mu.Lock()
	defer sh.unlock()
	n := sh.tuneIn()
	n.one.Set(key, append(n.one.Get(key), l))
	n.pending = append(n.pending, item[K]{l, Change[K]{Kind: Present, Key: key, Rows: sh.index.get(h, key).rows()}})
	l.unlist = func() { sh.unlistFrom(key, l) }
	return l.stop
}

func (l *listener[K]) stop() {
	if !l.off.Swap(true) {
		l.unlist()
	}
}

func (sh *keyShard[K]) unlist(l *listener[K]) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.news != nil {
		sh.news.all = without(sh.news.all, l)
		sh.stillListening()
	}
}

func (sh *keyShard[K]) unlistFrom(key K, l *listener[K]) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if rest := without(sh.news.one.Get(key), l); len(rest) > 0 {
		sh.news.one.Set(key, rest)
	} else {
		sh.news.one.Delete(key)
	}
	sh.stillListening()
}

// tuneIn returns the shard's news for one more listener.
func (sh *keyShard[K]) tuneIn() *news[K] {
	if sh.news == nil {
		sh.news = new(news[K])
	}
	sh.listening = true
	return sh.news
}

func (sh *keyShard[K]) stillListening() {
	sh.listening = len(sh.news.all) > 0 || sh.news.one.Len() > 0
}

func without[K comparable](list []*listener[K], l *listener[K]) []*listener[K] {
	return slices.DeleteFunc(list, func(x *listener[K]) bool { return x == l })
}

// rows returns the rows under a key of which e is the oldest entry, or nil.
func (e *entry[K]) rows() (rows []Row) {
	for ; e != nil; e = e.next {
		rows = append(rows, e.row())
	}
	return rows
}

// record notes a change for those who listen. The caller holds the lock and leaves
// it with unlock, which tells them.
func (sh *keyShard[K]) record(kind Kind, e *entry[K]) {
	if !sh.listening {
		return
	}
	n := sh.news
	change := Change[K]{Kind: kind, Key: e.key, Row: e.row()}
	for _, l := range n.all {
		n.pending = append(n.pending, item[K]{l, change})
	}
	for _, l := range n.one.Get(e.key) {
		n.pending = append(n.pending, item[K]{l, change})
	}
}
