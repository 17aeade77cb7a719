package otel

import (
	"context"
	"reflect"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

type (
	plain              struct{}
	item               struct{}
	holder[A, B any]   struct{}
	nested             = holder[*holder[item, []item], map[string]item]
	behavior           struct{ actor.Behavior[item] }
	message            interface{ isMessage() }
	added              struct{}
	interfaceOfContext = context.Context
)

// Names are those that a reader of the program knows.
func TestNamesOfTypes(t *testing.T) {
	for want, typ := range map[string]reflect.Type{
		"unknown":                   nil,
		"otel.plain":                reflect.TypeFor[plain](),
		"otel.item":                 reflect.TypeFor[*item](),
		"int":                       reflect.TypeFor[int](),
		"func":                      reflect.TypeFor[func(int) string](),
		"struct":                    reflect.TypeFor[struct{ Secret string }](),
		"slice":                     reflect.TypeFor[[]item](),
		"ptr":                       reflect.TypeFor[**item](),
		"otel.message":              reflect.TypeFor[message](),
		"context.Context":           reflect.TypeFor[interfaceOfContext](),
		"actor.Ref[otel.item]":      reflect.TypeFor[actor.Ref[item]](),
		"otel.holder[int,string]":   reflect.TypeFor[holder[int, string]](),
		"actor.Reply[*otel.item]":   reflect.TypeFor[actor.Reply[*item]](),
		"actor.Reply[[]otel.added]": reflect.TypeFor[actor.Reply[[]added]](),
		"otel.holder[*otel.holder[otel.item,[]otel.item],map[string]otel.item]": reflect.TypeFor[nested](),
	} {
		if got := typeName(typ); got != want {
			t.Errorf("%v is %q, want %q", typ, got, want)
		}
	}
}

func TestNamesOfSpans(t *testing.T) {
	for want, h := range map[string]*actor.Handling{
		"otel.behavior item":             {Handler: "Receive", Behavior: reflect.TypeFor[*behavior](), Message: reflect.TypeFor[item]()},
		"otel.behavior actor.Reply[int]": {Handler: "Receive", Behavior: reflect.TypeFor[behavior](), Message: reflect.TypeFor[actor.Reply[int]]()},
		"otel.behavior func":             {Handler: "Receive", Behavior: reflect.TypeFor[behavior](), Message: reflect.TypeFor[func()]()},
		"otel.behavior Receive":          {Handler: "Receive", Behavior: reflect.TypeFor[behavior]()}, // of a nil message
		"otel.behavior HandleDown":       {Handler: "HandleDown", Behavior: reflect.TypeFor[behavior](), Message: reflect.TypeFor[actor.Down]()},
		"otel.behavior Continue":         {Handler: "Continue", Behavior: reflect.TypeFor[behavior]()},
		"unknown Init":                   {Handler: "Init"},
		"actor.Ref[otel.item] otel.item": {Handler: "Receive", Behavior: reflect.TypeFor[actor.Ref[item]](), Message: reflect.TypeFor[item]()},
		"actor.Ref[func(int)] func":      {Handler: "Receive", Behavior: reflect.TypeFor[actor.Ref[func(int)]](), Message: reflect.TypeFor[func(int)]()},
		"otel.holder[int,string] item":   {Handler: "Receive", Behavior: reflect.TypeFor[holder[int, string]](), Message: reflect.TypeFor[item]()},
	} {
		if got := spanName(h); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
