package text

import (
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
