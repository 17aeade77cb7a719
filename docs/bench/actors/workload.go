package actors

import (
	"fmt"
	"sync"
)

// A workload is something that all subjects are timed at. prepare starts the
// actors; run then does at least n operations, waits until all their effects are
// over, and returns how many it has done.
type workload struct {
	name    string
	about   string
	most    int // operations in one run; 0 for no limit
	prepare func(System) (run func(n int) (int, error), err error)
}

// workloads are all that give one time for each operation.
var workloads = []workload{
	{name: "send 1→1", about: "one goroutine sends to one actor; until the last message is handled",
		prepare: func(s System) (func(int) (int, error), error) { return sends(s, 1) }},
	{name: "send 8→1", about: "eight goroutines send to one actor; until the last message is handled",
		prepare: func(s System) (func(int) (int, error), error) { return sends(s, 8) }},
	{name: "ping-pong", about: "two actors throw one message to and fro; the time is for a round trip", prepare: pingPong},
	{name: "call", about: "a goroutine that is no actor asks an actor and waits for the answer", prepare: calls},
	{name: "fan-out", about: "one goroutine sends a message to each of 10,000 actors, again and again; until all are handled", prepare: fanOut},
	{name: "ring", about: "a message goes round 1,000 actors; the time is for one hop", prepare: ring},
	{name: "spawn+stop", about: "1,000 actors are started, then stopped, and all have ended", prepare: spawnStop},
	{name: "restart after error", about: "from the message that makes a supervised actor fail with an error until its next incarnation takes messages",
		most: 20_000, prepare: func(s System) (func(int) (int, error), error) { return restarts(s, false) }},
	{name: "restart after panic", about: "the same, with a panic",
		most: 20_000, prepare: func(s System) (func(int) (int, error), error) { return restarts(s, true) }},
}

// Sizes of workloads. The tests make them smaller.
var (
	fanOutActors = 10_000
	ringActors   = 1000
	spawnBatch   = 1000
)

func sends(s System, producers int) (func(int) (int, error), error) {
	t := NewTally()
	send, err := s.Sink(t)
	return func(n int) (int, error) {
		share := n/producers + 1
		t.Expect(share * producers)
		var sent sync.WaitGroup
		for range producers - 1 {
			sent.Go(func() {
				for i := range share {
					send(int64(i))
				}
			})
		}
		for i := range share {
			send(int64(i))
		}
		sent.Wait()
		t.Wait()
		return share * producers, nil
	}, err
}

func pingPong(s System) (func(int) (int, error), error) {
	t := NewTally()
	serve, err := s.PingPong(t)
	return func(n int) (int, error) {
		t.Expect(1)
		serve(n)
		t.Wait()
		return n, nil
	}, err
}

func calls(s System) (func(int) (int, error), error) {
	call, err := s.Echo()
	return func(n int) (int, error) {
		for i := range n {
			got, err := call(int64(i))
			if err != nil {
				return i, err
			}
			if got != int64(i) {
				return i, fmt.Errorf("asked with %d, answered %d", i, got)
			}
		}
		return n, nil
	}, err
}

func fanOut(s System) (func(int) (int, error), error) {
	var waiting sync.WaitGroup
	send, err := s.FanOut(fanOutActors, waiting.Done)
	return func(n int) (int, error) {
		rounds := (n + fanOutActors - 1) / fanOutActors
		for round := range rounds {
			waiting.Add(fanOutActors)
			for i := range fanOutActors {
				send(i, int64(round))
			}
			waiting.Wait()
		}
		return rounds * fanOutActors, nil
	}, err
}

func ring(s System) (func(int) (int, error), error) {
	t := NewTally()
	start, err := s.Ring(ringActors, t)
	return func(n int) (int, error) {
		t.Expect(1)
		start(n)
		t.Wait()
		return n, nil
	}, err
}

func spawnStop(s System) (func(int) (int, error), error) {
	return func(n int) (int, error) {
		batches := (n + spawnBatch - 1) / spawnBatch
		for range batches {
			if err := s.SpawnStop(spawnBatch); err != nil {
				return 0, err
			}
		}
		return batches * spawnBatch, nil
	}, nil
}

func restarts(s System, panics bool) (func(int) (int, error), error) {
	ready := make(chan struct{}, 1)
	crash, err := s.Restart(func() { ready <- struct{}{} })
	if err != nil {
		return nil, err
	}
	<-ready // the first incarnation
	return func(n int) (int, error) {
		for i := range n {
			if err := crash(panics); err != nil {
				return i, err
			}
			<-ready
		}
		return n, nil
	}, nil
}
