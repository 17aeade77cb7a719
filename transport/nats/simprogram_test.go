package nats

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// simProgram is a program on a node of a simulated cluster: what a user's main would have.
type simProgram struct {
	*place
	bus  *simBus
	node *Node
	sys  *actor.System

	// ticking are the actors that do something by themselves. They stand still with the
	// program. What others do is up to the test.
	ticking func() []actor.PID

	still   sync.WaitGroup // while it is paused
	stopped sync.Once
}

// startProgram starts a node with children that use its cluster. It fails where the node does
// not join, as a program does that its platform restarts.
func startProgram(bus *simBus, at *place, children func(*Node) []supervisor.Child, options ...nats.Option) (*simProgram, error) {
	log := slog.New(slog.DiscardHandler)
	node, err := Join(context.Background(), Config{
		URL: simURL, Name: at.name, Logger: log, Options: append(options, bus.from(at), nats.CustomReconnectDelay(func(int) time.Duration {
			return reconnectWait + upTo(at.chance("reconnect"), reconnectWait)
		})),
	})
	if err != nil {
		return nil, err
	}
	node.adapter.times = defaultTimes
	node.adapter.times.pass = at.pass
	p := &simProgram{
		place: at, bus: bus, node: node, sys: actor.NewSystem(actor.Config{Logger: log}),
		ticking: func() []actor.PID { return nil },
	}
	spec := supervisor.Spec{Children: append([]supervisor.Child{node.Child()}, children(node)...)}
	if _, err := supervisor.Start(p.sys, spec); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// pause has the program stand still for a while, if it does not already.
func (p *simProgram) pause(d time.Duration) {
	if !p.acts() {
		return
	}
	p.still.Wait() // until it has gone on from the last one
	p.set(&p.paused, d)
	list := p.ticking()
	for _, pid := range list {
		_ = pid.Suspend(context.Background()) // it may be about to end
	}
	p.still.Go(func() {
		p.awake()
		time.Sleep(upTo(p.chance("awake"), 200*time.Millisecond))
		for _, pid := range list {
			_ = pid.Resume(context.Background())
		}
	})
}

// stop ends the program as SIGTERM does.
func (p *simProgram) stop() {
	p.stopped.Do(func() {
		p.still.Wait()
		_ = p.sys.Shutdown(context.Background())
		p.node.Close()
	})
}

// kill ends the program as SIGKILL does.
func (p *simProgram) kill() {
	p.die()
	p.bus.sever(p.place)
	p.stop()
}
