package roll_test

import (
	"cmp"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor/roll"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A page has the right ones of all, wherever it begins and however long it is.
func TestPage(t *testing.T) {
	const all = 5000
	scattered := func(yield func(int) bool) {
		for i := range all {
			if !yield(i * 2971 % all) {
				return
			}
		}
	}
	for _, c := range []struct{ from, limit, first, n int }{
		{0, 3, 0, 3},
		{0, 0, 0, 0},
		{17, 600, 17, 600},
		{4990, 100, 4990, 10},
		{5000, 5, 0, 0},
		{-3, 2, 0, 2},
		{0, -1, 0, 0},
		{0, math.MaxInt, 0, all},
		{math.MaxInt, math.MaxInt, 0, 0},
	} {
		var want []int
		for i := range c.n {
			want = append(want, c.first+i)
		}
		page, total := roll.Page(scattered, c.from, c.limit, cmp.Compare[int])
		if total != all || !slices.Equal(page, want) {
			t.Errorf("%+v: %d of %d, from %v", c, len(page), total, page[:min(3, len(page))])
		}
	}
}

type restart struct {
	id       string
	old, now actor.PID
}

func ends(r restart) (string, actor.PID, actor.PID) { return r.id, r.old, r.now }

// A history follows a child back over its incarnations, and forgets the oldest restarts.
func TestHistoryFollowsAChild(t *testing.T) {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	defer sys.Shutdown(t.Context())
	var pids []actor.PID
	for range 2 * (roll.Remembered + 3) {
		ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, ref.PID())
	}
	for _, id := range []string{"", "a"} { // known by its PIDs, and by its ID
		var h roll.History[restart]
		other := id
		if id != "" {
			other = "b"
		}
		last := len(pids) - 2
		for i := 2; i < len(pids); i += 2 { // two children in turn
			h.Add(restart{id, pids[i-2], pids[i]})
			h.Add(restart{other, pids[i-1], pids[i+1]})
		}
		line := h.Of(pids[last], ends)
		if len(line) != roll.Remembered/2 {
			t.Fatalf("%q: %d restarts", id, len(line))
		}
		for i, r := range line {
			now := last - 2*(len(line)-1-i)
			if want := (restart{id, pids[now-2], pids[now]}); r != want {
				t.Errorf("%q: restart %d is %v, want %v", id, i, r, want)
			}
		}
		if got := h.Of(pids[0], ends); got != nil {
			t.Errorf("%q: of one that was never restarted: %v", id, fmt.Sprint(got))
		}
	}
}
