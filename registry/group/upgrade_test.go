package group_test

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// former is a node of the version before messages named their codecs, as others see it. It is
// written by what that one sent and read, and calls nothing of this package: so it stays as it is,
// whatever becomes of that. Its members are numbers, and each is in one group.
type former struct {
	t    *testing.T
	node pubsub.Adapter

	mu       sync.Mutex
	members  map[uint64]string            // its own, and the group of each
	changes  uint64                       // of them, so far
	others   map[string]map[uint64]string // those of other nodes
	got      []string                     // what its members were sent, each once
	unserved []string                     // the names of messages that it does not know
}

const (
	formerState = "troupe.group.test/s"
	formerLane  = "troupe.group.test/m"
	formerSet   = 7
)

func startFormer(t *testing.T, h *pubsub.Hub, name string) *former {
	f := &former{t: t, node: h.Node(name), members: make(map[uint64]string), others: make(map[string]map[uint64]string)}
	if err := f.node.Join(f); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.node.Leave(t.Context()) })
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tell(1, binary.AppendUvarint(nil, 0))
	return f
}

// head begins what a set says.
func (f *former) head(kind byte) []byte {
	return binary.BigEndian.AppendUint64([]byte{1, kind}, formerSet)
}

func (f *former) tell(kind byte, rest []byte) {
	if err := f.node.Broadcast(formerState, append(f.head(kind), rest...)); err != nil {
		f.t.Error(err)
	}
}

func counted(b []byte, s string) []byte { return append(binary.AppendUvarint(b, uint64(len(s))), s...) }

func membership(b []byte, member uint64, group string, times int64) []byte {
	return binary.AppendVarint(binary.AppendUvarint(counted(b, group), member), times)
}

// join has a new member be in a group; leave has it be in none.
func (f *former) join(member uint64, group string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tell(2, membership(binary.AppendUvarint(nil, f.changes), member, group, 1))
	f.members[member], f.changes = group, f.changes+1
}

func (f *former) leave(member uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tell(2, membership(binary.AppendUvarint(nil, f.changes), member, f.members[member], -1))
	delete(f.members, member)
	f.changes++
}

// send sends to all members of a group on a node, or to one of them.
func (f *former) send(node, group, text string, one byte) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(group))
	b := append(counted(counted([]byte{1, one}, "text"), group), strconv.Quote(text)...)
	if err := f.node.Send(node, formerLane+strconv.Itoa(int(h.Sum32()%16)), b); err != nil {
		f.t.Error(err)
	}
}

// of returns how many members of another node it knows in a group.
func (f *former) of(node, group string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, g := range f.others[node] {
		if g == group {
			n++
		}
	}
	return n
}

// Receive implements [pubsub.Receiver].
func (f *former) Receive(from, topic string, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &scanner{b: data}
	if r.byte() != 1 {
		f.t.Errorf("of version %d: %x", data[0], data)
		return
	}
	if topic == formerState {
		f.hear(from, r)
	} else {
		one := r.byte() == 1
		f.open(one, r.text(), r.text(), string(r.b))
	}
	if r.short {
		f.t.Errorf("%q: %x", topic, data)
	}
}

// Missed implements [pubsub.Receiver].
func (f *former) Missed(g pubsub.Gap) { f.t.Errorf("%+v", g) }

// Emit implements [pubsub.Receiver].
func (f *former) Emit(actor.Event) {}

