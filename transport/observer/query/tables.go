package query

import (
	"context"
	"strings"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
)

// TableRequest asks for rows of a table.
type TableRequest struct {
	Name   string `json:"name"`
	Filter string `json:"filter"`
	Limit  int    `json:"limit"` // 100 if 0, 1,000 at most
}

// TableRows is the answer to a [TableRequest].
type TableRows struct {
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
	Total   int        `json:"total"`
}

const (
	tableLimit = 2 * time.Second // that a table may take
	maxColumns = 50
)

// Tables returns the names of the tables.
func (s *Source) Tables() []string {
	names := make([]string, len(s.cfg.Tables))
	for i, t := range s.cfg.Tables {
		names[i] = text.Line(t.Name)
	}
	return names
}

// Table answers a [TableRequest]. A table is users' code: it may fail, and has two seconds.
func (s *Source) Table(ctx context.Context, q TableRequest) (*TableRows, error) {
	for i, name := range s.Tables() {
		if name != q.Name || s.cfg.Tables[i].Rows == nil {
			continue
		}
		t := s.cfg.Tables[i]
		if !s.tables.CompareAndSwap(false, true) {
			return nil, Errorf(Busy, "a table is being made")
		}
		ctx, cancel := context.WithTimeout(ctx, tableLimit)
		defer cancel()
		made := make(chan *TableRows, 1)
		err := actor.Guard(ctx, func() error {
			defer s.tables.Store(false)
			rows, total, err := t.Rows(ctx, q.Filter, limited(q.Limit))
			made <- bounded(t.Columns, rows, total, limited(q.Limit))
			return err
		})
		if err != nil {
			return nil, err
		}
		return <-made, nil
	}
	if len(s.cfg.Tables) == 0 {
		return nil, Errorf(Unavailable, "the observer's Config has no Tables")
	}
	return nil, Errorf(Unavailable, "there is no table %.40q, but there is: %s", q.Name, text.Line(strings.Join(s.Tables(), ", ")))
}

// bounded keeps to what was asked for, whatever the table has returned.
func bounded(columns []string, rows [][]string, total, limit int) *TableRows {
	line := func(cells []string) []string {
		out := make([]string, min(len(cells), maxColumns))
		for i := range out {
			out[i] = text.Line(cells[i])
		}
		return out
	}
	t := &TableRows{Columns: line(columns), Rows: [][]string{}, Total: total}
	left := wholeRoom
	for _, row := range rows[:min(len(rows), limit)] {
		cells := line(row)
		if !left.takes(cells...) {
			break
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}
