package query

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// TimelineRequest asks for what has happened.
type TimelineRequest struct {
	From  int64 `json:"from"`  // 0: as far back as it is known
	To    int64 `json:"to"`    // 0: now
	Limit int   `json:"limit"` // how many events, the latest; 100 if 0, 1,000 at most
}

// Timeline is the answer to a [TimelineRequest].
type Timeline struct {
	From   int64         `json:"from"` // how far back something is known
	To     int64         `json:"to"`
	Events []Event       `json:"events"` // oldest first
	Counts []PeriodCount `json:"counts"` // of like periods, oldest first; those in which nothing happened are left out
	Every  int64         `json:"every"`  // how long a period is, in milliseconds
	Lost   int           `json:"lost"`   // events of the time asked for that are not among Events
}

// PeriodCount counts what has happened from one moment on.
type PeriodCount struct {
	At      int64 `json:"at"`
	Spawned int   `json:"spawned"`
	Exited  int   `json:"exited"` // crashes included
	Crashed int   `json:"crashed"`
}

const maxPeriods = 300

var errNoHistory = Errorf(Unavailable, "no history is kept")

// Timeline answers a [TimelineRequest].
func (s *Source) Timeline(_ context.Context, q TimelineRequest) (*Timeline, error) {
	h := s.cfg.History
	if h == nil {
		return nil, errNoHistory
	}
	now := time.Now().UnixMilli()
	t := &Timeline{To: cmp.Or(q.To, now), Events: []Event{}}
	h.mu.Lock()
	t.From = max(h.began, now-h.keep.Milliseconds())
	from, origin := max(q.From, t.From), h.origin
	latest, total := h.between(from, t.To, limited(q.Limit))
	seconds := slices.Clone(h.seconds)
	h.mu.Unlock()

	left := wholeRoom * 3 / 4 // the rest is for the counts
	for _, m := range latest {
		if e := origin.event(m); e.takes(&left) {
			t.Events = append(t.Events, e)
		}
	}
	slices.Reverse(t.Events)
	first, width := from/1000, (t.To/1000-from/1000)/maxPeriods+1
	t.Counts, t.Every = periods(seconds, first, t.To/1000, width), width*1000
	happened := 0
	for _, c := range t.Counts {
		happened += c.Spawned + c.Exited
	}
	t.Lost = max(total, happened) - len(t.Events)
	return t, nil
}

// between returns the latest moments of a time, newest first, and how many there are in all.
func (h *History) between(from, to int64, limit int) (latest []moment, total int) {
	for i := h.moments.n - 1; i >= 0; i-- {
		m := h.moments.at(i)
		if m.at < from || m.at > to {
			continue
		}
		if total++; total <= limit {
			latest = append(latest, *m)
		}
	}
	return latest, total
}

// periods counts what has happened in some seconds, in periods of so many.
func periods(seconds []second, first, last, width int64) []PeriodCount {
	sum := map[int64]*PeriodCount{}
	for _, s := range seconds {
		if s.number < first || s.number > last || s.number == 0 {
			continue
		}
		at := first + (s.number-first)/width*width
		c := sum[at]
		if c == nil {
			c = &PeriodCount{At: at * 1000}
			sum[at] = c
		}
		c.Spawned += s.spawned
		c.Exited += s.exited
		c.Crashed += s.crashed
	}
	list := make([]PeriodCount, 0, len(sum))
	for _, c := range sum {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b PeriodCount) int { return cmp.Compare(a.At, b.At) })
	return list
}
