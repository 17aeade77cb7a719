package limit

import (
	"testing"
	"testing/synctest"
	"time"
)

var budget = Budget{Bytes: 8 << 10, Patience: time.Minute}

// reader takes messages of so many bytes, and tells how many it has taken.
func reader(f *Inflow, giveUp <-chan struct{}, n, size int, stuck func()) (taken *int, ended chan bool) {
	taken, ended = new(int), make(chan bool, 1)
	go func() {
		for range n {
			if !f.Take(giveUp, make([]byte, size), budget, stuck) {
				ended <- false
				return
			}
			*taken++
		}
		ended <- true
	}()
	return taken, ended
}

func never(t *testing.T) func() {
	return func() { t.Error("it is stuck") }
}

func TestWeight(t *testing.T) {
	for size, want := range map[int]int64{0: 1 << 10, 1: 1 << 10, 1 << 10: 1 << 10, 1<<10 + 1: 1<<10 + 1, 1 << 20: 1 << 20} {
		if got := Weight(make([]byte, size)); got != want {
			t.Errorf("%d bytes weigh %d, want %d", size, got, want)
		}
	}
}

func TestInflowHoldsBack(t *testing.T) {
	for _, x := range []struct {
		name string
		size int
		want int // messages that are taken at once
	}{
		{"small ones count for a KiB", 10, 8},
		{"large ones", 3 << 10, 3}, // the third exceeds the budget
		{"one that is larger than the budget", 1 << 20, 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var f Inflow
				taken, ended := reader(&f, nil, 2*x.want, x.size, never(t))
				synctest.Wait()
				if *taken != x.want {
					t.Fatalf("%d messages are taken, want %d", *taken, x.want)
				}
				weight := Weight(make([]byte, x.size))
				for range x.want { // until half is free, nothing moves
					if left := f.unhandled.Load() - weight; left <= int64(budget.Bytes)/2 {
						break
					}
					f.Done(weight, budget)
					synctest.Wait()
					if *taken != x.want {
						t.Fatal("it goes on before half is handled")
					}
				}
				for f.unhandled.Load() > 0 {
					f.Done(weight, budget)
					synctest.Wait()
				}
				if *taken != 2*x.want || !<-ended {
					t.Errorf("%d messages are taken in the end, want %d", *taken, 2*x.want)
				}
			})
		})
	}
}

// What is given up does not count.
func TestInflowIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Inflow
		giveUp := make(chan struct{})
		taken, ended := reader(&f, giveUp, 20, 1, never(t))
		synctest.Wait()
		close(giveUp)
		if <-ended || *taken != 8 || f.unhandled.Load() != 8<<10 {
			t.Errorf("%d taken, %d bytes unhandled", *taken, f.unhandled.Load())
		}
	})
}

func TestOpenInflowHoldsNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Inflow
		taken, ended := reader(&f, nil, 100, 1, never(t))
		synctest.Wait()
		f.Open()
		f.Open()
		f.Done(5<<10, budget) // crosses the half
		if !<-ended || *taken != 100 {
			t.Errorf("%d taken", *taken)
		}
	})
}

// It is stuck if nothing is handled for as long as patience lasts, each time; not while
// something is.
func TestInflowTellsThatNothingIsHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Inflow
		start := time.Now()
		var stuck []time.Duration
		_, ended := reader(&f, nil, 9, 1, func() { stuck = append(stuck, time.Since(start)/time.Minute) })
		time.Sleep(30 * time.Second)
		f.Done(1<<10, budget) // so that it is not after one minute
		time.Sleep(3 * time.Minute)
		f.Done(4<<10, budget)
		if !<-ended {
			t.Error("given up")
		}
		if len(stuck) != 2 || stuck[0] != 2 || stuck[1] != 3 {
			t.Errorf("stuck after these minutes: %d, want 2 and 3", stuck)
		}
	})
}
