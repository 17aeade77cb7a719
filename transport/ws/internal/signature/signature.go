// Package signature finds methods that a type has been given in vain: what is optional is
// found by an interface, so a method of the right name and another signature would never be
// called, and nobody would notice.
package signature

import (
	"fmt"
	"reflect"
	"strings"
)

// Method is a method that a type may have.
type Method struct {
	name string
	want reflect.Type // its signature, as a func without a receiver
	of   func(reflect.Type) (reflect.Method, bool)
}

// Of returns the method by which a type implements the interface I. The function looks it
// up, with the name as a constant: for any other the linker keeps all methods of a program.
func Of[I any](name string, of func(reflect.Type) (reflect.Method, bool)) Method {
	m, _ := of(reflect.TypeFor[I]())
	return Method{name, m.Type, of}
}

// Check reports the first of the methods that t has and that would never be called.
func Check(t reflect.Type, methods ...Method) error {
	for _, m := range methods {
		if err := m.check(t); err != nil {
			return err
		}
	}
	return nil
}

func (m Method) check(t reflect.Type) error {
	if found, ok := m.of(t); ok {
		if have := withoutReceiver(t, found); have != m.want {
			return fmt.Errorf("%v has the method %s, which would never be called: it must be %s",
				t, written(m.name, have), written(m.name, m.want))
		}
		return nil
	}
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return nil
	}
	if _, ok := m.of(reflect.PointerTo(t)); ok {
		return fmt.Errorf("%s is a method of *%v, and would never be called, as the handler is a %v: make it a *%v", m.name, t, t, t)
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

var asWritten = strings.NewReplacer("interface {}", "any", "wire.Payload", "ws.Payload")

// written returns a method as it is written in a program.
func written(name string, t reflect.Type) string {
	return name + asWritten.Replace(strings.TrimPrefix(t.String(), "func"))
}
