package group

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// look has the peers be the nodes that are there. The members of one that is gone leave at once,
// and one that is new is asked for its own.
func (r *replica[G]) look() {
	list, _, err := r.cluster.Nodes()
	if err != nil {
		r.log.Error("group: the adapter does not tell which nodes there are", "error", err)
		return
	}
	there := make(map[string]pubsub.Node, len(list))
	for _, n := range list {
		there[n.Name] = n
	}
	for name, p := range r.peers {
		if there[name] != p.node {
			r.change(func() { r.drop(name) })
		}
	}
	for name, n := range there {
		if r.peers[name] == nil {
			p := &peer[G]{node: n}
			p.clear(r.set)
			r.change(func() { r.peers[name] = p })
			r.want(p)
		}
	}
	r.set.counts.nodes.Store(int64(len(r.peers)))
}

// change changes the peers, unless the replica has ended.
func (r *replica[G]) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		f()
	}
}

// drop forgets a peer.
func (r *replica[G]) drop(name string) {
	r.peers[name].clear(r.set)
	delete(r.peers, name)
	delete(r.jobs, name)
	r.set.counts.nodes.Store(int64(len(r.peers)))
}

// want has all memberships of a peer be asked for.
func (r *replica[G]) want(p *peer[G]) {
	p.wanted = true
	if !time.Now().Before(p.next) {
		r.ask(p)
	}
}

func (r *replica[G]) ask(p *peer[G]) {
	if p.wait = min(max(2*p.wait, askAfter), askEvery); p.wait == askEvery && !p.heard {
		p.wanted = false // it has no such set, or will tell
		return
	}
	p.nonce, p.draft, p.next = rand.Uint64(), nil, time.Now().Add(p.wait)
	n := notice{kind: kindAsk, nonce: p.nonce}
	if p.whole {
		n.known, n.number = p.set, p.number
	}
	_ = r.send(p.node.Name, n)
}

// settle has a peer not be asked.
func (p *peer[G]) settle() { p.wanted, p.wait, p.next, p.draft = false, 0, time.Time{}, nil }

// hear takes in what another node says.
func (r *replica[G]) hear(from string, n notice) {
	p := r.peers[from]
	if p == nil { // that it is there may not have been told yet
		r.look()
		if p = r.peers[from]; p == nil {
			return
		}
	}
	if n.set == p.gone {
		return
	}
	if !p.heard {
		p.heard, p.wait, p.next = true, 0, time.Time{}
	}
	p.silent = 0
	switch n.kind {
	case kindHave:
		r.hearHave(p, n)
	case kindDelta:
		r.hearDelta(p, n)
	case kindAsk:
		if n.set != p.set {
			r.want(p)
		}
		r.answer(from, n)
	case kindPart:
		r.hearPart(p, n)
	case kindBye:
		r.retire(p, n.set)
	}
}

func (r *replica[G]) hearHave(p *peer[G], n notice) {
	if p.whole && n.set == p.set && n.number == p.number {
		p.settle()
		return
	}
	if p.draft == nil { // it can be heard, whatever became of the asks before
		p.wait, p.next = 0, time.Time{}
	}
	r.want(p)
}

// mind sees to it that no member of a set stays that ended without a word, on a node that lives.
// It counts ticks and not the time: while this node is paused, there are none.
func (r *replica[G]) mind(p *peer[G]) {
	if p.set == 0 {
		return
	}
	switch p.silent++; {
	case p.silent >= goneTicks:
		r.retire(p, p.set)
	case p.silent == mindTicks:
		r.want(p)
	}
}

// retire has a set of a peer be no more.
func (r *replica[G]) retire(p *peer[G], set uint64) {
	if p.set == 0 || p.set == set {
		r.change(func() { p.clear(r.set) })
		p.settle()
	}
	p.gone = set
}

func (r *replica[G]) hearDelta(p *peer[G], n notice) {
	if d := p.draft; d != nil {
		if d.set == n.set && d.number == n.number && d.add(n.rows) {
			d.number += uint64(len(n.rows))
		} else {
			p.draft = nil
		}
	}
	switch {
	case !p.whole, n.set != p.set, n.number > p.number:
		r.want(p)
		return
	case n.number < p.number: // it is known already
		return
	}
	ok := true
	r.change(func() {
		for _, c := range n.rows {
			ok = ok && p.change(r.set, r.post.group, c)
		}
	})
	if !ok {
		r.distrust(p, n.set)
		return
	}
	p.number += uint64(len(n.rows))
}

// hearPart takes a part of what was asked for.
func (r *replica[G]) hearPart(p *peer[G], n notice) {
	if !p.wanted || n.nonce != p.nonce {
		return
	}
	if n.index == 0 {
		p.draft = &draft{set: n.set, number: n.number, rows: make(map[row]int64)}
	}
	d := p.draft
	if d == nil || d.set != n.set || d.index != n.index {
		p.draft = nil // a part was lost
		return
	}
	d.index++
	p.next = time.Now().Add(askAfter + paceEvery) // it is coming
	if !d.add(n.rows) {
		r.distrust(p, n.set)
		return
	}
	if !n.last {
		return
	}
	ok := true
	r.change(func() { ok = p.adopt(r.set, r.post.group, d) })
	if !ok {
		r.distrust(p, n.set)
		return
	}
	p.settle()
}

// distrust has a set that says what cannot be, or too much, not be heard any more.
func (r *replica[G]) distrust(p *peer[G], set uint64) {
	r.log.Error("group: what another node says of its members cannot be, or is too much: it has none any more", "node", p.node.Name)
	r.change(func() { p.clear(r.set) })
	p.settle()
	p.gone = set
}

// answer answers a node that asks.
func (r *replica[G]) answer(to string, ask notice) {
	if ask.known == r.own.set && ask.number == r.own.number {
		_ = r.send(to, notice{kind: kindHave, number: r.own.number})
		return
	}
	r.jobs[to] = &job{nonce: ask.nonce, number: r.own.number, parts: r.own.answer(r.post.name)}
	r.work(to)
}

// work sends what is left of an answer, as long as there is room.
func (r *replica[G]) work(to string) {
	j := r.jobs[to]
	for ; j.next < len(j.parts); j.next++ {
		n := notice{kind: kindPart, nonce: j.nonce, number: j.number, index: uint64(j.next), last: j.next == len(j.parts)-1, body: j.parts[j.next]}
		err := r.send(to, n)
		if errors.Is(err, pubsub.ErrOverloaded) {
			if !r.pacing {
				r.pacing = true
				r.self.SendAfter(paceEvery, paced{})
			}
			return
		}
		if err != nil {
			break
		}
	}
	delete(r.jobs, to)
}