func (f *former) hear(from string, r *scanner) {
	kind := r.byte()
	r.fixed() // the other's set
	switch kind {
	case 1: // have: ask for what it has
		r.uvarint()
		ask := binary.BigEndian.AppendUint64(f.head(3), 99)
		ask = append(binary.BigEndian.AppendUint64(ask, 0), 0)
		if err := f.node.Send(from, formerState, ask); err != nil {
			f.t.Error(err)
		}
	case 2: // delta
		r.uvarint()
		f.take(from, r)
	case 3: // ask
		nonce := r.fixed()
		r.fixed()
		r.uvarint()
		part := binary.BigEndian.AppendUint64(f.head(4), nonce)
		part = append(binary.AppendUvarint(part, f.changes), 0, 1) // the first and last one
		for _, member := range slices.Sorted(maps.Keys(f.members)) {
			part = membership(part, member, f.members[member], 1)
		}
		if err := f.node.Send(from, formerState, part); err != nil {
			f.t.Error(err)
		}
	case 4: // part
		if nonce := r.fixed(); nonce != 99 {
			f.t.Errorf("an answer to %d", nonce)
		}
		r.uvarint()
		if index, last := r.uvarint(), r.byte(); index != 0 || last != 1 {
			f.t.Errorf("part %d, %d", index, last)
		}
		f.others[from] = nil
		f.take(from, r)
	case 5: // bye
		delete(f.others, from)
	default:
		f.t.Errorf("of kind %d", kind)
	}
}

// take takes memberships.
func (f *former) take(from string, r *scanner) {
	if f.others[from] == nil {
		f.others[from] = make(map[uint64]string)
	}
	for len(r.b) > 0 && !r.short {
		group, member := r.text(), r.uvarint()
		times, n := binary.Varint(r.b)
		r.b = r.b[n:]
		switch {
		case times < 0:
			delete(f.others[from], member)
		default:
			f.others[from][member] = group
		}
	}
}

// open has members get a message, as JSON.
func (f *former) open(one bool, name, group, body string) {
	if name != "text" {
		f.unserved = append(f.unserved, name)
		return
	}
	body, err := strconv.Unquote(body)
	if err != nil {
		f.t.Error(err)
	}
	for _, g := range f.members {
		if g == group {
			if f.got = append(f.got, body); one {
				return
			}
		}
	}
}

func (f *former) drain() (got, unserved []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	got, unserved, f.got, f.unserved = f.got, f.unserved, nil, nil
	return got, unserved
}

// scanner takes a former node's messages apart.
type scanner struct {
	b     []byte
	short bool
}

func (r *scanner) cut(n int) []byte {
	if n > len(r.b) {
		r.short = true
		return make([]byte, n)
	}
	part := r.b[:n]
	r.b = r.b[n:]
	return part
}

func (r *scanner) byte() byte    { return r.cut(1)[0] }
func (r *scanner) fixed() uint64 { return binary.BigEndian.Uint64(r.cut(8)) }
func (r *scanner) text() string  { return string(r.cut(int(r.uvarint()))) }

func (r *scanner) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.short = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

