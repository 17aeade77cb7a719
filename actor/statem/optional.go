package statem

import (
	"fmt"
	"log/slog"
	"reflect"
	"sync"

	"github.com/troupe-go/troupe/actor/optional"
)

// optionalMethods are the methods that a machine may have besides Handle.
func optionalMethods[S comparable, M any]() []optional.Method {
	return []optional.Method{
		optional.New[Initializer[S, M]]("Init", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Init") }),
		optional.New[Enterer[S, M]]("Enter", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Enter") }),
		optional.New[Terminator[S, M]]("Terminate", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Terminate") }),
		optional.New[ExitHandler[S, M]]("HandleExit", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("HandleExit") }),
		optional.New[DownHandler[S, M]]("HandleDown", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("HandleDown") }),
		optional.New[slog.LogValuer]("LogValue", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("LogValue") }),
	}
}

// sound holds the types of machines whose optional methods are right: reflect.Type →
// struct{}. A type is looked at once.
var sound sync.Map

// checkMethods reports an optional method of m that would never be called.
func checkMethods[S comparable, M any](m Machine[S, M]) error {
	t := reflect.TypeOf(m)
	if _, ok := sound.Load(t); ok {
		return nil
	}
	if err := optional.Check(t, optionalMethods[S, M]()...); err != nil {
		return err
	}
	// What an actor's behavior may have, and a machine may not.
	if _, has := t.MethodByName("HandleIdle"); has {
		return fmt.Errorf("%v has HandleIdle, which would never be called: a machine sets a timeout of kind EventTimeout", t)
	}
	if _, has := t.MethodByName("ActorLabel"); has {
		return fmt.Errorf("%v has ActorLabel, which would never be called: a machine calls SetLabel", t)
	}
	sound.Store(t, struct{}{})
	return nil
}
