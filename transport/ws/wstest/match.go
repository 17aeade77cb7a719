package wstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strconv"

	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Partial matches an object that has at least these fields. A field's value is a want
// of its own: a value that must be the same, another Partial, or a function.
type Partial map[string]any

// Any matches every payload. In a [Partial] it says that a field must be there.
func Any(ws.Payload) bool { return true }

// matches reports whether the message's payload is what the test wants; more than one
// want is a mistake in the test.
func matches(want []any, m wire.Received) bool {
	switch len(want) {
	case 0:
		return true
	case 1:
		return match(want[0], m.Payload)
	}
	panic("wstest: more than one payload is wanted")
}

func match(want any, got ws.Payload) bool {
	switch want := want.(type) {
	case func(ws.Payload) bool:
		return want(got)
	case Partial:
		return want.match(got)
	}
	p, err := ws.JSON(want)
	switch {
	case err != nil:
		panic(fmt.Sprintf("wstest: wanted %T: %v", want, err))
	case p.IsBinary() || got.IsBinary():
		return p.IsBinary() && got.IsBinary() && bytes.Equal(p.Bytes(), got.Bytes())
	}
	return sameJSON(p.Bytes(), got.Bytes())
}

func (p Partial) match(got ws.Payload) bool {
	var fields map[string]json.RawMessage
	if got.Decode(&fields) != nil {
		return false
	}
	for name, want := range p {
		if field, ok := fields[name]; !ok || !match(want, ws.RawJSON(field)) {
			return false
		}
	}
	return true
}

// sameJSON reports whether two JSON texts have the same value. Numbers are compared
// exactly, however large.
func sameJSON(a, b []byte) bool {
	x, err := decode(a)
	if err != nil {
		return false
	}
	y, err := decode(b)
	return err == nil && same(x, y)
}

func decode(data []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, same)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case json.Number:
		b, ok := b.(json.Number)
		if !ok || a == b {
			return ok
		}
		x, okX := new(big.Rat).SetString(string(a))
		y, okY := new(big.Rat).SetString(string(b))
		return okX && okY && x.Cmp(y) == 0
	}
	return reflect.DeepEqual(a, b)
}

// showWant prints what was wanted, as the end of a sentence.
func showWant(want []any) string {
	if len(want) == 0 {
		return ""
	}
	if f, ok := want[0].(func(ws.Payload) bool); ok && f != nil {
		return " that matches"
	}
	if p, err := ws.JSON(want[0]); err == nil && p.IsBinary() {
		return fmt.Sprintf(" and %q", p.Bytes())
	} else if err == nil {
		return fmt.Sprintf(" and %s", p.Bytes())
	}
	return fmt.Sprintf(" and %v", want[0])
}

// account tells what has come, for a failure.
func account(b *actortest.Inbox[wire.Received]) string {
	return b.Account(func(m wire.Received) string { return fmt.Sprintf("on %q: %s", m.Topic, show(m)) })
}

// show prints a message.
func show(m wire.Received) string {
	payload := string(m.Payload.Bytes())
	if m.Payload.IsBinary() {
		payload = strconv.Quote(payload)
	}
	if m.Event == wire.EventReply {
		return fmt.Sprintf("reply %q to message %s: %s", m.Status, wire.RefText(m.Ref), payload)
	}
	return fmt.Sprintf("%q %s", m.Event, payload)
}
