package ws

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// writes is a connection of which is known how many messages each write had.
type writes struct {
	memoryLine
	each []int
}

func (w *writes) send(f frame.Sealed) {
	w.each = append(w.each, f.Messages())
	w.memoryLine.send(f)
}

// Bytes and their position are one write, and so is all that a client has missed; one that is
// cut off between the bytes and the position gets both anew.
func TestWhatBelongsTogetherIsOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := recording(t, &History{}, 0, wire.V2{})
		join := func(params string) *writes {
			seat, _ := e.admit(&e.mounts[0], peer{})
			w := &writes{memoryLine: memoryLine{seat: seat}}
			s := newSession(e, &e.mounts[0], w, Identity{}, wire.V2{})
			if !seat.start(s) {
				t.Fatal("not started")
			}
			s.ctx.Self().Send(sessionMsg{op: opFrame, data: []byte(`["1","1","room:a","phx_join",` + params + `]`)})
			synctest.Wait()
			return w
		}
		check := func(w *writes, writes []int, want ...string) {
			t.Helper()
			ok := slices.Equal(w.each, writes) && len(w.got) == len(want)
			for i := 0; ok && i < len(want); i++ {
				ok = strings.Contains(w.got[i], want[i])
			}
			if !ok {
				t.Errorf("in writes of %v: %q\nwant %v: %q", w.each, w.got, writes, want)
			}
		}
		first, deaf := join(`{"since":null}`), join(`{}`)
		for _, p := range []any{Binary([]byte("one")), map[string]int{"n": 2}, Binary([]byte("three"))} {
			if err := e.Broadcast("room:a", "pic", p); err != nil {
				t.Fatal(err)
			}
		}
		bytes := func(text string) string { return "\x02\x06\x03room:apic" + text }
		check(first, []int{2, 2, 1, 2}, "phx_reply", "phx_position", bytes("one"), `:1","room:a","phx_position"`, `{"n":2}`, bytes("three"), `:3","room:a","phx_position"`)
		check(deaf, []int{1, 1, 1, 1}, "phx_reply", bytes("one"), `{"n":2}`, bytes("three"))
		at, _, _ := strings.Cut(strings.TrimPrefix(first.got[4], `[null,"`), `:2"`)
		for range 2 {
			again := join(`{"since":"` + at + `:2"}`) // cut off between the two of the third
			check(again, []int{2, 2}, "phx_reply", `"missed":1`, bytes("three"), `:3","room:a","phx_position"`)
		}
		again := join(`{"since":"` + at + `:0"}`)
		check(again, []int{2, 5}, "phx_reply", `"missed":3`, bytes("one"), `phx_position`, `{"n":2}`, bytes("three"), `phx_position`)
	})
}

// So are the bytes of a push and its number, for a client that counts.
func TestBytesOfAPushAndTheirNumberAreOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := started(t, nil, time.Minute)
		seat, _ := e.admit(&e.mounts[0], peer{})
		w := &writes{memoryLine: memoryLine{seat: seat}}
		s := newSession(e, &e.mounts[0], w, Identity{}, wire.V2{})
		if !seat.start(s) {
			t.Fatal("not started")
		}
		s.ctx.Self().Send(sessionMsg{op: opFrame, data: []byte(`["1","1","room:a","phx_join",{"got":null}]`)})
		synctest.Wait()
		if err := s.joins.on("room:a").channel.Push("pic", Binary([]byte("one"))); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(w.each, []int{1, 2}) || !strings.HasSuffix(w.got[1], "picone") || !strings.Contains(w.got[2], `:1","room:a","phx_position"`) {
			t.Errorf("in writes of %v: %q", w.each, w.got)
		}
	})
}
