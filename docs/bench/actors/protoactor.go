package actors

import (
	"log/slog"
	"time"

	protoactor "github.com/asynkron/protoactor-go/actor"
)

// protoactorSubject is Proto.Actor as its README and doc.go use it: props from a
// function or producer, made once for each kind, the default unbounded mailbox
// and dispatcher, replies with Context.Respond, no metrics provider, no remote.
var protoactorSubject = Subject{"protoactor", func() (System, error) {
	sys := protoactor.NewActorSystem(protoactor.WithLoggerFactory(func(*protoactor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler)
	}))
	return &protoactorSystem{sys, sys.Root, nil}, nil
}}

type protoactorSystem struct {
	sys  *protoactor.ActorSystem
	root *protoactor.RootContext
	pids []*protoactor.PID
}

func (s *protoactorSystem) Stop() error {
	for _, pid := range s.pids {
		if err := s.root.StopFuture(pid).Wait(); err != nil {
			return err
		}
	}
	s.sys.Shutdown()
	return nil
}

// spawn starts an actor that f handles the messages of. Lifecycle events come the
// same way, so there is a type switch.
func (s *protoactorSystem) spawn(f protoactor.ReceiveFunc) *protoactor.PID {
	pid := s.root.Spawn(protoactor.PropsFromFunc(f))
	s.pids = append(s.pids, pid)
	return pid
}

func (s *protoactorSystem) Sink(t *Tally) (func(int64), error) {
	pid := s.spawn(func(ctx protoactor.Context) {
		switch ctx.Message().(type) {
		case Message:
			t.Handled()
		}
	})
	return func(n int64) { s.root.Send(pid, Message{N: n}) }, nil
}

func (s *protoactorSystem) PingPong(t *Tally) (func(int), error) {
	pong := s.spawn(func(ctx protoactor.Context) {
		switch m := ctx.Message().(type) {
		case Message:
			ctx.Respond(m)
		}
	})
	ping := s.spawn(func(ctx protoactor.Context) {
		switch m := ctx.Message().(type) {
		case Message:
			if m.N == 0 {
				t.Handled()
				return
			}
			ctx.Request(pong, Message{N: m.N - 1})
		}
	})
	return func(rounds int) { s.root.Send(ping, Message{N: int64(rounds)}) }, nil
}

func (s *protoactorSystem) Echo() (func(int64) (int64, error), error) {
	pid := s.spawn(func(ctx protoactor.Context) {
		switch m := ctx.Message().(type) {
		case Message:
			ctx.Respond(m.N)
		}
	})
	return func(n int64) (int64, error) {
		reply, err := s.root.RequestFuture(pid, Message{N: n}, 10*time.Second).Result()
		if err != nil {
			return 0, err
		}
		return reply.(int64), nil
	}, nil
}

type protoactorIdler struct{}

func (*protoactorIdler) Receive(protoactor.Context) {}

var protoactorIdle = protoactor.PropsFromProducer(func() protoactor.Actor { return new(protoactorIdler) })

func (s *protoactorSystem) Spawn(n int) error {
	for range n {
		s.pids = append(s.pids, s.root.Spawn(protoactorIdle))
	}
	return nil
}

func (s *protoactorSystem) SpawnStop(n int) error {
	pids := make([]*protoactor.PID, n)
	for i := range pids {
		pids[i] = s.root.Spawn(protoactorIdle)
	}
	ended := make([]*protoactor.Future, n)
	for i, pid := range pids {
		ended[i] = s.root.StopFuture(pid)
	}
	for _, f := range ended {
		if err := f.Wait(); err != nil {
			return err
		}
	}
	return nil
}

func (s *protoactorSystem) FanOut(n int, handled func()) (func(int, int64), error) {
	pids := make([]*protoactor.PID, n)
	for i := range pids {
		pids[i] = s.spawn(func(ctx protoactor.Context) {
			switch ctx.Message().(type) {
			case Message:
				handled()
			}
		})
	}
	return func(i int, n int64) { s.root.Send(pids[i], Message{N: n}) }, nil
}

func (s *protoactorSystem) Ring(n int, t *Tally) (func(int), error) {
	pids := make([]*protoactor.PID, n)
	for i := range pids {
		pids[i] = s.spawn(func(ctx protoactor.Context) {
			switch m := ctx.Message().(type) {
			case Message:
				if m.N--; m.N > 0 {
					ctx.Send(pids[(i+1)%n], m)
				} else {
					t.Handled()
				}
			}
		})
	}
	return func(hops int) { s.root.Send(pids[0], Message{N: int64(hops)}) }, nil
}

// Restart has a guardian with the strategy that restarts always. Only a panic can
// make an actor fail.
func (s *protoactorSystem) Restart(ready func()) (func(bool) error, error) {
	pid := s.root.Spawn(protoactor.PropsFromFunc(func(ctx protoactor.Context) {
		switch ctx.Message().(type) {
		case *protoactor.Started:
			ready()
		case Message:
			panic(errBoom)
		}
	}, protoactor.WithGuardian(protoactor.NewRestartingStrategy())))
	s.pids = append(s.pids, pid)
	return func(panics bool) error {
		if !panics {
			return errNoError
		}
		s.root.Send(pid, Message{})
		return nil
	}, nil
}
