package query

import (
	"context"
	"strings"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
)

// TopRequest asks for the actors with the most of something.
type TopRequest struct {
	By     string `json:"by"`     // "queue" (also if it is ""), "oldest", "rate", "busy", "handled" or "restarts"
	Filter string `json:"filter"` // a part of a name, a label or a type, or a PID
	Limit  int    `json:"limit"`  // 100 if 0, 200 at most
}

// Top is the answer to a [TopRequest]. Actors that have nothing of what it goes by are not
// among its rows.
type Top struct {
	Rows     []TopRow `json:"rows"`
	Total    int      `json:"total"`    // all actors
	Matched  int      `json:"matched"`  // those that the filter lets through
	Every    int64    `json:"every"`    // how often actors are looked at, in milliseconds
	Measured bool     `json:"measured"` // false: that has just begun; oldest, rate and busy are known after 2 × Every
	Partial  bool     `json:"partial,omitempty"`
}

// TopRow is one actor.
type TopRow struct {
	PID      string  `json:"pid"`
	Name     string  `json:"name,omitempty"`
	Label    string  `json:"label,omitempty"`
	Behavior string  `json:"behavior,omitempty"`
	Status   string  `json:"status"`
	Parent   string  `json:"parent"`
	Queue    int     `json:"queue"`
	Oldest   int64   `json:"oldest"` // how long the oldest message waits, in milliseconds
	Rate     float64 `json:"rate"`   // messages handled per second
	Busy     float64 `json:"busy"`   // share of the time: from 0 to 1
	Handled  uint64  `json:"handled"`
	Restarts int     `json:"restarts"`
}

const (
	maxTop      = 200
	filterLimit = time.Second // for a filter to look at all actors
)

// Top answers a [TopRequest]. It has the system's actors measured for a while, see
// [actor.System.Meter].
func (s *Source) Top(ctx context.Context, q TopRequest) (*Top, error) {
	by, ok := orderOf(q.By)
	if !ok {
		return nil, Errorf(Invalid, "there is no order %.40q", q.By)
	}
	meter, state, err := s.measuring.ask(s.sys)
	if err != nil {
		return nil, err
	}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.finish()
	t := &Top{Rows: []TopRow{}, Every: state.every.Milliseconds(), Measured: state.measured}
	looking, cancel := context.WithTimeout(ctx, filterLimit)
	defer cancel()
	want := strings.ToLower(q.Filter)
	infos, _ := meter.Top(by, min(limited(q.Limit), maxTop), func(pid actor.PID) bool {
		t.Total++
		if t.Total%1024 == 0 && looking.Err() != nil {
			t.Partial = true
		}
		if t.Partial || want != "" && !s.fits(looking, pid, want) {
			return false
		}
		t.Matched++
		return true
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, info := range infos {
		t.Rows = append(t.Rows, topRow(info))
	}
	return t, nil
}

func orderOf(name string) (actor.Order, bool) {
	if name == "" {
		return actor.ByQueue, true
	}
	for by := actor.ByQueue; by <= actor.ByRestarts; by++ {
		if by.String() == name {
			return by, true
		}
	}
	return 0, false
}

func topRow(i actor.Info) TopRow {
	return TopRow{
		PID: text.PID(i.PID), Name: text.Line(i.Name), Label: text.Line(i.Label), Behavior: typeName(i.Behavior),
		Status: i.Status.String(), Parent: text.PID(i.Parent), Queue: i.QueueLen,
		Oldest: i.Oldest.Milliseconds(), Rate: i.Rate, Busy: i.Busy, Handled: i.Handled, Restarts: i.Restarts,
	}
}
