package crdt

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// node is a State beside a model of it that could not be simpler: the list of what
// the node has done.
type node struct {
	t     testing.TB
	state *State
	live  []*Entry
	did   []event         // did[i] is event i+1
	shown map[string]bool // what the changes so far add up to, by ref
	peers map[ID]*node    // all nodes, this one too
}

type event struct {
	added string // ref, or "" if it was a removal
	at    uint64 // the event that removed what this one added; 0: none
}

func cluster(t testing.TB, n int) []*node {
	peers := make(map[ID]*node)
	var nodes []*node
	for i := range n {
		nd := &node{t: t, state: New(ID{fmt.Sprint("n", i), uint64(1000 + i)}), shown: map[string]bool{}, peers: peers}
		nd.state.log.limit = 5
		peers[nd.state.ID()] = nd
		nodes = append(nodes, nd)
	}
	for _, a := range nodes {
		for _, b := range nodes {
			if a != b {
				a.apply(a.state.Up(b.state.ID()))
			}
		}
	}
	return nodes
}

// act does one random thing to the node's own replica.
func (n *node) act(r *rand.Rand) {
	pick := func() (*Entry, int) {
		i := r.IntN(len(n.live))
		return n.live[i], i
	}
	switch what := r.IntN(10); {
	case what < 5 || len(n.live) == 0:
		e := n.state.Join(fmt.Sprint("t", r.IntN(3)), fmt.Sprint("k", r.IntN(4)), `{"n":1}`)
		n.added(e)
	case what < 7:
		old, i := pick()
		next := n.state.Replace(old, `{"n":2}`)
		n.removed(old, i)
		n.added(next)
		if next.PrevRef() != old.Ref() {
			n.t.Fatalf("replacement of %s has the previous ref %s", old.Ref(), next.PrevRef())
		}
	default:
		e, i := pick()
		n.state.Leave(e)
		n.removed(e, i)
	}
	if got := n.state.Clock(); got != uint64(len(n.did)) {
		n.t.Fatalf("clock is %d after %d events", got, len(n.did))
	}
}

func (n *node) added(e *Entry) {
	n.live = append(n.live, e)
	n.shown[e.Ref()] = true
	n.did = append(n.did, event{added: e.Ref()})
}

func (n *node) removed(e *Entry, i int) {
	n.live = slices.Delete(n.live, i, i+1)
	delete(n.shown, e.Ref())
	n.did = append(n.did, event{})
	n.did[e.Dot-1].at = uint64(len(n.did))
}

// apply checks that changes say what they should, and adds them up.
func (n *node) apply(changes []Change) {
	topics := map[string]bool{}
	for _, c := range changes {
		if topics[c.Topic] || len(c.Joins)+len(c.Leaves) == 0 {
			n.t.Fatalf("two changes of a topic, or an empty one: %v", changes)
		}
		topics[c.Topic] = true
		for _, e := range c.Joins {
			if n.shown[e.Ref()] || e.Topic != c.Topic {
				n.t.Fatalf("%s joins %s twice, or elsewhere", e.Ref(), c.Topic)
			}
			n.shown[e.Ref()] = true
		}
		for _, e := range c.Leaves {
			if !n.shown[e.Ref()] || e.Topic != c.Topic {
				n.t.Fatalf("%s leaves %s and was not there", e.Ref(), c.Topic)
			}
			delete(n.shown, e.Ref())
		}
	}
}

// refs returns all that is present, from the topics.
func (n *node) refs() []string {
	var refs []string
	for name, topic := range n.state.topics {
		entries := n.state.Topic(name)
		if len(entries) != topic.n || topic.n == 0 {
			n.t.Fatalf("topic %s has %d entries, and says %d", name, len(entries), topic.n)
		}
		for i, e := range entries {
			if i > 0 && e.Key != entries[i-1].Key && slices.ContainsFunc(entries[:i], func(o *Entry) bool { return o.Key == e.Key }) {
				n.t.Fatal("the entries of a key are not together")
			}
			refs = append(refs, e.Ref())
		}
	}
	slices.Sort(refs)
	return refs
}

// check compares what the node shows with what it may know.
func (n *node) check() {
	refs := n.refs()
	if shown := slices.Sorted(maps.Keys(n.shown)); !slices.Equal(refs, shown) {
		n.t.Fatalf("present %v, but the changes add up to %v", refs, shown)
	}
	for id, peer := range n.peers {
		seen := n.state.Seen(id)
		if peer == n {
			seen = UpTo(uint64(len(n.did)))
		}
		for i, e := range peer.did {
			dot, visible := uint64(i+1), slices.Contains(refs, e.added)
			switch {
			case e.added == "":
			case n.state.peers[id] != nil && n.state.peers[id].down:
				if visible {
					n.t.Fatalf("%s is present, and its node is down", e.added)
				}
			case visible && (!seen.Has(dot) || e.at > 0 && seen.Has(e.at)):
				n.t.Fatalf("%s is present; seen is %v, it was removed at %d", e.added, seen, e.at)
			case !visible && seen.Has(dot) && e.at == 0:
				n.t.Fatalf("%s is not present; seen is %v, it was never removed", e.added, seen)
			}
		}
	}
}

// packet is a message on its way.
type packet struct {
	from, to *node
	data     []byte
}

func (n *node) receive(p packet) {
	m, err := Decode(p.data)
	if err != nil {
		n.t.Fatal(err)
	}
	n.apply(n.state.Merge(m.From, m.Delta))
}

