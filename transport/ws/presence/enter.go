package presence

import "github.com/troupe-go/troupe/transport/ws"

// Enter makes a channel present in its topic under the key, and shows its client who is
// there: it does what [Tracker.Track] and [Tracker.PushState] do, once the answer to the
// join has been sent. It is for a channel's Join. What fails ends the channel as a crash,
// and its client joins again.
//
// Phoenix: what a Presence does after send(self(), :after_join).
func (t *Tracker) Enter(c *ws.Channel, key string, meta any) {
	c.Continue(func(c *ws.Channel) error {
		if _, err := t.Track(c, key, meta); err != nil {
			return err
		}
		return t.PushState(c)
	})
}
