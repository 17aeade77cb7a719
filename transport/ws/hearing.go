package ws

import "slices"

// hearing is how a channel hears what is broadcast on its topic, if not as most do: each
// message as it is.
type hearing struct {
	intercepts []string // the events that go to the handler
	replay     *replay  // nil: the topic is not recorded
	tether     *tether  // nil: it ends with its connection
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
	defer c.hearUnlessExpired()
	return c.subscribe(c.topic, listener{c})
}

// hearUnlessExpired is called behind each subscription: a channel may expire while its Join
// runs, or before it has read all of a log. The mark is set before hearNoMore is called, so
// what one of the two does not see, the other one does.
func (c *Channel) hearUnlessExpired() {
	if c.is(flagExpired) {
		c.hearNoMore()
	}
}

// hearNoMore ends the channel's subscription to its topic. It may be called from any goroutine.
func (c *Channel) hearNoMore() {
	e := c.line().endpoint
	e.topics.Unsubscribe(c.ctx.PID(), c.topic)
	if r := e.recorderOn(c.topic); r != nil { // not by its replay: its Join may be about to set that
		r.unhear(c)
	}
}
