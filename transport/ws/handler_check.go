package ws

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// optionalMethod is a method that a [Handler] may have. A method of that name with another
// signature would never be called, and nobody would notice.
type optionalMethod struct {
	name string
	// want is its signature, as a func without a receiver.
	want reflect.Type
	// of returns the method that a type has by the name. Each is written with the name in
	// place: for one that is not constant the linker keeps all methods of a program.
	of func(reflect.Type) (reflect.Method, bool)
}

// newOptionalMethod returns the method by which a type implements the interface I.
func newOptionalMethod[I any](name string, of func(reflect.Type) (reflect.Method, bool)) optionalMethod {
	m, _ := of(reflect.TypeFor[I]())
	return optionalMethod{name, m.Type, of}
}

var optionalMethods = []optionalMethod{
	newOptionalMethod[InHandler]("HandleIn", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("HandleIn") }),
	newOptionalMethod[InfoHandler]("HandleInfo", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("HandleInfo") }),
	newOptionalMethod[OutHandler]("HandleOut", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("HandleOut") }),
	newOptionalMethod[OutHandler]("Intercepts", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Intercepts") }),
	newOptionalMethod[Terminator]("Terminate", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Terminate") }),
}

// validateMethod is what an input may have.
var validateMethod = newOptionalMethod[Validator]("Validate", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Validate") })

// check reports what is wrong with the method, if t has it.
func (o optionalMethod) check(t reflect.Type) error {
	if m, ok := o.of(t); ok {
		if have := withoutReceiver(t, m); have != o.want {
			return fmt.Errorf("%v has the method %s, which would never be called: it must be %s",
				t, signature(o.name, have), signature(o.name, o.want))
		}
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

// signature returns a method as it is written in a program.
func signature(name string, t reflect.Type) string {
	return name + asWritten.Replace(strings.TrimPrefix(t.String(), "func"))
}

// handlerFaults are what is wrong with types of handlers: reflect.Type → error, or nil.
var handlerFaults sync.Map

// checkHandler reports what is wrong with the optional methods of a type of handlers. It
// looks once at each type.
func checkHandler(t reflect.Type) error {
	fault, looked := handlerFaults.Load(t)
	if !looked {
		fault, _ = handlerFaults.LoadOrStore(t, findHandlerFault(t))
	}
	err, _ := fault.(error)
	return err
}

func findHandlerFault(t reflect.Type) error {
	for _, o := range optionalMethods {
		if err := o.check(t); err != nil {
			return err
		}
		if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
			continue
		}
		_, has := o.of(t)
		if _, pointer := o.of(reflect.PointerTo(t)); pointer && !has {
			return fmt.Errorf("%s is a method of *%v, and would never be called, as the handler is a %v: make it a *%v", o.name, t, t, t)
		}
	}
	_, out := t.MethodByName("HandleOut")
	_, intercepts := t.MethodByName("Intercepts")
	switch {
	case t.Kind() == reflect.Interface: // and what it holds may have the other
	case out && !intercepts:
		return fmt.Errorf("%v has HandleOut, which would never be called: it needs %s", t, "Intercepts() []string, the events that it is called with")
	case intercepts && !out:
		return fmt.Errorf("%v has Intercepts, which does nothing without HandleOut(*ws.Channel, string, ws.Payload) error", t)
	}
	return nil
}

// errNoHandler says that a route's function has returned no handler.
var errNoHandler = errors.New("the function that makes a handler has returned nil")

// made returns the handler of a channel that is being joined.
func (r *Route) made() (h Handler, err error) {
	h = r.newHandler()
	switch v := reflect.ValueOf(h); v.Kind() {
	case reflect.Invalid:
		err = errNoHandler
	case reflect.Pointer, reflect.Func:
		if v.IsNil() {
			err = fmt.Errorf("%w, a %T", errNoHandler, h)
		}
	}
	if err == nil && r.handler.Kind() == reflect.Interface { // any other type has been looked at
		err = checkHandler(reflect.TypeOf(h))
	}
	if err != nil {
		return nil, fmt.Errorf("ws: route %q: %w", r.pattern, err)
	}
	return h, nil
}
