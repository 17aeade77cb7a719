package otel

import (
	"reflect"
	"strings"

	"github.com/troupe-go/troupe/actor"
)

// spanName names the span of a handling: by the behavior and the message, or the handler if
// there is no message. There are as many as the program has.
func spanName(h *actor.Handling) string {
	what := h.Handler
	if what == "Receive" && h.Message != nil {
		what = typeName(h.Message)
		if own := packageOf(h.Behavior); own != "" {
			what = strings.TrimPrefix(what, own+".")
		}
	}
	return typeName(h.Behavior) + " " + what
}

// waitName names the span of a wait, by what has sent.
func waitName(by string) string {
	switch by {
	case "Timer":
		return "timer"
	case "Answer":
		return "answer"
	}
	return "mailbox"
}

// typeName returns the name of a type as its users write it, without the star of a pointer
// and without the paths that generic types have between their brackets. It is the kind if
// the type has no name.
func typeName(t reflect.Type) string {
	if t == nil {
		return "unknown"
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Name() == "" {
		return t.Kind().String()
	}
	name := t.String()
	if strings.Contains(name, "[") {
		name = withoutPaths(name)
	}
	return cut(name, maxName)
}

// maxName bounds the name of a type in bytes.
const maxName = 120

// withoutPaths takes the paths off the types in the brackets of a generic type: of
// "actor.Func[example.com/shop/cart.item]" it leaves "actor.Func[cart.item]".
func withoutPaths(name string) string {
	var b strings.Builder
	for name != "" {
		end := strings.IndexAny(name, "[],")
		word, rest := name, ""
		if end >= 0 {
			word, rest = name[:end+1], name[end+1:]
		}
		star := ""
		if strings.HasPrefix(word, "*") {
			star = "*"
		}
		if slash := strings.LastIndexByte(word, '/'); slash >= 0 {
			word = star + word[slash+1:]
		}
		b.WriteString(word)
		name = rest
	}
	return b.String()
}

// packageOf returns the name of the package that a type is of, as typeName has it.
func packageOf(t reflect.Type) string {
	name, _, ok := strings.Cut(typeName(t), ".")
	if !ok {
		return ""
	}
	return name
}
