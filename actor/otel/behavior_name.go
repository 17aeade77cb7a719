package otel

import (
	"go/token"
	"reflect"
	"strings"
)

// behaviorName is the name of a behavior's type as a label. Those of the actors that Troupe
// makes for itself begin with ours.
func behaviorName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[beyond]():
		return other
	case isOurs(t):
		return ours + typeName(t)
	}
	return typeName(t)
}

// ours is what no name of a type that users write begins with.
const ours = "troupe/"

// isOurs reports whether a behavior is one of Troupe's own, for no more than its work: a
// supervisor, a session, the queue of a pool. An exported one, as actor.BehaviorFunc is, runs
// a user's code, and the examples stand for users' programs.
func isOurs(t reflect.Type) bool {
	if t == nil {
		return false
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	path, ok := strings.CutPrefix(t.PkgPath(), module+"/")
	return ok && !token.IsExported(t.Name()) && !strings.HasSuffix(path, "_test") &&
		!strings.HasPrefix(path, "examples/") && !strings.Contains(path, "/examples/")
}

// module is the path of Troupe's main module.
var module = strings.TrimSuffix(reflect.TypeFor[Metrics]().PkgPath(), "/actor/otel")
