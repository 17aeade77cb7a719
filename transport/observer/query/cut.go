package query

import (
	"strings"
	"unicode/utf8"
)

// Bounds on the texts of users, in bytes.
const (
	maxShort = 256
	maxLong  = 16 << 10
)

// short bounds a text that stands in a line.
func short(s string) string { return cut(s, maxShort) }

// cut bounds a text, which may come from anywhere: what is no UTF-8 in it would not get
// through JSON as it is.
func cut(s string, limit int) string {
	if len(s) > limit {
		end := limit
		for end > limit-utf8.UTFMax && !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
