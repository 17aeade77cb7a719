package pubsub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// An actor hears of what is broadcast on a topic as a message of its own type.
func Example() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	var rooms pubsub.PubSub[string]

	type heard struct{ room, line string }
	done := make(chan struct{})
	ref, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[heard], m heard) error {
		fmt.Printf("%s: %s\n", m.room, m.line)
		close(done)
		return actor.Stop // which unsubscribes, too
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	toHeard := func(room, line string) heard { return heard{room, line} }
	if err := pubsub.SubscribeTo(&rooms, ref, "room:1", toHeard); err != nil {
		fmt.Println(err)
		return
	}

	rooms.Broadcast("room:1", "hello")
	<-done
	<-ref.PID().Done()
	fmt.Println("subscribers left:", rooms.Subscribers("room:1"))
	// Output:
	// room:1: hello
	// subscribers left: 0
}

// event is what the connections of the fast lane share. It is encoded when the
// first connection needs it, and never again.
type event struct {
	Name string `json:"event"`
	Body string `json:"body"`

	once  sync.Once
	frame []byte
}

func (e *event) encoded() []byte {
	e.once.Do(func() {
		fmt.Println("encoding", e.Name)
		e.frame, _ = json.Marshal(e)
	})
	return e.frame
}

// connection writes what it gets straight to its client. Its actor, which owns
// the subscription, does not wake up for it. A real connection has a queue with
// a limit in front of the network, because Deliver must not block.
type connection struct {
	client string
	w      io.Writer
}

func (c *connection) Deliver(topic string, e *event) {
	fmt.Fprintf(c.w, "%s to %s: %s\n", topic, c.client, e.encoded())
}

// The fast lane: the frame is encoded once, however many connections get it.
func ExamplePubSub_fastlane() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	var topics pubsub.PubSub[*event]
	for _, client := range []string{"ada", "bob"} {
		owner, err := actor.Spawn(sys, actor.Func(func(*actor.Context[string], string) error { return nil }))
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := topics.Subscribe(owner.PID(), "room:1", &connection{client, os.Stdout}); err != nil {
			fmt.Println(err)
			return
		}
	}

	topics.Broadcast("room:1", &event{Name: "new_msg", Body: "hello"})
	// Unordered output:
	// encoding new_msg
	// room:1 to ada: {"event":"new_msg","body":"hello"}
	// room:1 to bob: {"event":"new_msg","body":"hello"}
}

// Two nodes of a cluster, here in one program. Each has its own subscribers; a
// broadcast reaches those of both.
func ExampleCluster() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	var hub pubsub.Hub // in production an adapter that uses the network
	var berlin, tokyo pubsub.PubSub[string]
	for name, rooms := range map[string]*pubsub.PubSub[string]{"berlin": &berlin, "tokyo": &tokyo} {
		cluster := pubsub.NewCluster(hub.Node(name))
		if err := rooms.Connect(cluster, "rooms", pubsub.JSON[string]{}); err != nil {
			fmt.Println(err)
			return
		}
		// In production a child of the program's supervisor:
		// supervisor.Actor("cluster", cluster.Behavior).
		if _, err := actor.Spawn(sys, cluster.Behavior); err != nil {
			fmt.Println(err)
			return
		}
	}

	heard := make(chan string, 1)
	ref, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[string], line string) error {
		heard <- line
		return nil
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	toLine := func(room, line string) string { return room + ": " + line }
	if err := pubsub.SubscribeTo(&tokyo, ref, "room:1", toLine); err != nil {
		fmt.Println(err)
		return
	}

	if err := berlin.Broadcast("room:1", "hello from "+berlin.Node()); err != nil {
		fmt.Println("some did not get it:", err)
	}
	fmt.Println(<-heard)
	// Output:
	// room:1: hello from berlin
}
