// Package text makes bounded text of what belongs to users, to be shown.
package text

import (
	"encoding"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/troupe-go/troupe/actor"
)

// Bounds, in bytes.
const (
	MaxLine = 256
	MaxLong = 16 << 10
)

// Line bounds a text that stands in a line.
func Line(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, Cut(s, MaxLine))
}

// Cut bounds a text, which may come from anywhere. What is no UTF-8 in it would not get
// through JSON as it is. What a terminal takes for commands, or turns what follows around,
// must not get there: clients have named things.
func Cut(s string, limit int) string {
	if len(s) > limit {
		end := limit
		for end > limit-utf8.UTFMax && !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end] + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return utf8.RuneError
		}
		return r // what is no UTF-8 is RuneError already
	}, s)
}

// PID returns how a PID is told: "" for nobody, as above the top of a tree.
func PID(pid actor.PID) string {
	if pid.IsZero() {
		return ""
	}
	return pid.String()
}

// Of returns the text of a value. It calls the value's own methods, if there are any that
// make text of it: call it behind a guard. Of a value that package fmt might not survive it
// names the type: one with a map, to which somebody may be writing, or with an interface,
// behind which the value itself may be. No guard would help there: the program would end.
func Of(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case string:
		return v
	case slog.LogValuer:
		return ofValue(slog.AnyValue(v), 0)
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	case encoding.TextMarshaler:
		b, err := v.MarshalText()
		if err != nil {
			return err.Error()
		}
		return string(b)
	case []byte:
		return fmt.Sprintf("%d bytes", len(v))
	}
	t := reflect.TypeOf(v)
	if !isFlat(t, maxDepth) {
		return "a " + t.String()
	}
	shown := reflect.Indirect(reflect.ValueOf(v))
	if left := MaxLong; !isShort(shown, &left) {
		return "a " + t.String() + ", too long to show"
	}
	return fmt.Sprintf("%+v", v)
}

const maxDepth = 4

// isFlat reports whether a value of type t is printed with certainty, and calls nothing. What
// has methods may have one that is called.
func isFlat(t reflect.Type, depth int) bool {
	if depth < maxDepth && t.NumMethod() > 0 {
		return false
	}
	switch t.Kind() {
	case reflect.Map, reflect.Interface:
		return false
	case reflect.Pointer:
		// What it points to is shown of a value that is one, but not further in.
		return depth < maxDepth || t.Elem().Kind() == reflect.Struct && isFlat(t.Elem(), depth-1)
	case reflect.Array, reflect.Slice:
		return depth > 0 && isFlat(t.Elem(), depth-1)
	case reflect.Struct:
		for i := range t.NumField() {
			if depth == 0 || !isFlat(t.Field(i).Type, depth-1) {
				return false
			}
		}
	}
	return true
}

// isShort reports whether the text of a value has about as many bytes as are left, or fewer. It
// looks no further than that.
func isShort(v reflect.Value, left *int) bool {
	*left--
	switch v.Kind() {
	case reflect.String:
		*left -= v.Len()
	case reflect.Array, reflect.Slice:
		for i := 0; i < v.Len() && *left >= 0; i++ {
			isShort(v.Index(i), left)
		}
	case reflect.Struct:
		for i := 0; i < v.NumField() && *left >= 0; i++ {
			isShort(v.Field(i), left)
		}
	}
	return *left >= 0
}

// State returns the text of what a LogValuer says: groups are one attribute a line.
func State(v slog.LogValuer) string { return ofValue(slog.AnyValue(v), 0) }

func ofValue(v slog.Value, depth int) string {
	v = v.Resolve() // a panic becomes the value
	switch {
	case v.Kind() == slog.KindGroup && depth < maxDepth:
		return ofGroup(v.Group(), depth)
	case v.Kind() == slog.KindGroup:
		return "…"
	case v.Kind() == slog.KindAny:
		if _, again := v.Any().(slog.LogValuer); again { // after too many steps
			return "…"
		}
		return Cut(Of(v.Any()), MaxLong)
	}
	return Cut(v.String(), MaxLong)
}

func ofGroup(attrs []slog.Attr, depth int) string {
	var b strings.Builder
	for _, a := range attrs {
		if b.Len() > MaxLong {
			b.WriteString("…")
			break
		}
		value := ofValue(a.Value, depth+1)
		if strings.Contains(value, "\n") {
			value = "\n  " + strings.ReplaceAll(strings.TrimSuffix(value, "\n"), "\n", "\n  ")
		}
		fmt.Fprintf(&b, "%s: %s\n", Line(a.Key), value)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
