// Package optional finds methods that look optional and would never be called. It is for
// authors of what is built on actors: behaviors of package actor have optional methods, and
// so have the machines of package statem and the handlers of package ws.
//
// A type implements an optional interface by having its method, so a method of that name
// with another signature would never be called, and nobody would notice. [Check] finds such
// methods, and those that only the pointer has where a value is used. Call it where the type
// is handed over, once for each type, and refuse the type with its error:
//
//	orders.invoice has the method Init(context.Context) error, which would never be called: it must be Init(*actor.Context[orders.message]) error
//
// So the names of the optional methods are taken: a type cannot have a method of its own
// that is called Init.
//
// # Examples
//
// The tests run this file:
//
//   - example_test.go: a type whose method would never be called, and the error.
package optional

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Method is a method that a type may have, for [Check]. Make it with [New].
type Method struct {
	name string
	want reflect.Type // as a func without a receiver
	of   func(reflect.Type) (reflect.Method, bool)
}

// New returns the method of that name by which a type implements the interface I. The function of returns the method that a type has by the name. It is written
// with the name in place, because for one that is not constant the linker keeps all methods
// of a program:
//
//	optional.New[Initializer]("Init", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Init") })
//
// It panics if I has no such method.
func New[I any](name string, of func(reflect.Type) (reflect.Method, bool)) Method {
	m, ok := of(reflect.TypeFor[I]())
	if !ok {
		panic(fmt.Sprintf("optional: New: %v has no method %s", reflect.TypeFor[I](), name))
	}
	return Method{name, m.Type, of}
}

// Check reports the first of the methods that a value of type t has with another signature,
// or has only as a pointer. The error names the type, the method, and what it should be.
func Check(t reflect.Type, methods ...Method) error {
	for _, m := range methods {
		if err := m.check(t); err != nil {
			return err
		}
	}
	return nil
}

func (m Method) check(t reflect.Type) error {
	if has, ok := m.of(t); ok {
		if have := withoutReceiver(t, has); have != m.want {
			return fmt.Errorf("%s has the method %s, which would never be called: it must be %s",
				short(t), signature(m.name, have), signature(m.name, m.want))
		}
		return nil
	}
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return nil
	}
	if _, ok := m.of(reflect.PointerTo(t)); ok {
		return fmt.Errorf("%s is a method of *%s, and would never be called: use a *%s", m.name, short(t), short(t))
	}
	return nil
}

// withoutReceiver returns the type of a method of t without t itself.
func withoutReceiver(t reflect.Type, m reflect.Method) reflect.Type {
	if t.Kind() == reflect.Interface {
		return m.Type
	}
	var in, out []reflect.Type
	for i := range m.Type.NumIn() {
		in = append(in, m.Type.In(i))
	}
	for i := range m.Type.NumOut() {
		out = append(out, m.Type.Out(i))
	}
	return reflect.FuncOf(in[1:], out, m.Type.IsVariadic())
}

// signature returns a method as it is written in a program.
func signature(name string, t reflect.Type) string {
	return name + strings.ReplaceAll(strings.TrimPrefix(short(t), "func"), "interface {}", "any")
}

// path is what comes before the name of a package in a type argument.
var path = regexp.MustCompile(`[\w.~-]+/`)

// short returns a type as it is written in a program: a type argument has the path of its
// package otherwise.
func short(t reflect.Type) string { return path.ReplaceAllString(t.String(), "") }
