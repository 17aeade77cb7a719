package text

import (
	"log/slog"
	"runtime"
	"strings"
	"testing"
)

func TestTextIsHarmless(t *testing.T) {
	for _, test := range []struct{ in, line, cut string }{
		{"room:lobby", "room:lobby", "room:lobby"},
		{"two\nlines\tand", "two lines and", "two\nlines\tand"},
		{"\x1b[2Jgone\r", "\uFFFD[2Jgone\uFFFD", "\uFFFD[2Jgone\uFFFD"},
		{"a\u202eb", "a\uFFFDb", "a\uFFFDb"},
		{"a\xff", "a\uFFFD", "a\uFFFD"},
	} {
		if got := Line(test.in); got != test.line {
			t.Errorf("Line(%q) is %q, want %q", test.in, got, test.line)
		}
		if got := Cut(test.in, MaxLong); got != test.cut {
			t.Errorf("Cut(%q) is %q, want %q", test.in, got, test.cut)
		}
	}
}

func TestLongTextIsCutBetweenLetters(t *testing.T) {
	for n := range 4 {
		got := Line(strings.Repeat("x", n) + strings.Repeat("€", MaxLine))
		if len(got) > MaxLine+len("…") || !strings.HasSuffix(got, "€…") {
			t.Errorf("it is cut to %d bytes, ending in %q", len(got), got[len(got)-6:])
		}
	}
}

// A value that would make a text of many megabytes costs no more than one that makes a short
// one: it is not formatted.
func TestTheTextOfMuchIsNotMade(t *testing.T) {
	much := strings.Repeat("x", 10<<20)
	type inner struct{ Numbers []int }
	for name, v := range map[string]any{
		"a text in a struct":       struct{ Text string }{much},
		"a list":                   make([]int, 10<<20),
		"texts":                    [][]string{{much}},
		"bytes in a struct":        struct{ Bytes []byte }{make([]byte, 10<<20)},
		"behind a pointer":         &struct{ Inner inner }{inner{make([]int, 10<<20)}},
		"an array":                 &[1 << 20]int{},
		"the key of an attribute":  grouped{slog.String(much, "x")},
		"a value of an attribute":  grouped{slog.String("x", much)},
		"very many attributes":     grouped(make([]slog.Attr, 1<<20)),
		"groups in groups":         grouped{slog.Any("a", grouped{slog.Any("b", grouped(make([]slog.Attr, 1<<20)))})},
		"a list in an attribute":   grouped{slog.Any("a", make([]int, 10<<20))},
		"a text of its own method": named(much),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := Cut(Of(v), MaxLong)
			runtime.ReadMemStats(&after)
			if len(got) > MaxLong+3 {
				t.Errorf("it has %d bytes", len(got))
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
				t.Errorf("it has taken %d bytes", n)
			}
		})
	}
	short := struct {
		Text    string
		Numbers []int
	}{"ann", []int{1, 2}}
	if got, want := Of(&short), "&{Text:ann Numbers:[1 2]}"; got != want {
		t.Errorf("a short one is %q, want %q", got, want)
	}
}

type grouped []slog.Attr

func (g grouped) LogValue() slog.Value { return slog.GroupValue(g...) }

type named string

func (n named) String() string { return string(n) }
