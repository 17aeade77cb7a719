// Command chat is a chat room in which every connection and every joined room is
// a supervised actor. Open http://127.0.0.1:4000 in two tabs, and
// http://127.0.0.1:4000/observer/ in a third to see what runs.
//
// The same chat on several nodes is a module of its own, in the directory nats.
package main

import (
	"flag"

	"github.com/troupe-go/troupe/examples/chat/internal/chat"
)

func main() {
	var c chat.Config
	c.Flags(flag.CommandLine)
	flag.Parse()
	chat.Main(c)
}
