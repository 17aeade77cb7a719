package ws_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// The program reads what clients get, in parts; and is told where that is not all.
func TestTheProgramReadsALog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, recorded(&ws.History{Size: 4, MaxBytes: 8 << 20}, newGuest))
		read := func(since ws.Position, limit int) (ws.Log, string) {
			t.Helper()
			l, err := s.Recorded(t.Context(), "room:a", since, limit)
			if err != nil {
				t.Fatal(err)
			}
			var shown []string
			for _, m := range l.Messages {
				if m.Position.Epoch != l.To.Epoch || m.Payload.IsBinary() {
					t.Errorf("%+v in %+v", m, l)
				}
				shown = append(shown, fmt.Sprintf("%d %.20s", m.Position.Offset, m.Payload.Bytes()))
			}
			return l, fmt.Sprintf("%v %d-%d: %s", l.Complete, l.From.Offset, l.To.Offset, strings.Join(shown, ", "))
		}
		start, shown := read(ws.Position{}, 10)
		if shown != "false 0-0: " {
			t.Error(shown)
		}
		s.news(t, 1, 6)
		for _, x := range []struct {
			since ws.Position
			limit int
			want  string
		}{
			{ws.Position{}, 10, `false 2-6: 3 {"n":3}, 4 {"n":4}, 5 {"n":5}, 6 {"n":6}`},
			{start.To, 1, `false 2-6: 3 {"n":3}`},
			{ws.Position{Epoch: start.To.Epoch, Offset: 2}, 2, `true 2-6: 3 {"n":3}, 4 {"n":4}`},
			{ws.Position{Epoch: start.To.Epoch, Offset: 6}, 2, `true 6-6: `},
			{ws.Position{Epoch: start.To.Epoch, Offset: 7}, 0, `false 2-6: `},
			{ws.Position{Epoch: "other", Offset: 3}, 1, `false 2-6: 3 {"n":3}`},
		} {
			if _, shown := read(x.since, x.limit); shown != x.want {
				t.Errorf("since %v: %s, want %s", x.since, shown, x.want)
			}
		}
		large := strings.Repeat("x", 600<<10)
		for range 2 {
			if err := s.Broadcast("room:a", "news", map[string]string{"x": large}); err != nil {
				t.Fatal(err)
			}
		}
		if _, shown := read(ws.Position{Epoch: start.To.Epoch, Offset: 6}, 10); shown != `true 6-8: 7 {"x":"xxxxxxxxxxxxxx` {
			t.Error(shown)
		}
		time.Sleep(time.Hour)
		if l, _ := read(ws.Position{}, 10); l.To.Epoch == start.To.Epoch || len(l.Messages) != 0 {
			t.Errorf("an hour later: %+v", l)
		}
		if _, err := s.Recorded(t.Context(), "elsewhere", ws.Position{}, 1); !errors.Is(err, ws.ErrNoHistory) {
			t.Error(err)
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if _, err := s.Recorded(t.Context(), "room:a", ws.Position{}, 1); !errors.Is(err, actor.NoProc) {
			t.Error(err)
		}
	})
}
