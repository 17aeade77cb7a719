package view

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Table is something that can be shown as rows of text.
//
// Rows returns at most limit rows of those that match the filter, and how many match. The
// filter is a part of a text, in any case of its letters; "" matches all. What is to match
// is up to the table: in those of this package the first column, and the PID if there is
// one. It may return a part with an error, and must return soon after ctx is done.
//
// Rows may be called by several goroutines at once. The keys and values that it shows are
// the program's, and so are their methods: [fmt.Stringer] and the like are called, and may
// panic or not return. Call it behind [actor.Guard].
type Table struct {
	Name    string
	Columns []string
	Rows    func(ctx context.Context, filter string, limit int) (rows [][]string, total int, err error)
}

// maxCell is how long the text of a cell may be, in bytes.
const maxCell = 256

// text returns what is shown of a value.
func text(v any) string {
	var s string
	if r := reflect.ValueOf(v); r.Kind() == reflect.String {
		s = r.String()
	} else if v != nil {
		s = fmt.Sprint(v)
	}
	if len(s) <= maxCell {
		return s
	}
	end := maxCell - len("…")
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// selection picks the rows that are shown.
type selection struct {
	ctx    context.Context
	filter string // in lower case
	limit  int
	rows   [][]string
	total  int
	looked int
}

func newSelection(ctx context.Context, filter string, limit int) *selection {
	return &selection{ctx: ctx, filter: strings.ToLower(filter), limit: max(limit, 0)}
}

// matches reports whether one of the texts does. It counts those that do.
func (s *selection) matches(texts ...string) bool {
	ok := s.filter == "" || slices.ContainsFunc(texts, func(t string) bool {
		return strings.Contains(strings.ToLower(t), s.filter)
	})
	if ok {
		s.total++
	}
	return ok
}

// add adds a row, if there is room for it. Cells are made only then.
func (s *selection) add(cells func() []string) {
	if len(s.rows) < s.limit {
		s.rows = append(s.rows, cells())
	}
}

// isOver reports whether to look no further: there is a row for each place and no filter, or
// nobody waits any more.
func (s *selection) isOver() bool {
	s.looked++
	return s.filter == "" && len(s.rows) >= s.limit || s.looked%lookEvery == 0 && s.ctx.Err() != nil
}

// lookEvery is how many rows are looked at between two looks at the context.
const lookEvery = 256

// result returns the outcome. All is how many rows there are in all.
func (s *selection) result(all int) ([][]string, int, error) {
	if s.filter == "" {
		s.total = all
	}
	slices.SortStableFunc(s.rows, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	return s.rows, max(s.total, len(s.rows)), s.ctx.Err()
}
