package actors

import (
	"sync"
	"sync/atomic"

	"ergo.services/ergo"
	"ergo.services/ergo/act"
	"ergo.services/ergo/gen"
)

// ergoSubject is Ergo as docs/basics and docs/actors of its repository describe:
// actors embed act.Actor, a node with networking disabled (docs/basics/node.md)
// and the default logger off, messages as plain structs.
var ergoSubject = Subject{"ergo", func() (System, error) {
	name := gen.Atom("bench" + string(rune('a'+ergoNodes.Add(1)%26)) + "@localhost")
	node, err := ergo.StartNode(name, gen.NodeOptions{
		Network: gen.NetworkOptions{Mode: gen.NetworkModeDisabled},
		Log: gen.LogOptions{
			Level:         gen.LogLevelDisabled,
			DefaultLogger: gen.DefaultLoggerOptions{Disable: true},
		},
	})
	return &ergoSystem{node: node}, err
}}

// ergoNodes gives nodes that are started one after another different names.
var ergoNodes atomic.Int32

type ergoSystem struct {
	node gen.Node
	pids []gen.PID
}

func (s *ergoSystem) Stop() error {
	s.node.SetCTRLC(false) // a node handles the signals of its process by default
	s.node.StopForce()
	s.node.Wait()
	return nil
}

// ergoActor handles messages with a function.
type ergoActor struct {
	act.Actor
	handle func(a *ergoActor, from gen.PID, m any) error
	ended  *sync.WaitGroup
}

func (a *ergoActor) HandleMessage(from gen.PID, m any) error {
	if a.handle == nil {
		return nil
	}
	return a.handle(a, from, m)
}

// HandleCall answers with what it returns.
func (a *ergoActor) HandleCall(_ gen.PID, _ gen.Ref, request any) (any, error) {
	return request.(Message).N, nil
}

func (a *ergoActor) Terminate(error) {
	if a.ended != nil {
		a.ended.Done()
	}
}

func (s *ergoSystem) spawn(handle func(*ergoActor, gen.PID, any) error) (gen.PID, error) {
	return s.node.Spawn(func() gen.ProcessBehavior { return &ergoActor{handle: handle} }, gen.ProcessOptions{})
}

func (s *ergoSystem) Sink(t *Tally) (func(int64), error) {
	pid, err := s.spawn(func(_ *ergoActor, _ gen.PID, m any) error {
		switch m.(type) {
		case Message:
			t.Handled()
		}
		return nil
	})
	return func(n int64) { s.node.Send(pid, Message{N: n}) }, err
}

func (s *ergoSystem) PingPong(t *Tally) (func(int), error) {
	pong, err := s.spawn(func(a *ergoActor, from gen.PID, m any) error {
		return a.SendPID(from, m)
	})
	if err != nil {
		return nil, err
	}
	ping, err := s.spawn(func(a *ergoActor, _ gen.PID, m any) error {
		switch m := m.(type) {
		case Message:
			if m.N == 0 {
				t.Handled()
				return nil
			}
			return a.SendPID(pong, Message{N: m.N - 1})
		}
		return nil
	})
	return func(rounds int) { s.node.Send(ping, Message{N: int64(rounds)}) }, err
}

func (s *ergoSystem) Echo() (func(int64) (int64, error), error) {
	pid, err := s.spawn(nil)
	return func(n int64) (int64, error) {
		reply, err := s.node.Call(pid, Message{N: n})
		if err != nil {
			return 0, err
		}
		return reply.(int64), nil
	}, err
}

func newErgoIdler() gen.ProcessBehavior { return new(ergoActor) }

func (s *ergoSystem) Spawn(n int) error {
	for range n {
		pid, err := s.node.Spawn(newErgoIdler, gen.ProcessOptions{})
		if err != nil {
			return err
		}
		s.pids = append(s.pids, pid)
	}
	return nil
}

func (s *ergoSystem) SpawnStop(n int) error {
	var ended sync.WaitGroup
	pids := make([]gen.PID, n)
	for i := range pids {
		var err error
		if pids[i], err = s.node.Spawn(func() gen.ProcessBehavior { return &ergoActor{ended: &ended} }, gen.ProcessOptions{}); err != nil {
			return err
		}
	}
	ended.Add(n)
	for _, pid := range pids {
		if err := s.node.SendExit(pid, gen.TerminateReasonShutdown); err != nil {
			return err
		}
	}
	ended.Wait()
	return nil
}

func (s *ergoSystem) FanOut(n int, handled func()) (func(int, int64), error) {
	pids := make([]gen.PID, n)
	for i := range pids {
		var err error
		if pids[i], err = s.spawn(func(_ *ergoActor, _ gen.PID, m any) error {
			switch m.(type) {
			case Message:
				handled()
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return func(i int, n int64) { s.node.Send(pids[i], Message{N: n}) }, nil
}

func (s *ergoSystem) Ring(n int, t *Tally) (func(int), error) {
	pids := make([]gen.PID, n)
	for i := range pids {
		var err error
		if pids[i], err = s.spawn(func(a *ergoActor, _ gen.PID, m any) error {
			switch m := m.(type) {
			case Message:
				if m.N--; m.N > 0 {
					return a.SendPID(pids[(i+1)%n], m)
				}
				t.Handled()
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return func(hops int) { s.node.Send(pids[0], Message{N: int64(hops)}) }, nil
}

// ergoMortal fails as it is told.
type ergoMortal struct{ act.Actor }

func (m *ergoMortal) HandleMessage(_ gen.PID, message any) error {
	if message.(bool) {
		panic(errBoom)
	}
	return errBoom
}

// ergoSupervisor is as in docs/actors/supervisor.md. Two races of 3.2.0 keep it
// from restarting now and then, and are avoided here. With the type one_for_one,
// the name of a child is freed after its supervisor is told of its end: so the type
// is the one without names. And a child that fails before its supervisor has linked
// to it goes unnoticed: so it is ready when the supervisor says so. The intensity
// can be 65,535 restarts a second at most.
type ergoSupervisor struct {
	act.Supervisor
	ready func()
	child *atomic.Pointer[gen.PID]
}

func (s *ergoSupervisor) Init(...any) (act.SupervisorSpec, error) {
	return act.SupervisorSpec{
		Type: act.SupervisorTypeSimpleOneForOne,
		Children: []act.SupervisorChildSpec{{
			Name:    "mortal",
			Factory: func() gen.ProcessBehavior { return new(ergoMortal) },
		}},
		Restart: act.SupervisorRestart{
			Strategy: act.SupervisorStrategyPermanent, Intensity: 65535, Period: 1,
		},
		EnableHandleChild: true,
	}, nil
}

// HandleMessage starts the child.
func (s *ergoSupervisor) HandleMessage(gen.PID, any) error { return s.StartChild("mortal") }

func (s *ergoSupervisor) HandleChildStart(_ gen.Atom, pid gen.PID) error {
	s.child.Store(&pid)
	s.ready()
	return nil
}

func (s *ergoSupervisor) HandleChildTerminate(gen.Atom, gen.PID, error) error { return nil }

func (s *ergoSystem) Restart(ready func()) (func(bool) error, error) {
	var child atomic.Pointer[gen.PID]
	sup, err := s.node.Spawn(func() gen.ProcessBehavior {
		return &ergoSupervisor{ready: ready, child: &child}
	}, gen.ProcessOptions{})
	if err != nil {
		return nil, err
	}
	return func(panics bool) error { return s.node.Send(*child.Load(), panics) }, s.node.Send(sup, true)
}
