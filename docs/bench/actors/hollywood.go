package actors

import (
	"log/slog"
	"math"
	"time"

	hollywood "github.com/anthdm/hollywood/actor"
	_ "github.com/troupe-go/troupe/docs/bench/actors/conflict"
)

// hollywoodSubject is Hollywood as its README and its own benchmark (_bench) use
// it: one engine, no remote, one producer for each kind of actor, replies with
// Context.Respond. Its event stream always runs and logs through slog, so that
// one is silenced.
var hollywoodSubject = Subject{"hollywood", func() (System, error) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	engine, err := hollywood.NewEngine(hollywood.NewEngineConfig())
	return &hollywoodSystem{engine: engine}, err
}}

// small is the inbox of actors that few messages wait for at once. The default of
// 1,024 slots costs 28 KB an actor; one that is full grows.
var small = hollywood.WithInboxSize(16)

type hollywoodSystem struct {
	engine *hollywood.Engine
	pids   []*hollywood.PID
}

// Stop stops the actors. An engine itself has no end: its event stream is an
// actor without a goroutine.
func (s *hollywoodSystem) Stop() error {
	for _, pid := range s.pids {
		<-s.engine.Poison(pid).Done()
	}
	return nil
}

// spawn starts an actor that f handles the messages of, as Engine.SpawnFunc does.
// Lifecycle events come the same way as messages, so there is a type switch.
func (s *hollywoodSystem) spawn(f func(*hollywood.Context), opts ...hollywood.OptFunc) *hollywood.PID {
	pid := s.engine.SpawnFunc(f, "bench", opts...)
	s.pids = append(s.pids, pid)
	return pid
}

func (s *hollywoodSystem) Sink(t *Tally) (func(int64), error) {
	pid := s.spawn(func(ctx *hollywood.Context) {
		switch ctx.Message().(type) {
		case Message:
			t.Handled()
		}
	})
	return func(n int64) { s.engine.Send(pid, Message{N: n}) }, nil
}

func (s *hollywoodSystem) PingPong(t *Tally) (func(int), error) {
	pong := s.spawn(func(ctx *hollywood.Context) {
		switch m := ctx.Message().(type) {
		case Message:
			ctx.Respond(m)
		}
	})
	ping := s.spawn(func(ctx *hollywood.Context) {
		switch m := ctx.Message().(type) {
		case Message:
			if m.N == 0 {
				t.Handled()
				return
			}
			ctx.Send(pong, Message{N: m.N - 1})
		}
	})
	return func(rounds int) { s.engine.Send(ping, Message{N: int64(rounds)}) }, nil
}

func (s *hollywoodSystem) Echo() (func(int64) (int64, error), error) {
	pid := s.spawn(func(ctx *hollywood.Context) {
		switch m := ctx.Message().(type) {
		case Message:
			ctx.Respond(m.N)
		}
	})
	return func(n int64) (int64, error) {
		reply, err := s.engine.Request(pid, Message{N: n}, 10*time.Second).Result()
		if err != nil {
			return 0, err
		}
		return reply.(int64), nil
	}, nil
}

type hollywoodIdler struct{}

func (*hollywoodIdler) Receive(*hollywood.Context) {}

func newHollywoodIdler() hollywood.Receiver { return new(hollywoodIdler) }

func (s *hollywoodSystem) Spawn(n int) error {
	for range n {
		s.pids = append(s.pids, s.engine.Spawn(newHollywoodIdler, "idle", small))
	}
	return nil
}

func (s *hollywoodSystem) SpawnStop(n int) error {
	pids := make([]*hollywood.PID, n)
	for i := range pids {
		pids[i] = s.engine.Spawn(newHollywoodIdler, "idle", small)
	}
	ended := make([]<-chan struct{}, n)
	for i, pid := range pids {
		ended[i] = s.engine.Stop(pid).Done()
	}
	for _, done := range ended {
		<-done
	}
	return nil
}

func (s *hollywoodSystem) FanOut(n int, handled func()) (func(int, int64), error) {
	pids := make([]*hollywood.PID, n)
	for i := range pids {
		pids[i] = s.spawn(func(ctx *hollywood.Context) {
			switch ctx.Message().(type) {
			case Message:
				handled()
			}
		}, small)
	}
	return func(i int, n int64) { s.engine.Send(pids[i], Message{N: n}) }, nil
}

func (s *hollywoodSystem) Ring(n int, t *Tally) (func(int), error) {
	pids := make([]*hollywood.PID, n)
	for i := range pids {
		pids[i] = s.spawn(func(ctx *hollywood.Context) {
			switch m := ctx.Message().(type) {
			case Message:
				if m.N--; m.N > 0 {
					ctx.Send(pids[(i+1)%n], m)
				} else {
					t.Handled()
				}
			}
		}, small)
	}
	return func(hops int) { s.engine.Send(pids[0], Message{N: int64(hops)}) }, nil
}

// Restart takes the delay before a restart away, 500 ms by default. Only a panic
// can make an actor fail.
func (s *hollywoodSystem) Restart(ready func()) (func(bool) error, error) {
	pid := s.spawn(func(ctx *hollywood.Context) {
		switch ctx.Message().(type) {
		case hollywood.Started:
			ready()
		case Message:
			panic(errBoom)
		}
	}, hollywood.WithRestartDelay(0), hollywood.WithMaxRestarts(math.MaxInt32))
	return func(panics bool) error {
		if !panics {
			return errNoError
		}
		s.engine.Send(pid, Message{})
		return nil
	}, nil
}
