package ws

// Handler is what you write: the server side of one kind of channel. One Handler
// serves one client on one topic; it runs in an actor of its own, one call at a
// time, so its fields need no lock. A panic ends that channel only: the client is
// told by phx_error and joins again, with a new Handler.
//
// What it does on the events of its client is in a table, [Events], which [Topic] takes.
// It may also implement [InHandler], [InfoHandler], [OutHandler], [GapHandler], [Resumer] and [Terminator].
type Handler interface {
	// Join lets the client in or, with an error, refuses it; see [Refuse]. The
	// reply is the payload of the answer; nil means {}. The channel cannot push
	// or broadcast yet; [Channel.Continue] is for what follows the answer. What the
	// client sends to this topic waits meanwhile; its other topics do not. The official client
	// and package wsclient give up a join after 10 s and join again: they never get into a channel
	// whose Join always takes longer.
	Join(c *Channel, topic string, in Payload) (reply any, err error)
}

// InHandler is a [Handler] that handles the events of its client which the table of its
// [Topic] lacks. An event that neither has is answered with [UnknownEvent].
type InHandler interface {
	// HandleIn handles an event that the client pushed. With the error [Stop], or
	// one that wraps [actor.Shutdown], the channel ends in good order after the
	// reply, and the client does not come back. Any other error is a crash: the client
	// is sent the reply all the same, if there is one, and joins again. Return
	// [NoReply] with an error that leaves nothing to say.
	//
	// Phoenix: handle_in/3.
	HandleIn(c *Channel, event string, in Payload) (Reply, error)
}

// InfoHandler is a [Handler] that other parts of the program send messages to,
// through [Channel.Ref]. It also gets an [actor.Down] when an actor ends that the
// channel's [Channel.Context] monitors. Errors mean the same as in HandleIn.
type InfoHandler interface {
	HandleInfo(c *Channel, msg any) error
}

// OutHandler is a [Handler] that sees some broadcasts before its client does, and
// pushes what it likes, or nothing. That takes an encoding for each client.
type OutHandler interface {
	// Intercepts lists the events. It is asked once, before Join.
	Intercepts() []string
	// HandleOut gets a broadcast of such an event, in place of the client.
	HandleOut(c *Channel, event string, payload Payload) error
}

// Terminator is a [Handler] that cleans up. Terminate runs when the channel ends:
// with reason [Left], [Closed], [Lingered], [Rejoined], [Expired], [actor.Shutdown], or what the handler
// returned or panicked with. It does not run after a refused Join, nor when it
// would have to wait for a handler that does not return. It has five seconds: then
// the channel's context is done, and nobody waits for it any more.
//
// It is not called where the channel is killed: its handler does not return, too much waits for it,
// or it cannot go on with the log of its topic. What was on its way to the client then may come behind
// the error that it is told of; where the topic is recorded, the channel that it joins next waits for that.
type Terminator interface {
	Terminate(c *Channel, reason error)
}
