package ws

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/troupe-go/troupe/actor/optional"
	"github.com/troupe-go/troupe/transport/ws/internal/schema"
)

// Events is a table of what a kind of channel does on which event. Make it once, beside
// the methods that it names, and give it to [Topic]; it is the same for all channels of
// the kind:
//
//	var roomEvents = ws.Events[*Room]{
//		"new_msg": ws.On((*Room).NewMsg),
//		"avatar":  ws.OnBinary((*Room).Avatar),
//		"echo":    (*Room).Echo,
//	}
//
//	func (r *Room) NewMsg(c *ws.Channel, in NewMsg) (ws.Reply, error)     // decoded
//	func (r *Room) Avatar(c *ws.Channel, data []byte) (ws.Reply, error)   // bytes
//	func (r *Room) Echo(c *ws.Channel, in ws.Payload) (ws.Reply, error)   // as it came
//
// H is the type of the handler, which holds the state of one channel. The table must not
// be changed once it is in use. Events that are not known in advance are for
// [InHandler].
type Events[H any] map[string]EventFunc[H]

// EventFunc handles one event for the channel whose handler is h. A method
// expression is one. What it returns means the same as in [InHandler].
type EventFunc[H any] func(h H, c *Channel, in Payload) (Reply, error)

// On returns the handler of an event whose payload is a JSON object. It decodes
// the payload into an In, as [Decode] does, and calls f. If the payload is not
// right, f is not called and the client gets an error that names what is wrong; see
// [InputError]. The channel goes on.
//
// On panics if In has a method Validate that does not make it a [Validator]: what clients
// send would go in unchecked.
func On[H, In any](f func(H, *Channel, In) (Reply, error)) EventFunc[H] {
	return on(f, false)
}

// OnStrict is [On] that also refuses fields that In does not have. Clients that are
// newer than the server are then refused for what they have learnt to add.
func OnStrict[H, In any](f func(H, *Channel, In) (Reply, error)) EventFunc[H] {
	return on(f, true)
}

func on[H, In any](f func(H, *Channel, In) (Reply, error), strict bool) EventFunc[H] {
	if f == nil {
		return nil // the endpoint's start says for which event
	}
	input := reflect.TypeFor[In]()
	for input.Kind() == reflect.Pointer {
		input = input.Elem()
	}
	if err := optional.Check(reflect.PointerTo(input), validateMethod); err != nil {
		panic(fmt.Sprintf("ws: On: %v", err))
	}
	of := schema.For[In]()
	return func(h H, c *Channel, in Payload) (Reply, error) {
		var v In
		if err := decode(of, in, &v, strict); err != nil {
			return Error(err), nil
		}
		return f(h, c, v)
	}
}

// OnBinary returns the handler of an event whose payload is bytes: an ArrayBuffer
// of the client. JSON is refused with an error. The bytes must not be changed; they
// may be kept.
func OnBinary[H any](f func(h H, c *Channel, data []byte) (Reply, error)) EventFunc[H] {
	if f == nil {
		return nil
	}
	return func(h H, c *Channel, in Payload) (Reply, error) {
		if !in.IsBinary() {
			return Error(Reason("payload must be binary")), nil
		}
		return f(h, c, in.Bytes())
	}
}

// errReserved says what is wrong with an event whose name begins with phx_.
var errReserved = errors.New("names that begin with phx_ are the protocol's own")

func isReserved(event string) bool { return strings.HasPrefix(event, "phx_") }

// intercepts returns the events that a handler wants to see.
func intercepts(h OutHandler) ([]string, error) {
	events := h.Intercepts()
	for _, event := range events {
		if isReserved(event) {
			return nil, fmt.Errorf("%T intercepts event %q: %w", h, event, errReserved)
		}
	}
	return events, nil
}
