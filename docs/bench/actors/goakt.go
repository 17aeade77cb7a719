package actors

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	goakt "github.com/tochemey/goakt/v3/actor"
	"github.com/tochemey/goakt/v3/goaktpb"
	"github.com/tochemey/goakt/v3/log"
	"github.com/tochemey/goakt/v3/supervisor"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// goaktSubject is GoAkt as its own benchmarks (bench/processing_test.go) use it:
// the discarding logger, one try to start an actor, the default mailbox, Tell
// and Ask. Actors are long-lived, so that none is passivated while it is measured.
// Messages must be protocol buffers: a wrapped int64, made anew for each.
var goaktSubject = Subject{"goakt", func() (System, error) {
	sys, err := goakt.NewActorSystem("bench", goakt.WithLogger(log.DiscardLogger), goakt.WithActorInitMaxRetries(1))
	if err != nil {
		return nil, err
	}
	return &goaktSystem{sys: sys, ctx: context.Background()}, sys.Start(context.Background())
}}

type goaktSystem struct {
	sys  goakt.ActorSystem
	ctx  context.Context
	n    int
	pids []*goakt.PID
}

func (s *goaktSystem) Stop() error { return s.sys.Stop(s.ctx) }

// goaktActor handles messages with a function.
type goaktActor struct {
	receive func(*goakt.ReceiveContext)
}

func (*goaktActor) PreStart(*goakt.Context) error { return nil }
func (*goaktActor) PostStop(*goakt.Context) error { return nil }

func (a *goaktActor) Receive(ctx *goakt.ReceiveContext) {
	if a.receive != nil {
		a.receive(ctx)
	}
}

func (s *goaktSystem) spawn(receive func(*goakt.ReceiveContext), opts ...goakt.SpawnOption) (*goakt.PID, error) {
	s.n++
	return s.sys.Spawn(s.ctx, strconv.Itoa(s.n), &goaktActor{receive}, append(opts, goakt.WithLongLived())...)
}

func (s *goaktSystem) Sink(t *Tally) (func(int64), error) {
	pid, err := s.spawn(func(ctx *goakt.ReceiveContext) {
		switch ctx.Message().(type) {
		case *wrapperspb.Int64Value:
			t.Handled()
		}
	})
	return func(n int64) { goakt.Tell(s.ctx, pid, wrapperspb.Int64(n)) }, err
}

func (s *goaktSystem) PingPong(t *Tally) (func(int), error) {
	pong, err := s.spawn(func(ctx *goakt.ReceiveContext) {
		switch m := ctx.Message().(type) {
		case *wrapperspb.Int64Value:
			ctx.Tell(ctx.Sender(), m)
		}
	})
	if err != nil {
		return nil, err
	}
	ping, err := s.spawn(func(ctx *goakt.ReceiveContext) {
		switch m := ctx.Message().(type) {
		case *wrapperspb.Int64Value:
			if m.Value == 0 {
				t.Handled()
				return
			}
			ctx.Tell(pong, wrapperspb.Int64(m.Value-1))
		}
	})
	return func(rounds int) { goakt.Tell(s.ctx, ping, wrapperspb.Int64(int64(rounds))) }, err
}

func (s *goaktSystem) Echo() (func(int64) (int64, error), error) {
	pid, err := s.spawn(func(ctx *goakt.ReceiveContext) {
		switch m := ctx.Message().(type) {
		case *wrapperspb.Int64Value:
			ctx.Response(m)
		}
	})
	return func(n int64) (int64, error) {
		reply, err := goakt.Ask(s.ctx, pid, wrapperspb.Int64(n), 10*time.Second)
		if err != nil {
			return 0, err
		}
		return reply.(*wrapperspb.Int64Value).Value, nil
	}, err
}

func (s *goaktSystem) Spawn(n int) error {
	for range n {
		pid, err := s.spawn(nil)
		if err != nil {
			return err
		}
		s.pids = append(s.pids, pid)
	}
	return nil
}

// SpawnStop stops them by as many goroutines as there are processors: Shutdown
// waits for the end.
func (s *goaktSystem) SpawnStop(n int) error {
	pids := make(chan *goakt.PID, n)
	for range n {
		pid, err := s.spawn(nil)
		if err != nil {
			return err
		}
		pids <- pid
	}
	close(pids)
	var ended sync.WaitGroup
	var failed atomic.Value
	for range runtime.GOMAXPROCS(0) {
		ended.Go(func() {
			for pid := range pids {
				if err := pid.Shutdown(s.ctx); err != nil {
					failed.Store(err)
				}
			}
		})
	}
	ended.Wait()
	if err, ok := failed.Load().(error); ok {
		return err
	}
	return nil
}

func (s *goaktSystem) FanOut(n int, handled func()) (func(int, int64), error) {
	pids := make([]*goakt.PID, n)
	for i := range pids {
		var err error
		if pids[i], err = s.spawn(func(ctx *goakt.ReceiveContext) {
			switch ctx.Message().(type) {
			case *wrapperspb.Int64Value:
				handled()
			}
		}); err != nil {
			return nil, err
		}
	}
	return func(i int, n int64) { goakt.Tell(s.ctx, pids[i], wrapperspb.Int64(n)) }, nil
}

func (s *goaktSystem) Ring(n int, t *Tally) (func(int), error) {
	pids := make([]*goakt.PID, n)
	for i := range pids {
		var err error
		if pids[i], err = s.spawn(func(ctx *goakt.ReceiveContext) {
			switch m := ctx.Message().(type) {
			case *wrapperspb.Int64Value:
				if m.Value > 1 {
					ctx.Tell(pids[(i+1)%n], wrapperspb.Int64(m.Value-1))
				} else {
					t.Handled()
				}
			}
		}); err != nil {
			return nil, err
		}
	}
	return func(hops int) { goakt.Tell(s.ctx, pids[0], wrapperspb.Int64(int64(hops))) }, nil
}

// Restart uses the supervisor of supervisor/supervisor.go with the directive to
// restart on any error. The actor is ready when it gets PostStart, and can be
// told to crash once it is running again.
func (s *goaktSystem) Restart(ready func()) (func(bool) error, error) {
	pid, err := s.spawn(func(ctx *goakt.ReceiveContext) {
		switch m := ctx.Message().(type) {
		case *goaktpb.PostStart:
			ready()
		case *wrapperspb.BoolValue:
			if m.Value {
				panic(errBoom)
			}
			ctx.Err(errBoom)
		}
	}, goakt.WithSupervisor(supervisor.NewSupervisor(
		supervisor.WithStrategy(supervisor.OneForOneStrategy),
		supervisor.WithAnyErrorDirective(supervisor.RestartDirective),
	)))
	return func(panics bool) error { return goakt.Tell(s.ctx, pid, wrapperspb.Bool(panics)) }, err
}
