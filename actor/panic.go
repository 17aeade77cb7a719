package actor

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"unicode/utf8"
)

// PanicError is the exit reason of an actor whose handler panicked.
type PanicError struct {
	Value any   // what the handler panicked with
	Stack Stack // where it did

	text string // of Value; made once, because its methods are not to be trusted
}

// Recovered returns the PanicError of a panic that has just been recovered from, in the
// deferred function that calls Recovered or one that it has called; value is what recover
// returned. It is for code that calls others' functions in place; see also [Guard].
// Whatever the methods of value do costs the text of the error at most.
func Recovered(value any) *PanicError {
	var pcs [64]uintptr
	n := runtime.Callers(2, pcs[:])
	return &PanicError{Value: value, Stack: panicked(pcs[:n]), text: describe(value)}
}

// panicked returns the part of a stack below the panic: what has recovered from it, and the
// functions of the runtime that raised it, are left out.
func panicked(stack Stack) Stack {
	below := stack
	for i, pc := range stack {
		if runtime.FuncForPC(pc-1).Name() == "runtime.gopanic" {
			below = stack[i+1:]
			break
		}
	}
	for len(below) > 1 && isRuntime(runtime.FuncForPC(below[0]-1).Name()) {
		below = below[1:]
	}
	return append(Stack(nil), below...)
}

// Error returns the text of the panic's value, cut after 8 KiB.
func (e *PanicError) Error() string {
	if e.text == "" { // made by hand
		return "panic: " + describe(e.Value)
	}
	return "panic: " + e.text
}

// Unwrap returns the value of the panic if it is an error whose methods can be called. If
// one of them panics, calls runtime.Goexit or takes too long, Unwrap returns nil: the code
// that looks for an error in this one has done nothing wrong.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	if err == nil || !isAsked(err) {
		return err
	}
	failure, returned := guardFor(patience, func() error {
		_ = errors.Is(err, Normal)
		_ = errors.As(err, new(*PanicError))
		return nil
	})
	if failure != nil || !returned {
		return nil
	}
	return err
}

// isAsked reports whether errors.Is or errors.As call a method of err that is not
// Go's own.
func isAsked(err error) bool {
	for reflect.TypeOf(err) == wrapError {
		err = errors.Unwrap(err)
	}
	_, as := err.(interface{ As(any) bool })
	return as || err != nil && asks(err)
}

// describe returns the text of a panic's value, whatever its methods do. It is called
// where a panic has just been recovered from, and nothing else may go wrong.
func describe(value any) string {
	switch v := value.(type) {
	case string:
		return cut(v)
	case error:
		if hasPlainText(v) {
			return cut(v.Error())
		}
	case fmt.Stringer, fmt.Formatter:
	default:
		if value != nil && !isFlat(reflect.TypeOf(value), maxDepth) {
			return fmt.Sprintf("a value of type %T", value)
		}
	}
	var text string
	err, returned := guardFor(patience, func() error {
		text = cut(fmt.Sprint(value))
		return nil
	})
	switch {
	case !returned:
		return fmt.Sprintf("%T, whose text takes too long to make", value)
	case err != nil:
		return fmt.Sprintf("%T, whose text cannot be made", value)
	}
	return text
}

// maxDepth is how deep values may be nested that are printed.
const maxDepth = 4

// isFlat reports whether a value of type t can be printed with certainty. What package fmt
// meets in others ends the program, and no guard helps: a map that is being written to, or a
// slice that has itself for an element, on which the stack overflows.
func isFlat(t reflect.Type, depth int) bool {
	switch t.Kind() {
	case reflect.Map, reflect.Interface:
		return false
	case reflect.Pointer:
		// What it points to is shown of a value that is one, but not further in.
		return depth < maxDepth || isFlat(t.Elem(), depth-1)
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

// hasPlainText reports whether err is of a type of Go's own whose Error can be called
// without a care. It saves the others' price in the common cases.
func hasPlainText(err error) bool {
	t := reflect.TypeOf(err)
	if t == errorString || t == wrapError {
		return true
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() == "runtime"
}

var (
	errorString = reflect.TypeOf(errors.New(""))
	wrapError   = reflect.TypeOf(fmt.Errorf("%w", Normal))
)

// maxText is how much is kept of the text of an error, in bytes.
const maxText = 8 << 10

// cut bounds the text of an error: a peer may have a say in what is in it, and it goes
// to logs.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for end > maxText-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes)", text[:end], len(text))
}

// Stack is a call stack, innermost call first. Taking one is cheap; the names
// are looked up when it is printed.
type Stack []uintptr

// String returns the stack in lines of function, file and line. The runtime's functions
// are left out, and so are those of this package that called the handler.
func (s Stack) String() string {
	var text strings.Builder
	end := 0 // of what is not ours
	for frames := runtime.CallersFrames(s); ; {
		f, more := frames.Next()
		if f.Function != "" && !isRuntime(f.Function) {
			fmt.Fprintf(&text, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
			if !strings.HasPrefix(f.Function, ourPrefix) {
				end = text.Len()
			}
		}
		if !more {
			break
		}
	}
	if end == 0 {
		return text.String()
	}
	return text.String()[:end]
}

func isRuntime(function string) bool { return strings.HasPrefix(function, "runtime.") }

// ourPrefix is what the names of this package's functions begin with.
var ourPrefix = reflect.TypeFor[Stack]().PkgPath() + "."
