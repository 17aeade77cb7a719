package room

import "github.com/troupe-go/troupe/transport/ws"

// Resumer is a [Handler] that is told when the client of a member has come back to a channel
// that has outlived its connection. The room's route has a Linger then, see [ws.Route]; the
// room's own, in [Config], is about rooms without members.
//
// A member whose connection is lost stays in the room for that time: its pushes are kept, and
// nobody sees it go. If its client does not come back, [Leaver] is told of [ws.Lingered]. Give the
// route a History as well: without one, what is broadcast into a connection that is lost already,
// before that is known, is lost.
//
// Without a Resumed of its own, a member that is back is answered resumed: true and none of
// Join's fields: so a page looks at resumed.
type Resumer interface {
	// Resumed is called in the room's turn, in place of Join. What it returns means the same as
	// in [ws.Resumer], but that an error ends the member's channel and not the room. What was kept
	// comes behind the answer, so a state in it is for !r.Complete only; with a History, if
	// Recovery of the member is not Complete either: then no change comes that the state has.
	//
	// If the room crashes in Resumed, or ends meanwhile, the client is told resumed: true, and
	// then of an error, upon which it joins anew.
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
		if err := c.Listen(); err != nil { // in this turn, as in a Join
			return ws.NoReply, err
		}
		reply, err := resumer.Resumed(m, r)
		return ws.OK(reply), encoded(err)
	})
	if reply.Status() != "ok" {
		return nil, err
	}
	return reply.Payload(), err
}
