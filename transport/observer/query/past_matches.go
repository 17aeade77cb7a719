package query

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/troupe-go/troupe/actor"
)

// matchesAt answers a request with a filter, of the past.
func (s *Source) matchesAt(ctx context.Context, q TreeRequest) (*Tree, error) {
	from, now, err := s.known(q.At)
	if err != nil {
		return nil, err
	}
	answer := &Tree{Now: now, From: from}
	want := strings.ToLower(q.Filter)
	var living window
	if living, answer.Partial, err = s.matching(ctx, q, func(pid actor.PID) bool { return lived(pid, q.At) }); err != nil {
		return nil, err
	}
	r := s.cfg.History.rewind(q.At)
	var found []then
	for _, pid := range living.first {
		t := livesOn(pid)
		found = append(found, t)
		if r.ended[t.serial] != nil { // meanwhile
			living.count--
			found = found[:len(found)-1]
		}
	}
	answer.Total = living.count
	for _, p := range r.ended {
		if p.fits(want, r.origin) {
			found = append(found, then{serial: p.serial, ended: p})
			answer.Total++
		}
	}
	slices.SortFunc(found, func(a, b then) int { return cmp.Compare(a.serial, b.serial) })
	path := pathThen{s, &r, map[uint64]then{}}
	left := wholeRoom
	for _, t := range found[:min(len(found), limited(q.Limit))] {
		m := Match{s.nodeThen(ctx, t, r.origin), path.to(ctx, t)}
		if !m.takes(&left) {
			break
		}
		answer.Matches = append(answer.Matches, m)
	}
	return answer, nil
}

func (p *past) fits(want string, o origin) bool {
	return o.pidText(p.serial) == want || contains(p.name, want) || contains(p.label, want) || contains(typeName(p.behavior), want)
}

// pathThen finds what was above actors.
type pathThen struct {
	s     *Source
	r     *rewound
	known map[uint64]then
}

// to returns the actors above one, from the root's child down.
func (p pathThen) to(ctx context.Context, t then) []Link {
	var path []Link
	for len(path) < maxDepth {
		parent, ok := p.find(p.r.above(t))
		if !ok {
			break
		}
		t = parent
		if t.ended != nil {
			path = append(path, Link{p.r.origin.pidText(t.serial), cmp.Or(t.ended.name, t.ended.label)})
		} else {
			path = append(path, p.s.link(ctx, t.pid))
		}
	}
	slices.Reverse(path)
	return path
}

func (p pathThen) find(serial uint64) (then, bool) {
	if serial == 0 {
		return then{}, false
	}
	if ended := p.r.ended[serial]; ended != nil {
		return then{serial: serial, ended: ended}, true
	}
	t, ok := p.known[serial]
	if !ok {
		pid, lives := p.s.sys.Find(p.r.origin.pidText(serial))
		t = then{serial: serial, pid: pid}
		if !lives { // it has ended just now
			t.serial = 0
		}
		p.known[serial] = t
	}
	return t, t.serial != 0
}
