package statem_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

// line is a command: sent by another actor, or taken out of a packet.
type (
	terminalEvent interface{ terminalEvent() }
	packet        string
	line          string
)

func (packet) terminalEvent() {}
func (line) terminalEvent()   {}

// terminal collects packets until they make up a line. Its state is what it has of
// the next one.
type terminal struct{ done chan struct{} }

func (t *terminal) Handle(c *statem.Context[string, terminalEvent], rest string, event terminalEvent) (string, error) {
	switch event := event.(type) {
	case packet:
		lines := strings.Split(rest+string(event), "\n")
		last := len(lines) - 1
		for _, l := range lines[:last] {
			c.NextEventOf(statem.Message, line(l))
		}
		return lines[last], nil
	case line:
		fmt.Println(event)
		if event == "bye" {
			close(t.done)
			return rest, actor.Stop
		}
	}
	return rest, nil
}

// What a packet contains is inserted as messages. They are handled before the next
// packet, by the same code as a line that another actor sends, and could be postponed.
func ExampleContext_NextEventOf() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	done := make(chan struct{})
	ref, err := actor.Spawn(sys, statem.New(func() *terminal { return &terminal{done} }))
	if err != nil {
		fmt.Println(err)
		return
	}
	ref.Send(packet("hel"))
	ref.Send(packet("lo\nwor"))
	ref.Send(line("from elsewhere"))
	ref.Send(packet("ld\nbye\n"))
	<-done
	// Output:
	// hello
	// from elsewhere
	// world
	// bye
}