// In a rolling upgrade, nodes of the former version and of this one have their groups together:
// members of either are known to the other, get what is sent to all and to one, and are told of.
// What a former node cannot read, as it is in an encoding that has a name, it does not take for
// something else.
func TestRollingUpgradeOfGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, sets, h := newSystem(t), newSets("new", "newer"), new(pubsub.Hub)
		old := startFormer(t, h, "old")
		old.join(1, "g")
		hub(t, sys, h, sets)
		var told journal
		defer sets["new"].Observe("g", told.tell).Stop()
		got := make(map[string]chan string)
		for _, name := range []string{"new", "newer"} {
			if err := sets[name].Serve(text); err != nil {
				t.Fatal(err)
			}
			pid, c := sink(t, sys)
			join(t, sets[name], "g", pid)
			got[name] = c
			defer func() {
				end(t, pid)
				synctest.Wait()
				if n := old.of(name, "g"); n != 0 {
					t.Errorf("a former node knows %d members of %s, which have ended", n, name)
				}
			}()
		}
		synctest.Wait()
		old.join(2, "g")
		old.join(3, "g")
		synctest.Wait()
		old.leave(2)
		synctest.Wait()
		for name, other := range map[string]string{"new": "newer", "newer": "new"} {
			if got := where(sets[name].Members("g")); !slices.Equal(got, []string{"", other, "old", "old"}) {
				t.Errorf("%s has members of %q", name, got)
			}
			if n := old.of(name, "g"); n != 1 {
				t.Errorf("the former node knows %d members of %s", n, name)
			}
		}
		var events []string
		for _, e := range told.events {
			for _, m := range e.Members {
				if m.Node() == "old" && m.String() != "1@old" { // which may have been there before
					events = append(events, e.Kind.String()+" "+m.String())
				}
			}
		}
		if want := []string{"joined 2@old", "joined 3@old", "left 2@old"}; !slices.Equal(events, want) {
			t.Errorf("told of %v, want %v", events, want)
		}

		if err := text.SendAll(sets["new"].Group("g"), "all"); err != nil {
			t.Error(err)
		}
		old.send("new", "g", "old all", 0)
		old.send("newer", "g", "old one", 1)
		synctest.Wait()
		for name, want := range map[string][]string{"new": {"all", "old all"}, "newer": {"all", "old one"}} {
			list := drain(got[name])
			slices.Sort(list)
			if !slices.Equal(list, want) {
				t.Errorf("%s got %q, want %q", name, list, want)
			}
		}
		if got, unserved := old.drain(); !slices.Equal(got, []string{"all", "all"}) || unserved != nil {
			t.Errorf("the former node got %q, and %q that it does not serve", got, unserved)
		}

		const sent = 200
		for range sent {
			if err := text.SendOne(sets["new"].Group("g"), "one"); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		there, _ := old.drain()
		here, newer := len(drain(got["new"])), len(drain(got["newer"]))
		if len(there)+here+newer != sent || len(there) < sent/4 || here == 0 || newer == 0 { // half; one in 10^12 is less
			t.Errorf("of %d, the former node got %d, and the others %d and %d", sent, len(there), here, newer)
		}

		coded := text
		coded.Codec = moody{name: func() string { return "own" }, encode: func() error { return nil }}
		if err := coded.SendAll(sets["new"].Group("g"), "x"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got, unserved := old.drain(); got != nil || !slices.Equal(unserved, []string{"text\x00own"}) {
			t.Errorf("the former node got %q, and %q that it does not serve", got, unserved)
		}
		for name, s := range sets {
			if s := s.Stats(); s.Malformed > 0 || s.FarMembers != 3 {
				t.Errorf("%s: %+v", name, s)
			}
		}
	})
}

// A message of a version that is not known is counted and refused, whatever it is; what is known is
// heard all the same, before and after.
func TestUnknownVersionsOfGroupsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, sets, h := newSystem(t), newSets("new"), new(pubsub.Hub)
		old := startFormer(t, h, "old")
		hub(t, sys, h, sets)
		if err := sets["new"].Serve(text); err != nil {
			t.Fatal(err)
		}
		pid, got := sink(t, sys)
		join(t, sets["new"], "g", pid)
		synctest.Wait()
		old.join(1, "g")
		sent := uint64(0)
		for _, version := range []byte{0, 2, 3, 255} {
			set := binary.BigEndian.AppendUint64(nil, formerSet)
			for topic, data := range map[string][]byte{
				formerState:       slices.Concat([]byte{version, 2}, set, membership([]byte{1}, 2, "g", 1)),
				formerState + " ": slices.Concat([]byte{version, 5}, set),
				formerLane + "0":  append(counted(counted([]byte{version, 0}, "text"), "g"), `"x"`...),
			} {
				sent++
				if err := old.node.Send("new", strings.TrimSpace(topic), data); err != nil {
					t.Fatal(err)
				}
			}
		}
		synctest.Wait()
		if s := sets["new"].Stats(); s.Malformed != sent || s.Received != 0 || s.FarMembers != 1 {
			t.Errorf("%d were sent: %+v", sent, s)
		}
		old.send("new", "g", "good", 0)
		old.join(3, "g")
		synctest.Wait()
		if list := drain(got); !slices.Equal(list, []string{"good"}) || sets["new"].Stats().FarMembers != 2 {
			t.Errorf("got %q, %+v", list, sets["new"].Stats())
		}
		if err := old.node.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := sets["new"].Stats().FarMembers; n != 0 {
			t.Errorf("%d members are left of a node that is gone", n)
		}
	})
}