func (n *node) encode(d Delta) []byte {
	return Message{Kind: Told, From: n.state.ID(), Shards: 1, Clock: n.state.Clock(), Delta: d}.Encode()
}

// CRDT-1, CRDT-3, CRDT-4: whatever a network does to the messages, no node shows
// what it cannot know or what it knows to be gone; and when all have been told what
// they lack, all show the same, which is what the nodes' own lists say.
func TestStatesConverge(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		nodes := cluster(t, 2+r.IntN(3))
		one := func() *node { return nodes[r.IntN(len(nodes))] }
		var net []packet
		send := func(from, to *node, deltas []Delta) {
			for _, d := range deltas {
				net = append(net, packet{from, to, from.encode(d)})
			}
		}
		for range 150 {
			a, b := one(), one()
			a.state.piece = 1 << r.IntN(10)
			switch r.IntN(12) {
			case 0, 1, 2, 3:
				a.act(r)
			case 4, 5:
				deltas := a.state.Flush()
				for _, to := range nodes {
					if to != a {
						send(a, to, deltas)
					}
				}
			case 6:
				if a != b {
					send(a, b, a.state.Since(b.state.Seen(a.state.ID())))
				}
			case 7:
				a.apply(a.state.Down(b.state.ID()))
			case 8:
				if a != b {
					a.apply(a.state.Up(b.state.ID()))
				}
			case 9:
				if a != b && r.IntN(4) == 0 {
					a.apply(a.state.Drop(b.state.ID()))
					a.apply(a.state.Up(b.state.ID()))
				}
			default: // in any order, or not at all, or twice
				if len(net) == 0 {
					continue
				}
				i := r.IntN(len(net))
				p := net[i]
				if r.IntN(4) > 0 {
					p.to.receive(p)
				}
				if r.IntN(4) > 0 {
					net = slices.Delete(net, i, i+1)
				}
				p.to.check()
			}
		}
		for _, a := range nodes {
			for _, b := range nodes {
				if a != b {
					a.apply(a.state.Up(b.state.ID()))
					for _, d := range b.state.Since(a.state.Seen(b.state.ID())) {
						a.receive(packet{b, a, b.encode(d)})
					}
					if seen := a.state.Seen(b.state.ID()); !seen.Covers(b.state.Clock()) {
						t.Fatalf("seed %d: of %d events only %v were told", seed, b.state.Clock(), seen)
					}
				}
			}
		}
		var want []string
		for _, n := range nodes {
			for _, e := range n.live {
				want = append(want, e.Ref())
			}
		}
		slices.Sort(want)
		for _, n := range nodes {
			n.check()
			if got := n.refs(); !slices.Equal(got, want) {
				t.Fatalf("seed %d: %v shows %v\nwant %v", seed, n.state.ID(), got, want)
			}
		}
	}
}

// history returns a random life of one replica as deltas that overlap in all ways.
func history(t testing.TB, r *rand.Rand) (ID, []Delta) {
	n := cluster(t, 1)[0]
	var deltas []Delta
	for range 40 {
		n.act(r)
		switch r.IntN(6) {
		case 0:
			deltas = append(deltas, n.state.Flush()...)
		case 1:
			deltas = append(deltas, n.state.Since(UpTo(r.Uint64N(n.state.Clock()+1)))...)
		case 2:
			gaps, _ := randomSpans(r)
			n.state.piece = 1 << r.IntN(8)
			deltas = append(deltas, n.state.Since(gaps.Within(1, n.state.Clock()))...)
		}
	}
	return n.state.ID(), deltas
}

// merged returns what a State knows after the deltas, in a form to compare.
func merged(id ID, deltas ...Delta) string {
	s := New(ID{"reader", 1})
	s.Up(id)
	for _, d := range deltas {
		s.Merge(id, d)
	}
	var b strings.Builder
	fmt.Fprint(&b, s.Seen(id))
	for _, e := range s.peers[id].entries.all() {
		fmt.Fprint(&b, " ", e.Record)
	}
	return b.String()
}

// joined returns all that a State knows of a replica as one delta.
func joined(id ID, deltas ...Delta) Delta {
	s := New(ID{"reader", 1})
	s.Up(id)
	for _, d := range deltas {
		s.Merge(id, d)
	}
	d := Delta{Seen: s.Seen(id)}
	for _, e := range s.peers[id].entries.all() {
		d.Entries = append(d.Entries, e.Record)
	}
	return d
}

// CRDT-4: merging is idempotent, commutative and associative.
func TestMergeIsAJoin(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 2))
		id, deltas := history(t, r)
		if len(deltas) < 3 {
			continue
		}
		some := func() []Delta {
			picked := slices.Clone(deltas)
			r.Shuffle(len(picked), func(i, j int) { picked[i], picked[j] = picked[j], picked[i] })
			return picked[:1+r.IntN(len(picked))]
		}
		a, b, c := some(), some(), some()
		for name, pair := range map[string][2]string{
			"idempotent":  {merged(id, a...), merged(id, slices.Concat(a, a, a[:1])...)},
			"commutative": {merged(id, slices.Concat(a, b)...), merged(id, slices.Concat(b, a)...)},
			"associative": {
				merged(id, joined(id, joined(id, a...), joined(id, b...)), joined(id, c...)),
				merged(id, joined(id, a...), joined(id, joined(id, b...), joined(id, c...))),
			},
		} {
			if pair[0] != pair[1] {
				t.Fatalf("seed %d: merging is not %s:\n%s\n%s", seed, name, pair[0], pair[1])
			}
		}
	}
}
