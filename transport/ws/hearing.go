package ws

import "slices"

// hearing is how a channel hears what is broadcast on its topic, if not as most do: each
// message as it is.
type hearing struct {
	intercepts []string // the events that go to the handler
	replay     *replay  // nil: the topic is not recorded
}

// replay returns how far the channel is with the log of its topic, or nil if there is none.
func (c *Channel) replay() *replay {
	if c.hears == nil {
		return nil
	}
	return c.hears.replay
}

func (c *Channel) interceptsAny() bool { return c.hears != nil && len(c.hears.intercepts) > 0 }

func (c *Channel) interceptsEvent(event string) bool {
	return c.hears != nil && slices.Contains(c.hears.intercepts, event)
}

// hear subscribes the channel to its topic.
func (c *Channel) hear() error {
	if c.replay() != nil {
		return c.replay().listen(c)
	}
	return c.subscribe(c.topic, listener{c})
}
