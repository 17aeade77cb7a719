package actor

import (
	"log/slog"
	"reflect"
	"sync"

	"github.com/troupe-go/troupe/actor/optional"
)

// optionalMethods are the methods that a behavior may have besides Receive.
func optionalMethods[M any]() []optional.Method {
	return []optional.Method{
		optional.New[Initializer[M]]("Init", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Init") }),
		optional.New[Terminator[M]]("Terminate", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Terminate") }),
		optional.New[ExitHandler[M]]("HandleExit", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("HandleExit") }),
		optional.New[DownHandler[M]]("HandleDown", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("HandleDown") }),
		optional.New[IdleHandler[M]]("HandleIdle", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("HandleIdle") }),
		optional.New[Labeler]("ActorLabel", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("ActorLabel") }),
		optional.New[slog.LogValuer]("LogValue", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("LogValue") }),
	}
}

// sound holds the types of behaviors whose optional methods are right: reflect.Type →
// struct{}. A type is looked at once; each later spawn asks here, and allocates nothing.
var sound sync.Map

// checkMethods reports an optional method of b that would never be called.
func checkMethods[M any](b Behavior[M]) error {
	t := reflect.TypeOf(b)
	if _, ok := sound.Load(t); ok {
		return nil
	}
	if err := optional.Check(t, optionalMethods[M]()...); err != nil {
		return err
	}
	sound.Store(t, struct{}{})
	return nil
}
