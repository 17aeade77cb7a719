package docs

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/supervisor"
)

// Counter is what clients use: the client functions of the module.
type Counter struct{ ref supervisor.Ref[message] }

func NewCounter(disk Disk) (supervisor.Child, Counter) {
	child, ref := supervisor.ActorRef("counter", func() *counter { return &counter{disk: disk} })
	return child, Counter{ref}
}

func (c Counter) Add(k int) { c.ref.Send(add{k}) }

func (c Counter) Get(ctx context.Context) (int, error) {
	return supervisor.Call(ctx, c.ref, func(r actor.Reply[int]) message { return get{r} })
}

// The messages: what the clauses of handle_cast, handle_call and handle_info match.
type (
	message interface{ message() }
	add     struct{ k int }
	get     struct{ reply actor.Reply[int] }
	save    struct{}
)

func (add) message()  {}
func (get) message()  {}
func (save) message() {}

// counter is the callback module, and its fields are the state.
type counter struct {
	disk Disk
	n    int
}

type Disk interface {
	Read() (int, error)
	Write(n int) error
}

func (c *counter) Init(ctx *actor.Context[message]) error {
	ctx.TrapExit(true)   // Process.flag(:trap_exit, true)
	ctx.Continue(c.load) // {:ok, n, {:continue, :load}}
	return nil
}

func (c *counter) load(ctx *actor.Context[message]) (err error) {
	ctx.SendEvery(time.Minute, save{}) // Process.send_after, again and again
	c.n, err = c.disk.Read()
	return err
}

func (c *counter) Receive(_ *actor.Context[message], m message) error {
	switch m := m.(type) {
	case add:
		c.n += m.k
	case get:
		m.reply.Send(c.n)
	case save:
		return c.disk.Write(c.n) // an error is {:stop, reason, n}
	}
	return nil // {:noreply, n}
}

func (c *counter) HandleExit(*actor.Context[message], actor.Exit) error { return nil }

func (c *counter) Terminate(*actor.Context[message], error) { c.disk.Write(c.n) }

func StartApp(sys *actor.System, disk Disk) (Counter, error) {
	child, counter := NewCounter(disk)
	_, err := supervisor.Start(sys, supervisor.Spec{
		Strategy: supervisor.RestForOne,
		Children: []supervisor.Child{child},
	})
	return counter, err
}

// memory is a Disk that any goroutine may look at.
type memory struct {
	mu sync.Mutex
	n  int
}

func (d *memory) Read() (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.n, nil
}

func (d *memory) Write(n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n = n
	return nil
}

// The counter of otp.md does what its module in Elixir does.
func TestTheCounterOfTheGuide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t)
		disk := &memory{n: 40}
		counter, err := StartApp(sys, disk)
		if err != nil {
			t.Fatal(err)
		}
		counter.Add(1)
		if n, err := counter.Get(t.Context()); n != 41 || err != nil {
			t.Errorf("%d, %v; want 41", n, err)
		}
		if n, _ := disk.Read(); n != 40 {
			t.Errorf("%d on the disk before a minute has passed, want 40", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n, _ := disk.Read(); n != 41 {
			t.Errorf("%d on the disk after a minute, want 41", n)
		}
		counter.Add(1)
		if err := sys.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, _ := disk.Read(); n != 42 {
			t.Errorf("%d on the disk after the end, want 42", n)
		}
	})
}
