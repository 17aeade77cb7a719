package crdt

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
)

func messages(t testing.TB) []Message {
	from := ID{"node é", 1<<63 + 5}
	id, deltas := history(t, rand.New(rand.NewPCG(3, 3)))
	all := []Message{
		{Kind: Beat, From: from, Shards: 1},
		{Kind: Leave, From: from, Shards: 7, Clock: 1 << 40},
		{Kind: Ask, From: from, Shards: 1, To: 99, Seen: Spans{{1, 3}, {5, 1 << 33}}},
		{Kind: Ask, From: from, Shards: 1, To: 99},
	}
	for _, d := range deltas {
		all = append(all, Message{Kind: Told, From: id, Shards: 1, Clock: 40, Delta: d})
	}
	return all
}

func TestMessagesArriveAsTheyWereSent(t *testing.T) {
	for _, m := range messages(t) {
		data := m.Encode()
		got, err := Decode(data)
		if err != nil || !reflect.DeepEqual(got.Encode(), data) || got.From != m.From {
			t.Errorf("got %+v, %v\nwant %+v", got, err, m)
		}
		for n := range data {
			if _, err := Decode(data[:n]); !errors.Is(err, ErrMessage) {
				t.Fatalf("%d of %d bytes of %+v: %v", n, len(data), m, err)
			}
		}
		if _, err := Decode(append(data, 0)); !errors.Is(err, ErrMessage) {
			t.Errorf("a byte too many: %v", err)
		}
	}
}

func TestMessagesThatMakeNoSenseAreRefused(t *testing.T) {
	told := func(d Delta) Message { return Message{Kind: Told, From: ID{"a", 1}, Delta: d} }
	seen := UpTo(9)
	for name, m := range map[string]Message{
		"unknown kind":            {Kind: 9},
		"span backwards":          told(Delta{Seen: Spans{{3, 2}}}),
		"span from 0":             told(Delta{Seen: Spans{{0, 2}}}),
		"spans that touch":        told(Delta{Seen: Spans{{1, 2}, {3, 4}}}),
		"event out of range":      told(Delta{Seen: Spans{{1, 1 << 63}}}),
		"entry not seen":          told(Delta{Seen: seen, Entries: []Record{{Dot: 10, Meta: `{}`}}}),
		"entries out of order":    told(Delta{Seen: seen, Entries: []Record{{Dot: 2, Meta: `{}`}, {Dot: 2, Meta: `{}`}}}),
		"entry before itself":     told(Delta{Seen: seen, Entries: []Record{{Dot: 2, Prev: 2, Meta: `{}`}}}),
		"meta is no object":       told(Delta{Seen: seen, Entries: []Record{{Dot: 2, Meta: `[1]`}}}),
		"meta is not JSON":        told(Delta{Seen: seen, Entries: []Record{{Dot: 2, Meta: `{x}`}}}),
		"meta has space behind":   told(Delta{Seen: seen, Entries: []Record{{Dot: 2, Meta: `{} `}}}),
		"removed before it came":  told(Delta{Seen: seen, Removed: []Removal{{3, 4}}}),
		"removed by an unseen":    told(Delta{Seen: seen, Removed: []Removal{{10, 4}}}),
		"removals without order":  told(Delta{Seen: seen, Removed: []Removal{{5, 4}, {5, 3}}}),
		"removal of what is left": told(Delta{Seen: seen, Entries: []Record{{Dot: 2, Meta: `{}`}}, Removed: []Removal{{3, 2}}}),
		"addition that removes":   told(Delta{Seen: seen, Entries: []Record{{Dot: 3, Meta: `{}`}}, Removed: []Removal{{3, 2}}}),
		"removal of nothing":      told(Delta{Seen: seen, Removed: []Removal{{5, 0}}}),
		"clock out of range":      {Clock: 1 << 63},
		"asked for spans unknown": {Kind: Ask, Seen: Spans{{2, 1}}},
	} {
		if got, err := Decode(m.Encode()); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, data := range []string{"", "\x00", "\x02\x00", "\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		if _, err := Decode([]byte(data)); !errors.Is(err, ErrMessage) {
			t.Errorf("%q: %v", data, err)
		}
	}
}

// What can be decoded can be encoded again and merged.
func FuzzDecode(f *testing.F) {
	for _, m := range messages(f) {
		f.Add(m.Encode())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data)
		if err != nil {
			if !errors.Is(err, ErrMessage) {
				t.Fatal(err)
			}
			return
		}
		again, err := Decode(m.Encode())
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("encoded again: %+v, %v\nwant %+v", again, err, m)
		}
		s := New(ID{"reader", 1})
		s.Up(m.From)
		s.Merge(m.From, m.Delta)
		once := merged(m.From, m.Delta)
		if twice := merged(m.From, m.Delta, m.Delta); once != twice {
			t.Fatalf("merged twice: %s\nonce: %s", twice, once)
		}
	})
}
