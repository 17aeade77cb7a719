package actors

import (
	"context"
	"math"

	"github.com/thejerf/suture/v4"
)

// sutureSubject is suture, which supervises services that are not actors: it
// takes part in the restarts only. As in its doc.go, with a failure threshold
// that is never reached, and an event hook that does nothing in the place of the
// one that logs.
var sutureSubject = Subject{"suture", func() (System, error) {
	ctx, stop := context.WithCancel(context.Background())
	sup := suture.New("bench", suture.Spec{
		EventHook:        func(suture.Event) {},
		FailureThreshold: math.Inf(1),
	})
	return &sutureSystem{sup: sup, stop: stop, ended: sup.ServeBackground(ctx)}, nil
}}

type sutureSystem struct {
	unsupported
	sup   *suture.Supervisor
	stop  context.CancelFunc
	ended <-chan error
}

func (s *sutureSystem) Stop() error {
	s.stop()
	<-s.ended
	return nil
}

type sutureService struct {
	ready   func()
	crashes chan bool
}

func (s *sutureService) Serve(ctx context.Context) error {
	s.ready()
	select {
	case panics := <-s.crashes:
		if panics {
			panic(errBoom)
		}
		return errBoom
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *sutureSystem) Restart(ready func()) (func(bool) error, error) {
	crashes := make(chan bool, 1)
	s.sup.Add(&sutureService{ready, crashes})
	return func(panics bool) error { crashes <- panics; return nil }, nil
}
