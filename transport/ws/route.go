package ws

import (
	"fmt"
	"strings"
)

// maxTopic is how many bytes the topic of a channel may have, and its join ref: the
// connection keeps both for as long as the client is in.
const maxTopic = 1024

// Route gives the topics of a pattern to one kind of channel. A pattern is a
// topic, or ends in "*" and then stands for all topics with that prefix:
// "room:*" matches "room:lobby" and "room:". Topics are case-sensitive.
type Route struct {
	Pattern string
	// New returns the handler of a channel that is being joined. It is called once
	// for each join, so a handler's fields are the state of one channel.
	New func() Handler
	// Use is the middleware of the route's channels, the outermost first.
	Use []Middleware

	join     JoinFunc // with the middleware
	handleIn HandleInFunc
}

// Routes are tried in order; the first that matches a topic has it.
type Routes []Route

func (rs Routes) match(topic string) *Route {
	for i := range rs {
		prefix, wild := strings.CutSuffix(rs[i].Pattern, "*")
		if topic == prefix || wild && strings.HasPrefix(topic, prefix) {
			return &rs[i]
		}
	}
	return nil
}

func (rs Routes) validate() error {
	for i, r := range rs {
		switch {
		case r.Pattern == "":
			return fmt.Errorf("route %d: empty pattern", i)
		case strings.Contains(strings.TrimSuffix(r.Pattern, "*"), "*"):
			return fmt.Errorf("route %q: a * is allowed at the end only", r.Pattern)
		case r.New == nil:
			return fmt.Errorf("route %q: New is nil", r.Pattern)
		}
	}
	return nil
}
