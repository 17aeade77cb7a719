package ws

import (
	"runtime"
	"testing"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Clients that have missed the same share it, messages and frames, until there is something else
// to read; what they share is not kept for longer than they need it.
func TestAStretchIsSharedUntilTheLogChanges(t *testing.T) {
	h, err := (History{Size: 100}).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	l := newHistoryLog(h)
	made := 0
	read := func(behind uint64, limit int) *stretch {
		return l.read(behind, limit, func(m wire.Message) *broadcast {
			made++
			return &broadcast{Message: m, frames: make([]onceFrame, 1)}
		})
	}
	add := func() { l.append(&wire.Message{Event: "n", Payload: RawJSON(make([]byte, 100))}, "", 0) }
	for range 10 {
		add()
	}
	all := read(0, 1<<20)
	if len(all.messages) != 10 || all.upTo != 10 || all.more || read(0, 1<<20) != all {
		t.Errorf("%d up to %d, more %v", len(all.messages), all.upTo, all.more)
	}
	if part := read(0, 1500); len(part.messages) != 2 || part.upTo != 2 || !part.more || part.messages[0] != all.messages[0] {
		t.Errorf("%d up to %d, more %v", len(part.messages), part.upTo, part.more)
	}
	if made != 10 {
		t.Errorf("%d messages were made", made)
	}
	add()
	if next := read(0, 1<<20); next == all || len(next.messages) != 11 || next.messages[3] != all.messages[3] || made != 11 {
		t.Errorf("then %d, and %d were made", len(next.messages), made)
	}
	for behind := range uint64(10 * mostStretches) {
		read(behind, 1<<20)
	}
	if n := len(l.stretches.of); n > mostStretches {
		t.Errorf("%d are known", n)
	}
	before := read(0, 1<<20)
	if l.trim(h.TTL); len(read(0, 1<<20).messages) != 0 || len(before.messages) != 11 {
		t.Error("what has gone is read, or has not been there")
	}
	runtime.KeepAlive(before)
	e := new(encoding)
	e.Serializer = wire.V2{}
	f, err := all.frame(e, true)
	again, _ := all.frame(e, true)
	if err != nil || f.Messages() != 10 || &f.Bytes()[0] != &again.Bytes()[0] {
		t.Errorf("%d messages, %v", f.Messages(), err)
	}
	runtime.KeepAlive(all)

	l = newHistoryLog(&History{Mode: Latest, Size: 1, MaxBytes: 1 << 20, TTL: h.TTL})
	nothing := read(0, 1<<20) // nor is there anything to be known yet
	add()
	first := read(0, 1<<20)
	add() // takes its place
	if next := read(0, 1<<20); len(nothing.messages) != 0 || first.upTo != 1 || len(next.messages) != 1 || next.upTo != 2 {
		t.Errorf("%d, then up to %d, and then %d up to %d", len(nothing.messages), first.upTo, len(next.messages), next.upTo)
	}
	runtime.KeepAlive(nothing)
	runtime.KeepAlive(first)
}
