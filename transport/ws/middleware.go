package ws

// Middleware goes around the handlers of a [Route]. It is for what kinds of channels have
// in common, such as permissions, logs and times; [RateLimit] makes one. Either field may
// be nil. A function that does not call next has answered in the handler's place.
//
// The chain is made once for each route, so it takes no memory in a channel, and the
// handler itself is not wrapped: [InfoHandler], [OutHandler] and [Terminator] work as
// without. State of one channel belongs in its handler, see [Channel.Handler]; what a
// middleware keeps itself is shared by all channels and needs a lock.
//
//	func logged(log *slog.Logger) ws.Middleware {
//		return ws.Middleware{
//			HandleIn: func(next ws.HandleInFunc) ws.HandleInFunc {
//				return func(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
//					start := time.Now()
//					reply, err := next(c, event, in)
//					log.Info("handled", "topic", c.Topic(), "event", event, "took", time.Since(start))
//					return reply, err
//				}
//			},
//		}
//	}
//
// Leaving is no event: it cannot be refused, and passes by.
type Middleware struct {
	Join     func(next JoinFunc) JoinFunc
	HandleIn func(next HandleInFunc) HandleInFunc

	check func(*Route) error // what is wrong with it on a route; nil: nothing
}

// JoinFunc is a [Handler]'s Join, or one with middleware around it.
type JoinFunc func(c *Channel, topic string, in Payload) (reply any, err error)

// HandleInFunc is what handles the events of a [Route]: its table and its handler's
// HandleIn, or that with middleware around it.
type HandleInFunc func(c *Channel, event string, in Payload) (Reply, error)
