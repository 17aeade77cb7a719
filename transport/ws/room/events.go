package room

import (
	"github.com/troupe-go/troupe/transport/ws"
)

// Events is the table of what a kind of room does on which event of its members. Make it
// once, for all rooms of the kind.
type Events[H Handler] map[string]EventFunc[H]

// EventFunc handles one event; [On] and its like make it. It runs in the member's channel
// until the payload is decoded, and then in the room. What the room's method returns means
// the same as in [ws.InHandler]: an error ends the channel of the member that has sent the
// event, and not the room.
type EventFunc[H Handler] func(ch *channel[H], c *ws.Channel, in ws.Payload) (ws.Reply, error)

// On returns the handler of an event whose payload is a JSON object: it is decoded into an
// In and checked, as by [ws.On].
func On[H Handler, In any](f func(H, *Member, In) (ws.Reply, error)) EventFunc[H] {
	if f == nil {
		return nil // the endpoint's start says for which event
	}
	return EventFunc[H](ws.On(inRoom(f)))
}

// OnStrict is [On] that also refuses fields that In does not have, as [ws.OnStrict] does.
func OnStrict[H Handler, In any](f func(H, *Member, In) (ws.Reply, error)) EventFunc[H] {
	if f == nil {
		return nil
	}
	return EventFunc[H](ws.OnStrict(inRoom(f)))
}

// OnBinary returns the handler of an event whose payload is bytes, as [ws.OnBinary] does.
func OnBinary[H Handler](f func(h H, m *Member, data []byte) (ws.Reply, error)) EventFunc[H] {
	if f == nil {
		return nil
	}
	return EventFunc[H](ws.OnBinary(inRoom(f)))
}

// OnPayload returns the handler of an event whose payload stays as it came.
func OnPayload[H Handler](f func(h H, m *Member, in ws.Payload) (ws.Reply, error)) EventFunc[H] {
	if f == nil {
		return nil
	}
	return inRoom(f)
}

// inRoom returns a channel's handler of an event that has the room handle it.
func inRoom[H Handler, In any](f func(H, *Member, In) (ws.Reply, error)) func(*channel[H], *ws.Channel, In) (ws.Reply, error) {
	return func(ch *channel[H], c *ws.Channel, in In) (ws.Reply, error) {
		return ch.handle(c, func(h H, m *Member) (ws.Reply, error) { return f(h, m, in) })
	}
}
