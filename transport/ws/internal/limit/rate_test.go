package limit

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestRate(t *testing.T) {
	const s = time.Second
	for _, x := range []struct {
		name      string
		perSecond int
		at        []time.Duration // when events come
		want      []time.Duration // how long each should have waited
	}{
		{"ten seconds' worth at once", 1, []time.Duration{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []time.Duration{10: s, 11: s}},
		{"an event too early does not count", 1, []time.Duration{9: 0, 10: 0, 11: 0, 12: s}, []time.Duration{10: s, 11: s, 12: 0}},
		{"evenly", 2, []time.Duration{0, s / 2, s, 3 * s / 2}, make([]time.Duration, 4)},
		{"again after a long silence", 1, []time.Duration{10: 0, 11: time.Hour, 20: time.Hour, 21: time.Hour}, []time.Duration{10: s, 21: s}},
		{"no limit if negative", -1, make([]time.Duration, 1000), make([]time.Duration, 1000)},
		{"no limit if zero", 0, make([]time.Duration, 1000), make([]time.Duration, 1000)},
	} {
		t.Run(x.name, func(t *testing.T) {
			var r Rate
			last := time.Duration(0)
			for i, at := range x.at {
				last = max(last, at)
				want := time.Duration(0)
				if i < len(x.want) {
					want = x.want[i]
				}
				if got := r.Take(last, x.perSecond); got != want {
					t.Errorf("event %d, at %v: has to wait for %v, want %v", i, last, got, want)
				}
			}
		})
	}
}

// However many come at a time, no more pass than may.
func TestRateIsForAnyNumberOfGoroutines(t *testing.T) {
	var r Rate
	var passed atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if r.Take(0, 10) == 0 {
					passed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if got := passed.Load(); got != 100 {
		t.Errorf("%d passed, want 100", got)
	}
}

func TestRateWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var r Rate
		for range 10 + 5 {
			if !r.Wait(nil, time.Since(start), 1) {
				t.Fatal("given up")
			}
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("ten events and five more took %v", took)
		}
		giveUp := make(chan struct{})
		time.AfterFunc(time.Second/2, func() { close(giveUp) })
		if r.Wait(giveUp, time.Since(start), 1) {
			t.Error("it passed before its time")
		}
		if took := time.Since(start); took != 5*time.Second+time.Second/2 {
			t.Errorf("given up after %v", took)
		}
		if wait := r.Take(time.Since(start), 1); wait != time.Second/2 {
			t.Errorf("the next has to wait for %v: what was given up has counted", wait)
		}
	})
}
