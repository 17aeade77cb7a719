package room

import (
	"errors"
	"reflect"

	"github.com/troupe-go/troupe/actor/optional"
	"github.com/troupe-go/troupe/transport/ws"
)

// Handler is what you write: the room of one topic. It runs in an actor of its own, one
// call at a time, so its fields need no lock. A panic is the room's crash: see
// [Config].OnCrash. It may also implement [Starter], [Leaver], [Resumer], [InfoHandler],
// [GapHandler] and [Terminator].
type Handler interface {
	// Join lets a client in or, with an error, refuses it, as [ws.Handler] does. The reply
	// is the payload of the answer; nil means {}. The member can be pushed to: what it is
	// sent comes behind the answer.
	Join(m *Member, in ws.Payload) (reply any, err error)
}

// Starter is a [Handler] with something to do before its first member joins, such as to
// load what was kept. After an error there is no room, and those that wanted to join are
// told that it has failed.
type Starter interface {
	Start(r *Room) error
}

// Leaver is a [Handler] that is told when a member has gone, with the reason of its
// channel's end: [ws.Left], [ws.Closed], [ws.Rejoined], [ws.Lingered], or that of a crash. The
// member cannot be pushed to any more.
type Leaver interface {
	Leave(m *Member, reason error)
}

// InfoHandler is a [Handler] that gets what the program sends to the room, by a timer of
// [Room.SendAfter], by [Rooms.Send] or by what it has subscribed to with [SubscribeTo], and an
// actor.Down when an actor ends that the room's Context monitors. With ws.Stop the room ends, and so do the channels of its members:
// their clients do not come back. Any other error is a crash.
type InfoHandler interface {
	HandleInfo(r *Room, msg any) error
}

// Terminator is a [Handler] that cleans up, or keeps what is to outlast the room. Terminate
// runs when the room ends, for whatever reason but a kill: actor.Shutdown when nobody needs
// it any more and when the program stops, actor.Normal after a ws.Stop, or that of a crash.
type Terminator interface {
	Terminate(r *Room, reason error)
}

var optionalMethods = []optional.Method{
	optional.New[Starter]("Start", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Start") }),
	optional.New[Leaver]("Leave", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Leave") }),
	optional.New[Resumer]("Resumed", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Resumed") }),
	optional.New[InfoHandler]("HandleInfo", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("HandleInfo") }),
	optional.New[GapHandler]("HandleGap", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("HandleGap") }),
	optional.New[Terminator]("Terminate", func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Terminate") }),
}

var errNoHandler = errors.New("the function that makes a room has returned nil")

// checkHandler reports what is wrong with a handler that was made as a declared type, which
// has been looked at unless it is an interface.
func checkHandler(h any, declared reflect.Type) error {
	v := reflect.ValueOf(h)
	if h == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		return errNoHandler
	}
	if declared.Kind() == reflect.Interface {
		return optional.Check(v.Type(), optionalMethods...)
	}
	return nil
}
