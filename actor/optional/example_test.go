package optional_test

import (
	"fmt"
	"reflect"

	"github.com/troupe-go/troupe/actor/optional"
)

// A Flusher is what a sink of some library may be besides: it is called at the end.
type Flusher interface{ Flush() error }

var sinkMethods = []optional.Method{
	optional.New[Flusher]("Flush", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Flush") }),
}

type file struct{}

func (*file) Flush() {}

func Example() {
	fmt.Println(optional.Check(reflect.TypeFor[*file](), sinkMethods...))
	// Output: *optional_test.file has the method Flush(), which would never be called: it must be Flush() error
}
