package mailbox_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
)

// printer prints one job at a time, each when it may.
type printer struct {
	started chan string
	next    chan struct{}
}

func (p *printer) Receive(_ *actor.Context[string], job string) error {
	p.started <- job
	<-p.next
	return nil
}

// Two jobs may wait for the printer. The sender of a third one hears that there is no
// room, instead of waiting for ever.
func ExampleBounded() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	p := &printer{started: make(chan string), next: make(chan struct{})}
	jobs, err := actor.Spawn(sys, func() *printer { return p },
		actor.Mailbox(mailbox.Bounded(2, mailbox.Fail)))
	if err != nil {
		panic(err)
	}

	jobs.Send("report")
	fmt.Println("printing the", <-p.started) // what the printer has in hand does not wait
	for _, job := range []string{"letter", "poster", "novel"} {
		if err := jobs.TrySend(job); errors.Is(err, actor.ErrFull) {
			fmt.Println("no room for the", job)
		}
	}
	for range 2 {
		p.next <- struct{}{}
		fmt.Println("printing the", <-p.started)
	}
	p.next <- struct{}{}
	// Output:
	// printing the report
	// no room for the novel
	// printing the letter
	// printing the poster
}
