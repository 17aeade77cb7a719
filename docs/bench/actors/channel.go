package actors

import (
	"sync"

	"github.com/troupe-go/troupe/docs/bench/report"
)

// channels is the yardstick: a goroutine for each actor, which receives from a
// channel of its own, and nothing around it. It has no supervision, links or
// names, nor a mailbox that grows: a full channel makes the sender wait.
var channels = Subject{report.Channel, func() (System, error) {
	return &channelSystem{stop: make(chan struct{})}, nil
}}

type channelSystem struct {
	running sync.WaitGroup
	stop    chan struct{} // closed to end those that have nothing else to end them
	closers []func()
	idle    []chan Message
}

// spawn runs f, which ends when ch is closed.
func spawn[M any](s *channelSystem, ch chan M, f func()) {
	s.running.Go(f)
	s.closers = append(s.closers, func() { close(ch) })
}

func (s *channelSystem) Stop() error {
	close(s.stop)
	for _, end := range s.closers {
		end()
	}
	for _, ch := range s.idle {
		close(ch)
	}
	s.running.Wait()
	return nil
}

func (s *channelSystem) Sink(t *Tally) (func(int64), error) {
	ch := make(chan Message, 1024)
	spawn(s, ch, func() {
		for range ch {
			t.Handled()
		}
	})
	return func(n int64) { ch <- Message{N: n} }, nil
}

func (s *channelSystem) PingPong(t *Tally) (func(int), error) {
	ping, pong := make(chan Message), make(chan Message)
	serve := make(chan int)
	spawn(s, ping, func() {
		for m := range ping {
			pong <- m
		}
	})
	spawn(s, serve, func() {
		for rounds := range serve {
			for i := range rounds {
				ping <- Message{N: int64(i)}
				<-pong
			}
			t.Handled()
		}
	})
	return func(rounds int) { serve <- rounds }, nil
}

func (s *channelSystem) Echo() (func(int64) (int64, error), error) {
	type request struct {
		Message
		reply chan int64
	}
	ch, reply := make(chan request, 64), make(chan int64, 1)
	spawn(s, ch, func() {
		for r := range ch {
			r.reply <- r.N
		}
	})
	return func(n int64) (int64, error) {
		ch <- request{Message{N: n}, reply}
		return <-reply, nil
	}, nil
}

func (s *channelSystem) Spawn(n int) error {
	for range n {
		ch := make(chan Message, 1)
		s.running.Go(func() {
			for range ch {
			}
		})
		s.idle = append(s.idle, ch)
	}
	return nil
}

func (s *channelSystem) SpawnStop(n int) error {
	var ended sync.WaitGroup
	chans := make([]chan Message, n)
	for i := range chans {
		ch := make(chan Message, 1)
		chans[i] = ch
		ended.Go(func() {
			for range ch {
			}
		})
	}
	for _, ch := range chans {
		close(ch)
	}
	ended.Wait()
	return nil
}

func (s *channelSystem) FanOut(n int, handled func()) (func(int, int64), error) {
	chans := make([]chan Message, n)
	for i := range chans {
		ch := make(chan Message, 1)
		chans[i] = ch
		spawn(s, ch, func() {
			for range ch {
				handled()
			}
		})
	}
	return func(i int, n int64) { chans[i] <- Message{N: n} }, nil
}

func (s *channelSystem) Ring(n int, t *Tally) (func(int), error) {
	chans := make([]chan Message, n)
	for i := range chans {
		chans[i] = make(chan Message, 1)
	}
	for i, ch := range chans {
		next := chans[(i+1)%n]
		spawn(s, ch, func() {
			for m := range ch {
				if m.N--; m.N > 0 {
					next <- m
				} else {
					t.Handled()
				}
			}
		})
	}
	return func(hops int) { chans[0] <- Message{N: int64(hops)} }, nil
}

// Restart has a goroutine that waits for the end of another, and starts it again.
func (s *channelSystem) Restart(ready func()) (func(bool) error, error) {
	crashes := make(chan bool, 1)
	ended := make(chan error, 1)
	worker := func() {
		var err error
		defer func() {
			if recover() != nil {
				err = errBoom
			}
			ended <- err
		}()
		ready()
		panics, more := <-crashes
		switch {
		case panics:
			panic(errBoom)
		case more:
			err = errBoom
		}
	}
	s.running.Go(func() {
		for {
			go worker()
			if <-ended == nil {
				return
			}
		}
	})
	s.closers = append(s.closers, func() { close(crashes) })
	return func(panics bool) error { crashes <- panics; return nil }, nil
}
