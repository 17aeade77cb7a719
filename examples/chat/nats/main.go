// Command nats is the chat of examples/chat on several nodes, with NATS between them.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/troupe-go/troupe/examples/chat/internal/chat"
	"github.com/troupe-go/troupe/transport/nats"
)

func main() {
	var c chat.Config
	c.Flags(flag.CommandLine)
	url := flag.String("nats", "nats://127.0.0.1:4222", "`URL` of the NATS server, or of several with commas between")
	name := flag.String("name", "", "the node's `name`, which no other one may have; its address if empty")
	keep := flag.Bool("history", false, "keep what is said on JetStream, so that all nodes have it, and still do after a restart")
	flag.Parse()

	node, err := nats.Join(context.Background(), nats.Config{URL: *url, Name: cmp.Or(*name, c.Addr)})
	if err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
	defer node.Close() // when all has ended, and the node has left
	c.Cluster = node.Cluster()
	c.Observers = &nats.Observers{Conn: node.Conn(), Name: node.Name()}
	if *keep {
		c.Store = &nats.History{Conn: node.Conn()}
	}
	chat.Main(c)
}
