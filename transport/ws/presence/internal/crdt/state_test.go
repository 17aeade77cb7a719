package crdt

import (
	"fmt"
	"reflect"
	"testing"
)

func TestRefsAreUnique(t *testing.T) { // PRES-4
	s := New(ID{"a", 7})
	other := New(ID{"b", 8})
	first := s.Join("t", "k", `{}`)
	second := s.Replace(first, `{}`)
	refs := map[string]bool{first.Ref(): true, second.Ref(): true, other.Join("t", "k", `{}`).Ref(): true}
	if len(refs) != 3 {
		t.Errorf("refs are %v", refs)
	}
	if first.PrevRef() != "" || second.PrevRef() != first.Ref() {
		t.Errorf("previous refs are %q, %q", first.PrevRef(), second.PrevRef())
	}
}

// The entries of a key keep the order in which they came.
func TestKeyKeepsItsOrder(t *testing.T) {
	s := New(ID{"a", 1})
	var entries []*Entry
	for range 4 {
		entries = append(entries, s.Join("t", "k", `{}`))
	}
	s.Join("t", "other", `{}`)
	expect := func(want ...*Entry) {
		t.Helper()
		if got := s.Key("t", "k").Entries(); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	expect(entries...)
	s.Leave(entries[1])
	s.Leave(entries[0])
	expect(entries[2], entries[3])
	s.Leave(entries[3])
	s.Leave(entries[2])
	expect()
	if got := s.Topic("t"); len(got) != 1 || s.Key("nowhere", "k").Entries() != nil || s.Topic("nowhere") != nil {
		t.Errorf("the rest: %v", got)
	}
}

// CRDT-4: a peer that is a little behind gets what it lacks; one that is far behind
// gets everything.
func TestSince(t *testing.T) {
	s := New(ID{"a", 1})
	s.log.limit = 10
	var entries []*Entry
	for i := range 20 {
		entries = append(entries, s.Join("t", fmt.Sprint("k", i), `{}`))
	}
	size := func(seen Spans) string {
		out := ""
		for _, d := range s.Since(seen) {
			out += fmt.Sprintf("%v: %d there, %d removed. ", d.Seen, len(d.Entries), len(d.Removed))
		}
		return out
	}
	expect := func(seen Spans, want string) {
		t.Helper()
		if got := size(seen); got != want {
			t.Errorf("since %v: %s\nwant %s", seen, got, want)
		}
	}
	expect(UpTo(20), "")
	expect(nil, "[{1 20}]: 20 there, 0 removed. ")
	for _, e := range entries[:5] {
		s.Leave(e)
	}
	expect(UpTo(20), "[{21 25}]: 0 there, 5 removed. ")
	expect(UpTo(18), "[{19 25}]: 2 there, 5 removed. ")
	expect(Spans{{1, 20}, {22, 24}}, "[{21 21} {25 25}]: 0 there, 2 removed. ")
	expect(UpTo(2), "[{3 25}]: 15 there, 5 removed. ")
	for range 40 {
		s.Leave(s.Join("t", "k", `{}`))
	}
	expect(UpTo(100), "[{101 105}]: 0 there, 3 removed. ")
	expect(UpTo(20), "[{1 105}]: 15 there, 0 removed. ")
}

// A delta that is too large for a message comes in pieces, which say the same.
func TestPieces(t *testing.T) {
	s := New(ID{"a", 1})
	const n = 10_000
	for i := range n {
		e := s.Join("t", fmt.Sprint("k", i), `{"text":"some forty bytes, for it to be large"}`)
		if i%3 == 0 {
			s.Replace(e, `{}`)
		}
	}
	pieces := s.Flush()
	if len(pieces) < 2 {
		t.Fatalf("%d pieces", len(pieces))
	}
	for _, d := range pieces {
		if size := len(Message{Kind: Told, From: s.ID(), Delta: d}.Encode()); size > s.piece+1000 {
			t.Errorf("a piece has %d bytes", size)
		}
	}
	reader := New(ID{"b", 1})
	reader.Up(s.ID())
	for _, d := range pieces {
		reader.Merge(s.ID(), d)
	}
	if !reader.Seen(s.ID()).Covers(s.Clock()) || len(reader.Topic("t")) != n {
		t.Errorf("seen %v, %d present", reader.Seen(s.ID()), len(reader.Topic("t")))
	}
	if again := s.Flush(); again != nil {
		t.Errorf("told again: %d pieces", len(again))
	}
}

// An update comes as one change, also on other nodes.
func TestReplaceIsOneChange(t *testing.T) { // PRES-5
	s, reader := New(ID{"a", 1}), New(ID{"b", 1})
	reader.Up(s.ID())
	merge := func() (all []Change) {
		for _, d := range s.Flush() {
			all = append(all, reader.Merge(s.ID(), d)...)
		}
		return all
	}
	e := s.Join("t", "k", `{"n":1}`)
	merge()
	next := s.Replace(e, `{"n":2}`)
	changes := merge()
	if len(changes) != 1 || len(changes[0].Joins) != 1 || len(changes[0].Leaves) != 1 {
		t.Fatalf("changes: %+v", changes)
	}
	join, leave := changes[0].Joins[0], changes[0].Leaves[0]
	if join.Record != next.Record || join.Ref() != next.Ref() || leave.Record != e.Record {
		t.Errorf("joined %+v, left %+v", join, leave)
	}
}

// CRDT-3: a replica that is down for a while leaves and comes back with the same
// refs, and with what it did meanwhile if that was heard.
func TestDownAndUp(t *testing.T) {
	s, reader := New(ID{"a", 1}), New(ID{"b", 1})
	id := s.ID()
	reader.Up(id)
	tell := func() (changes []Change) {
		for _, d := range s.Flush() {
			changes = append(changes, reader.Merge(id, d)...)
		}
		return changes
	}
	one, two := s.Join("t", "k", `{}`), s.Join("u", "k", `{}`)
	tell()
	if down := reader.Down(id); len(down) != 2 || len(reader.Topic("t")) != 0 || reader.Down(id) != nil {
		t.Fatalf("down: %v", down)
	}
	s.Leave(two)
	if changes := tell(); changes != nil {
		t.Errorf("a replica that is down changes %v", changes)
	}
	up := reader.Up(id)
	if len(up) != 1 || len(up[0].Joins) != 1 || up[0].Joins[0].Ref() != one.Ref() || reader.Up(id) != nil {
		t.Fatalf("up: %+v", up)
	}
	if gone := reader.Drop(id); len(gone) != 1 || len(reader.Topic("t")) != 0 || reader.Seen(id) != nil {
		t.Errorf("drop: %v", gone)
	}
	if late := reader.Merge(id, s.Since(nil)[0]); late != nil || reader.Drop(id) != nil {
		t.Errorf("a dropped replica changes %v", late)
	}
}

// Holes are closed, in whatever order entries go.
func TestMemoryOfRemovedEntriesIsGivenBack(t *testing.T) {
	s := New(ID{"a", 1})
	var entries []*Entry
	for range 10_000 {
		entries = append(entries, s.Join("t", "k", `{}`))
	}
	for i := range entries {
		s.Leave(entries[(i*7919)%len(entries)])
	}
	if n := cap(s.own.entries.slots); n > 100 || len(s.topics) != 0 {
		t.Errorf("%d slots, %d topics are left", n, len(s.topics))
	}
	if n := len(s.log.list); n > 2*removalsKept {
		t.Errorf("%d removals are kept", n)
	}
}
