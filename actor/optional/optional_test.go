package optional_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/troupe-go/troupe/actor/optional"
)

type stopper interface {
	Stop(fmt.Stringer, ...int) (any, error)
}

var stop = optional.New[stopper]("Stop", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Stop") })

type (
	right     struct{}
	wrong     struct{}
	pointer   struct{}
	without   struct{}
	of[T any] struct{}
)

func (right) Stop(fmt.Stringer, ...int) (any, error)    { return nil, nil }
func (wrong) Stop(fmt.Stringer, []int) (any, error)     { return nil, nil }
func (*pointer) Stop(fmt.Stringer, ...int) (any, error) { return nil, nil }
func (of[T]) Stop(T) any                                { return nil }

func TestCheck(t *testing.T) {
	for want, v := range map[string]any{
		"": right{},
		"optional_test.wrong has the method Stop(fmt.Stringer, []int) (any, error), which would never be called: it must be Stop(fmt.Stringer, ...int) (any, error)":            wrong{},
		"*optional_test.wrong has the method Stop(fmt.Stringer, []int) (any, error), which would never be called: it must be Stop(fmt.Stringer, ...int) (any, error)":           &wrong{},
		"Stop is a method of *optional_test.pointer, and would never be called: use a *optional_test.pointer":                                                                   pointer{},
		"optional_test.of[*optional_test.right] has the method Stop(*optional_test.right) any, which would never be called: it must be Stop(fmt.Stringer, ...int) (any, error)": of[*right]{},
	} {
		err := optional.Check(reflect.TypeOf(v), stop)
		if got := fmt.Sprint(err); err == nil && want != "" || err != nil && got != want {
			t.Errorf("%T: got %v\nwant %s", v, err, want)
		}
	}
	for _, fine := range []reflect.Type{
		reflect.TypeFor[*right](), reflect.TypeFor[*pointer](), reflect.TypeFor[without](), reflect.TypeFor[stopper](), reflect.TypeFor[any](), reflect.TypeFor[func()](),
	} {
		if err := optional.Check(fine, stop); err != nil {
			t.Errorf("%v: %v", fine, err)
		}
	}
}

func TestNewWantsAMethodOfTheInterface(t *testing.T) {
	defer func() {
		if got, want := fmt.Sprint(recover()), "optional: New: optional_test.stopper has no method Start"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}()
	optional.New[stopper]("Start", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Start") })
}
