// Package optional finds methods that look like those by which a type implements an optional
// interface and are not: a method of that name with another signature would never be called,
// and nobody would notice.
package optional

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Method is a method that a type may have.
type Method struct {
	name string
	want reflect.Type // as a func without a receiver
	of   func(reflect.Type) (reflect.Method, bool)
}

// New returns the method by which a type implements the interface I. The function of returns
// the method that a type has by the name. It is written with the name in place, because for
// one that is not constant the linker keeps all methods of a program:
//
//	optional.New[Initializer]("Init", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Init") })
func New[I any](name string, of func(reflect.Type) (reflect.Method, bool)) Method {
	m, _ := of(reflect.TypeFor[I]())
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
