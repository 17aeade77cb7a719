package room

import "github.com/troupe-go/troupe/transport/ws"

// Resumer is a [Handler] that is told when the client of a member has come back to a channel
// that has outlived its connection. The room's route has a Linger then, see [ws.Route]; the
// room's own, in [Config], is about rooms without members.
//
// A member whose connection is lost stays in the room for that time: its pushes are kept, and
// nobody sees it go. If its client does not come back, [Leaver] is told of [ws.Lingered].
type Resumer interface {
	// Resumed is called in the room's turn, in place of Join. What it returns means the same as
	// in [ws.Resumer], but that an error ends the member's channel and not the room.
	Resumed(m *Member, r ws.Resumption) (reply any, err error)
}

// Resumed implements [ws.Resumer]. If the room ends meanwhile, its end is on its way to
// HandleInfo, and the answer says nothing of it.
func (ch *channel[H]) Resumed(c *ws.Channel, r ws.Resumption) (any, error) {
	reply, err := ch.handle(c, func(h H, m *Member) (ws.Reply, error) {
		resumer, ok := any(h).(Resumer)
		if !ok {
			return ws.OK(nil), nil
		}
		reply, err := resumer.Resumed(m, r)
		return ws.OK(reply), encoded(err)
	})
	if reply.Status() != "ok" {
		return nil, err
	}
	return reply.Payload(), err
}
