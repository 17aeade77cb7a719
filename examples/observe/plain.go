package main

import (
	"io"
	"unicode"
)

// plain writes text to a terminal without what that would take for commands: much of the
// text is what clients have named things.
type plain struct{ to io.Writer }

// Write implements io.Writer.
func (p plain) Write(text []byte) (int, error) {
	clean := make([]rune, 0, len(text))
	for _, r := range string(text) {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			r = unicode.ReplacementChar
		}
		clean = append(clean, r)
	}
	if _, err := io.WriteString(p.to, string(clean)); err != nil {
		return 0, err
	}
	return len(text), nil
}
