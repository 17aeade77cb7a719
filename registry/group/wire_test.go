package group

import (
	"bytes"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

var notices = []notice{
	{kind: kindHave, set: 1, number: 7},
	{kind: kindDelta, set: 1, number: 7, rows: []change{{"g", 1, 1}, {"", 2, -1}}},
	{kind: kindAsk, set: 1, nonce: 2, known: 3, number: 4},
	{kind: kindPart, set: 1, nonce: 0, number: 4, index: 0, last: true, rows: []change{{"g", 1, 2}, {"g", 1, -2}, {"h", 3, 1}}},
	{kind: kindPart, set: 1, nonce: 0, number: 4, index: 0, rows: []change{{"g", 1, maxTimes}}},
	{kind: kindBye, set: 1},
}

// What one set says another one understands, and nothing that is not all of it.
func TestNoticesAreReadAsTheyWereWritten(t *testing.T) {
	for _, n := range notices {
		b := n.encode()
		if got, err := decode(b); err != nil || !reflect.DeepEqual(got, n) {
			t.Errorf("%+v has become %+v, %v", n, got, err)
		}
		for i := range b {
			if got, err := decode(b[:i]); err == nil && len(got.rows) >= max(1, len(n.rows)) {
				t.Errorf("%d of %d bytes of %+v were read as %+v", i, len(b), n, got)
			}
		}
		if b[0]++; len(b) > 0 {
			if _, err := decode(b); err != errVersion {
				t.Errorf("another version: %v", err)
			}
		}
	}
}

// What a node has others remember is bounded, also by changes that make less than nothing.
func TestDraftIsBoundedInBytes(t *testing.T) {
	for _, sign := range []int64{1, -1} {
		d := &draft{rows: make(map[row]int64)}
		if !d.add([]change{{"group", 1, 3 * sign}}) || d.bytes != 3*(5+rowSize) {
			t.Errorf("3 times %d count %d bytes", sign, d.bytes)
		}
		if !d.add([]change{{"group", 1, -3 * sign}}) || d.bytes != 0 || len(d.rows) != 0 {
			t.Errorf("what was taken back counts %d bytes", d.bytes)
		}
		if !d.add([]change{{"group", 1, maxTimes * sign}}) || d.add([]change{{"group", 2, maxTimes * sign}}) {
			t.Errorf("%d bytes were taken, of at most %d", d.bytes, farBytes)
		}
	}
}

// Whatever is read is the same when it is written and read again, and takes no more room than came.
func FuzzNotice(f *testing.F) {
	for _, n := range notices {
		f.Add(n.encode())
	}
	for _, version := range []byte{0, wireVersion + 1, 255} {
		f.Add(append([]byte{version}, notices[1].encode()[1:]...))
	}
	f.Add([]byte{})
	f.Add(mail{group: strings.Repeat("g", maxGroup)}.encode())
	f.Add([]byte("\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")) // a name of very many bytes
	f.Add(mail{one: true, name: "name", codec: "codec", group: "g", body: []byte("body")}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := decode(b); err == nil {
			if again, err := decode(n.encode()); err != nil || !reflect.DeepEqual(again, n) {
				t.Errorf("%+v has become %+v, %v", n, again, err)
			}
			text := 0
			for _, c := range n.rows {
				text += len(c.group)
			}
			if most := len(b)/3 + 1; cap(n.rows) > 2*most || text > len(b) { // append grows it to twice as many at most
				t.Errorf("%d bytes have become %d memberships with %d bytes", len(b), cap(n.rows), text)
			}
		}
		if m, err := openMail(b); err == nil {
			if again, err := openMail(m.encode()); err != nil || again.name != m.name || again.codec != m.codec || again.group != m.group || !bytes.Equal(again.body, m.body) {
				t.Errorf("%+v has become %+v, %v", m, again, err)
			}
		}
	})
}

// Whatever comes from a node, nothing panics, and nothing is believed but what the node may say of
// its own members, up to a bound; another node's stay.
func FuzzWhatAnotherNodeSays(f *testing.F) {
	for _, first := range notices {
		for _, second := range notices {
			f.Add(first.encode(), second.encode(), mail{name: "m", group: "g"}.encode())
		}
	}
	f.Fuzz(func(t *testing.T, first, second, letter []byte) {
		s := new(Set[string])
		r := newReplica(s, pubsub.NewCluster(twoNodes{}), "x")
		r.log = slog.New(slog.DiscardHandler)
		r.post.log = r.log
		r.begin()
		r.look()
		for _, p := range r.peers {
			p.nonce, p.wanted = 0, true
		}
		r.hear("b", notice{kind: kindPart, set: 9, last: true, rows: []change{{"g", 1, 1}}})
		for _, b := range [][]byte{first, second, first} {
			_ = r.Receive(nil, heard{packet{"c", b}})
			_ = r.Receive(nil, heard{packet{"stranger", b}})
		}
		r.post.Deliver(laneName(0), packet{"c", letter})
		b, c := r.peers["b"], r.peers["c"]
		if len(b.rows) != 1 || len(r.peers) != 2 || c.bytes > farBytes || c.bytes < 0 {
			t.Errorf("b has %v, c has %d bytes, peers are %v", b.rows, c.bytes, r.peers)
		}
		n := 0
		for _, stands := range c.rows {
			n += len(stands)
		}
		if far := s.Stats().FarMembers; far != n+1 {
			t.Errorf("%d memberships are counted, want %d", far, n+1)
		}
		(*ending[string])(r).Release(actor.PID{}, nil)
		if far := s.Stats().FarMembers; far != 0 || len(s.Groups()) != 0 {
			t.Errorf("%d memberships of %v are left", far, s.Groups())
		}
	})
}

// twoNodes is an adapter of one node beside two others.
type twoNodes struct{ pubsub.Adapter }

func (twoNodes) Node() string { return "a" }
func (twoNodes) Nodes() ([]pubsub.Node, <-chan struct{}) {
	return []pubsub.Node{{Name: "b", Incarnation: 1}, {Name: "c", Incarnation: 2}}, nil
}
