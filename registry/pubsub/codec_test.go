package pubsub

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

type (
	list struct{ Next *list }
	deep struct {
		A []map[string][2]struct{ X, y *float64 }
	}
	loose struct{ Any any }
	raw   struct{ A []json.RawMessage }
	when  struct{ At []map[int]time.Time }
	byPtr int
	keyed map[byPtr]int
	zero  struct {
		A empty `json:",omitzero"`
	}
	empty struct{}
)

func (*byPtr) UnmarshalText([]byte) error   { return nil }
func (*byPtr) MarshalText() ([]byte, error) { return nil, nil }
func (empty) IsZero() bool                  { return true }

// A type is encoded in place if package json calls nobody's methods for it, however deep they
// would be.
func TestTypesThatRunNoUsersCode(t *testing.T) {
	for _, test := range []struct {
		t    reflect.Type
		want bool
	}{
		{reflect.TypeFor[string](), true},
		{reflect.TypeFor[[]byte](), true},
		{reflect.TypeFor[list](), true},
		{reflect.TypeFor[deep](), true},
		{reflect.TypeFor[map[string]int](), true},
		{reflect.TypeFor[any](), false},
		{reflect.TypeFor[loose](), false},
		{reflect.TypeFor[raw](), false},
		{reflect.TypeFor[when](), false},
		{reflect.TypeFor[*byPtr](), false},
		{reflect.TypeFor[[]byPtr](), false},
		{reflect.TypeFor[keyed](), false},
		{reflect.TypeFor[zero](), false},
	} {
		if got := isPlain(test.t, nil); got != test.want {
			t.Errorf("%v: %v, want %v", test.t, got, test.want)
		}
	}
}
