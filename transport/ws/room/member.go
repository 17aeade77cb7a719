package room

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// Member is one client in a room, from its Join until it leaves: the room knows it by the
// pointer. Its methods belong to the room's handler, but for PID, Push, SocketID and
// Assigns, which may be called from any goroutine.
type Member struct {
	channel *ws.Channel
	room    *Room
	again   bool
}

// Room returns the room that the member is in.
func (m *Member) Room() *Room { return m.room }

// Again reports whether the member was in the room when that crashed, and goes on with the
// restarted one; see [Stay].
func (m *Member) Again() bool { return m.again }

// PID returns the member's channel.
func (m *Member) PID() actor.PID { return m.channel.PID() }

// SocketID returns the ID that Connect gave the client's connection, or "".
func (m *Member) SocketID() string { return m.channel.SocketID() }

// Assigns returns what Connect assigned to the client's connection.
func (m *Member) Assigns() any { return m.channel.Assigns() }

// Recovery returns what becomes of what the client has missed, from Join on, see
// [ws.Channel.Recovery]. It reports false if the client has not named a position, or if the
// room's route has no History. If it is Complete, the client gets from the log what has changed a
// state since, so an answer with that state would give it these changes twice.
func (m *Member) Recovery() (ws.Recovery, bool) { return m.channel.Recovery() }

// Push sends an event to this client, see [ws.Channel.Push]. To one that has gone, of which
// [Leaver] may be about to hear, it sends nothing; that is no error, as it would be the one
// of the member whose event is handled.
func (m *Member) Push(event string, payload any) error {
	err := m.channel.Push(event, payload)
	if errors.Is(err, ws.ErrEnded) || errors.Is(err, ws.ErrNotJoined) { // it has been given up in its Join
		return nil
	}
	return err
}

// Broadcast sends an event to all members of the room, this one included.
func (m *Member) Broadcast(event string, payload any) error { return m.room.Broadcast(event, payload) }

// BroadcastFrom sends an event to all members of the room, but for this one.
func (m *Member) BroadcastFrom(event string, payload any) error {
	return m.room.broadcast(m.PID(), event, payload)
}

// Remove ends the member's channel in good order: the client does not come back by itself.
// Leave is called when that is done.
func (m *Member) Remove() { m.channel.Ref().Send(remove{}) }

// AssignsOf returns what Connect assigned to the member's connection, as the T that it is.
// It panics if that is something else, which is a mistake in the program.
func AssignsOf[T any](m *Member) T {
	assigns, ok := m.Assigns().(T)
	if !ok {
		panic(fmt.Sprintf("room: AssignsOf: Connect assigned %T, not %v", m.Assigns(), reflect.TypeFor[T]()))
	}
	return assigns
}
