package query

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
)

// CrashesRequest asks for the crashes.
type CrashesRequest struct {
	Limit int `json:"limit"` // how many groups, the latest; 100 if 0
}

// Crashes is the answer to a [CrashesRequest].
type Crashes struct {
	Groups []CrashGroup `json:"groups"` // the one with the latest crash first
	Total  int          `json:"total"`
}

// CrashGroup is crashes that are alike: of one kind of actor, at one place in the code if
// it was a panic, or of one text.
type CrashGroup struct {
	Key      string       `json:"key"`
	Count    int          `json:"count"`
	First    int64        `json:"first"`
	Last     int64        `json:"last"`
	Behavior string       `json:"behavior"`
	Reason   string       `json:"reason"`
	Stack    string       `json:"stack,omitempty"`
	Example  CrashExample `json:"example"`  // the last one
	Preceded []Event      `json:"preceded"` // what had happened before it to the actor, its parent and its siblings
}

// CrashExample is one crash.
type CrashExample struct {
	PID     string `json:"pid"`
	Label   string `json:"label,omitempty"`
	Parent  string `json:"parent,omitempty"`
	Waiting int    `json:"waiting"` // messages that were lost with it
	Handled uint64 `json:"handled"`
}

// crashGroup is a CrashGroup as a history keeps it.
type crashGroup struct {
	count       int
	first, last int64
	behavior    reflect.Type
	reason      string
	stack       actor.Stack

	serial, parent uint64
	label          string
	waiting        int
	handled        uint64
	preceded       []moment
}

const (
	maxGroups = 200
	topFrames = 6 // by which panics are told apart
)

func (h *History) crashed(now int64, e actor.Crashed) {
	g := crashGroup{
		first: now, last: now, behavior: e.Behavior, reason: reasonText(e.Reason),
		serial: serial(e.PID), parent: serial(e.Parent), label: text.Line(cmp.Or(e.Name, e.Label)),
		waiting: e.Waiting, handled: e.Handled,
	}
	if p, ok := e.Reason.(*actor.PanicError); ok && p != nil {
		g.stack = p.Stack
	}
	key := g.key(e.Reason)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noteOrigin(e.PID)
	g.preceded = h.recent(g.serial, g.parent)
	h.addCrash(key, g)
}

// seed is that of the keys of crash groups.
var seed = maphash.MakeSeed()

// key tells groups apart. Numbers in a text do not: they are mostly those of one actor.
func (g *crashGroup) key(reason error) uint64 {
	var hash maphash.Hash
	hash.SetSeed(seed)
	fmt.Fprintf(&hash, "%s %T ", typeName(g.behavior), reason)
	if len(g.stack) > 0 {
		fmt.Fprint(&hash, g.stack[:min(len(g.stack), topFrames)])
	} else {
		hash.WriteString(strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return -1
			}
			return r
		}, g.reason))
	}
	return hash.Sum64()
}

// addCrash adds a crash to its group. There are not too many: the one that has been quiet for
// longest goes.
func (h *History) addCrash(key uint64, g crashGroup) {
	if old := h.crashes[key]; old != nil {
		g.count, g.first = old.count, old.first
	} else if len(h.crashes) >= maxGroups {
		var quiet uint64
		last := int64(-1)
		for k, g := range h.crashes {
			if last < 0 || g.last < last {
				quiet, last = k, g.last
			}
		}
		delete(h.crashes, quiet)
	}
	g.count++
	h.crashes[key] = &g
}

func (g CrashGroup) takes(r *room) bool {
	for _, e := range g.Preceded {
		if !e.takes(r) {
			return false
		}
	}
	return r.takes(g.Behavior, g.Reason, g.Stack, g.Example.Label)
}

// Crashes answers a [CrashesRequest]. The groups are those since the history began, for as
// long as there are no more than 200.
func (s *Source) Crashes(_ context.Context, q CrashesRequest) (*Crashes, error) {
	h := s.cfg.History
	if h == nil {
		return nil, errNoHistory
	}
	h.mu.Lock()
	origin, groups := h.origin, maps.Clone(h.crashes) // a group never changes: another takes its place
	h.mu.Unlock()
	keys := slices.SortedFunc(maps.Keys(groups), func(a, b uint64) int {
		return cmp.Or(cmp.Compare(groups[b].last, groups[a].last), cmp.Compare(a, b))
	})
	answer, left := &Crashes{Groups: []CrashGroup{}, Total: len(groups)}, wholeRoom
	for _, key := range keys[:min(len(keys), limited(q.Limit))] {
		group := groups[key].describe(key, origin)
		if !group.takes(&left) {
			break
		}
		answer.Groups = append(answer.Groups, group)
	}
	return answer, nil
}

// describe puts a group into words.
func (g *crashGroup) describe(key uint64, o origin) CrashGroup {
	return CrashGroup{
		Key: fmt.Sprintf("%x", key), Count: g.count, First: g.first, Last: g.last,
		Behavior: typeName(g.behavior), Reason: g.reason, Stack: text.Cut(g.stack.String(), text.MaxLong),
		Example:  CrashExample{o.pidText(g.serial), g.label, o.pidText(g.parent), g.waiting, g.handled},
		Preceded: o.events(g.preceded),
	}
}
