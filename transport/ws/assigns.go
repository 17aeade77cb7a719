package ws

import (
	"fmt"
	"reflect"
)

// AssignsOf returns what Connect assigned to the connection, as the T that it is:
//
//	user := ws.AssignsOf[User](c)
//
// It panics if Connect assigned something else, which is a mistake in the program;
// for a channel on sockets that assign different things, there is [Channel.Assigns].
func AssignsOf[T any](c *Channel) T {
	assigns, ok := c.Assigns().(T)
	if !ok {
		panic(fmt.Sprintf("ws: AssignsOf: Connect assigned %T, not %v", c.Assigns(), reflect.TypeFor[T]()))
	}
	return assigns
}
