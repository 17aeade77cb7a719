package ws

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/troupe-go/troupe/actor/optional"
)

var optionalMethods = []optional.Method{
	optional.New[InHandler]("HandleIn", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("HandleIn") }),
	optional.New[InfoHandler]("HandleInfo", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("HandleInfo") }),
	optional.New[OutHandler]("HandleOut", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("HandleOut") }),
	optional.New[OutHandler]("Intercepts", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Intercepts") }),
	optional.New[GapHandler]("HandleGap", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("HandleGap") }),
	optional.New[Resumer]("Resumed", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Resumed") }),
	optional.New[Terminator]("Terminate", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Terminate") }),
}

// validateMethod is what an input may have.
var validateMethod = optional.New[Validator]("Validate", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Validate") })

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
	if err := optional.Check(t, optionalMethods...); err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), "wire.Payload", "ws.Payload")) // as users write it
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
