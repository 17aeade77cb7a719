package actors

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/docs/bench/report"
	"github.com/troupe-go/troupe/supervisor"
)

// troupe is used as the examples of its packages do, with logging off as for all.
var troupe = Subject{report.Troupe, func() (System, error) {
	return &troupeSystem{sys: actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})}, nil
}}

type troupeSystem struct {
	sys  *actor.System
	idle []actor.Ref[Message]
}

func (s *troupeSystem) Stop() error {
	return s.sys.Shutdown(context.Background())
}

func troupeSpawn[M any](s *troupeSystem, f actor.BehaviorFunc[M]) (actor.Ref[M], error) {
	return actor.Spawn(s.sys, actor.Func(f))
}

func (s *troupeSystem) Sink(t *Tally) (func(int64), error) {
	ref, err := troupeSpawn(s, func(*actor.Context[Message], Message) error {
		t.Handled()
		return nil
	})
	return func(n int64) { ref.Send(Message{N: n}) }, err
}

func (s *troupeSystem) PingPong(t *Tally) (func(int), error) {
	type ball struct {
		Message
		from actor.Ref[Message]
	}
	pong, err := troupeSpawn(s, func(_ *actor.Context[ball], b ball) error {
		b.from.Send(b.Message)
		return nil
	})
	if err != nil {
		return nil, err
	}
	ping, err := troupeSpawn(s, func(ctx *actor.Context[Message], m Message) error {
		if m.N == 0 {
			t.Handled()
			return nil
		}
		pong.Send(ball{Message{N: m.N - 1}, ctx.Self()})
		return nil
	})
	return func(rounds int) { ping.Send(Message{N: int64(rounds)}) }, err
}

func (s *troupeSystem) Echo() (func(int64) (int64, error), error) {
	type request struct {
		Message
		reply actor.Reply[int64]
	}
	ref, err := troupeSpawn(s, func(_ *actor.Context[request], r request) error {
		r.reply.Send(r.N)
		return nil
	})
	ctx := context.Background()
	return func(n int64) (int64, error) {
		return actor.Call(ctx, ref, func(r actor.Reply[int64]) request { return request{Message{N: n}, r} })
	}, err
}

// idler is an actor with a state of its own, as all subjects have.
type idler struct{}

func (*idler) Receive(*actor.Context[Message], Message) error { return nil }

func newIdler() *idler { return new(idler) }

func (s *troupeSystem) Spawn(n int) error {
	for range n {
		ref, err := actor.Spawn(s.sys, newIdler)
		if err != nil {
			return err
		}
		s.idle = append(s.idle, ref)
	}
	return nil
}

func (s *troupeSystem) SpawnStop(n int) error {
	pids := make([]actor.PID, n)
	for i := range pids {
		ref, err := actor.Spawn(s.sys, newIdler)
		if err != nil {
			return err
		}
		pids[i] = ref.PID()
	}
	for _, pid := range pids {
		pid.Exit(actor.Shutdown)
	}
	for _, pid := range pids {
		<-pid.Done()
	}
	return nil
}

func (s *troupeSystem) FanOut(n int, handled func()) (func(int, int64), error) {
	refs := make([]actor.Ref[Message], n)
	for i := range refs {
		var err error
		if refs[i], err = troupeSpawn(s, func(*actor.Context[Message], Message) error {
			handled()
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return func(i int, n int64) { refs[i].Send(Message{N: n}) }, nil
}

func (s *troupeSystem) Ring(n int, t *Tally) (func(int), error) {
	refs := make([]actor.Ref[Message], n)
	for i := range refs {
		var err error
		if refs[i], err = troupeSpawn(s, func(_ *actor.Context[Message], m Message) error {
			if m.N--; m.N > 0 {
				refs[(i+1)%n].Send(m)
			} else {
				t.Handled()
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return func(hops int) { refs[0].Send(Message{N: int64(hops)}) }, nil
}

// mortal fails as it is told.
type mortal struct {
	ready func()
	self  *current
}

// current is the incarnation of a mortal that lives.
type current struct {
	mu  sync.Mutex
	ref actor.Ref[bool]
}

func (m mortal) Init(ctx *actor.Context[bool]) error {
	m.self.mu.Lock()
	m.self.ref = ctx.Self()
	m.self.mu.Unlock()
	m.ready()
	return nil
}

func (m mortal) Receive(_ *actor.Context[bool], panics bool) error {
	if panics {
		panic(errBoom)
	}
	return errBoom
}

// Restart uses a static supervisor with an intensity that is never reached.
func (s *troupeSystem) Restart(ready func()) (func(bool) error, error) {
	self := new(current)
	_, err := supervisor.Start(s.sys, supervisor.Spec{
		Intensity: 1 << 30, Period: time.Microsecond,
		Children: []supervisor.Child{
			supervisor.Actor("mortal", func() mortal { return mortal{ready, self} }),
		},
	})
	return func(panics bool) error {
		self.mu.Lock()
		ref := self.ref
		self.mu.Unlock()
		ref.Send(panics)
		return nil
	}, err
}
