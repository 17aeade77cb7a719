package ws

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Whatever comes and goes, and however many walk at once and stop halfway: each walk meets
// those that stay once, in the order in which they came, and leaves nothing on the list.
func TestDirectoryShowsThoseThatStayOnce(t *testing.T) {
	for seed := range uint64(long.Rounds(50, 1000)) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 15))
			var d directory
			var there []*session // in order
			change := func() {
				if i := rnd.IntN(len(there) + 10); i < len(there) {
					d.remove(there[i])
					d.remove(there[i]) // the second time there is nothing to do
					there = slices.Delete(there, i, i+1)
				} else {
					there = append(there, &session{line: line{endpoint: &Endpoint{}}})
					d.add(there[len(there)-1])
				}
			}
			for range rnd.IntN(300) {
				change()
			}
			var walk func(depth int)
			walk = func(depth int) {
				before := slices.Clone(there)
				stop := rnd.IntN(400)
				var met []*session
				for s := range d.all {
					if met = append(met, s); len(met) == stop {
						break
					}
					for range rnd.IntN(4) {
						change()
					}
					if depth < 2 && rnd.IntN(40) == 0 {
						walk(depth + 1)
					}
				}
				stay := slices.DeleteFunc(before, func(s *session) bool { return !slices.Contains(there, s) })
				if len(met) == stop && len(stay) > 0 { // it has come so far
					stay = stay[:min(len(stay), countOf(met, stay))]
				}
				if got := slices.DeleteFunc(met, func(s *session) bool { return !slices.Contains(stay, s) }); !slices.Equal(got, stay) {
					t.Fatalf("a walk has met %d of those that stay, want %d, each once and in order", len(got), len(stay))
				}
			}
			for range 5 {
				walk(0)
			}
			checkList(t, &d, there)
		})
	}
}

// countOf returns how many of a are in b.
func countOf(a, b []*session) (n int) {
	for _, s := range a {
		if slices.Contains(b, s) {
			n++
		}
	}
	return n
}

// checkList checks that these are on the list, and nothing else.
func checkList(t *testing.T, d *directory, want []*session) {
	t.Helper()
	var forth, back []*session
	for s := d.first; s != nil; s = s.next {
		forth = append(forth, s)
	}
	for s := d.last; s != nil; s = s.prev {
		back = append(back, s)
	}
	slices.Reverse(back)
	if !slices.Equal(forth, want) || !slices.Equal(back, want) {
		t.Errorf("%d are on the list, and backwards %d, want %d", len(forth), len(back), len(want))
	}
}

// A walk that panics, or that ends its goroutine, leaves nothing either.
func TestDirectoryBearsWalksThatFail(t *testing.T) {
	var d directory
	var there []*session
	for range 3 {
		there = append(there, &session{line: line{endpoint: &Endpoint{}}})
		d.add(there[len(there)-1])
	}
	for what, fail := range map[string]func(){"panic": func() { panic("while listing") }, "Goexit": runtime.Goexit} {
		var walking sync.WaitGroup
		walking.Go(func() {
			defer func() { recover() }()
			for range d.all {
				fail()
			}
		})
		walking.Wait()
		t.Log(what)
		checkList(t, &d, there)
	}
}

// Only its session changes a roster, but anybody walks it.
func TestRosterIsWalkedWhileItChanges(t *testing.T) {
	var r roster
	stays := []*joined{{}, {}, {}}
	var walkers sync.WaitGroup
	over := make(chan struct{})
	for _, j := range stays {
		r.add(j)
	}
	for range 3 {
		walkers.Go(func() {
			for {
				var met []*joined
				for j := range r.all {
					if slices.Contains(stays, j) {
						met = append(met, j)
					}
				}
				if !slices.Equal(met, stays) {
					t.Errorf("a walk has met %d of the 3 that stay", len(met))
					return
				}
				select {
				case <-over:
					return
				default:
				}
			}
		})
	}
	rnd := rand.New(rand.NewPCG(1, 15))
	var others []*joined
	for range long.Rounds(5_000, 100_000) {
		if i := rnd.IntN(8); i < len(others) {
			r.remove(others[i])
			r.remove(others[i])
			others = slices.Delete(others, i, i+1)
		} else {
			others = append(others, new(joined))
			r.add(others[len(others)-1])
		}
	}
	close(over)
	walkers.Wait()
	if got := slices.Collect(r.all); !slices.Equal(got, append(stays, others...)) {
		t.Errorf("%d are on the roster, want %d, in order", len(got), len(stays)+len(others))
	}
}

// A hundred thousand connections are looked through without a list of them: what a walk
// allocates does not depend on how many there are.
func TestALongListOfConnectionsTakesNoMemory(t *testing.T) {
	n := long.Rounds(20_000, 100_000)
	e := &Endpoint{}
	socket := &Socket{Path: "/socket"}
	route := &Route{pattern: "room:*"}
	for i := range n {
		w := &webSocket{}
		s := newSession(e, socket, w, Identity{ID: fmt.Sprint("user:", i)}, wire.V2{})
		w.attach(&s.line)
		s.joins.channels.add(&joined{channel: channelOver(&s.line, route)})
		e.directory.add(s)
	}
	last := fmt.Sprint("user:", n-1)
	connections, channels := 0, 0
	allocs := testing.AllocsPerRun(3, func() {
		connections, channels = 0, 0
		for c := range e.Connections() {
			if c.SocketID == "user:17" || c.SocketID == last {
				connections += c.Channels
			}
		}
		for c := range e.Channels() {
			if c.SocketID == last && c.Route == "room:*" {
				channels++
			}
		}
	})
	if connections != 2 || channels != 1 {
		t.Errorf("found are %d connections and %d channels, want 2 and 1", connections, channels)
	}
	if allocs > 100 { // of which the race detector makes some
		t.Errorf("%v allocations for a walk over %d connections and one over their channels", allocs, n)
	}
}

// channelOver is a channel that has not begun.
func channelOver(l *line, route *Route) *Channel {
	c := &Channel{route: route, topic: "room:a"}
	c.way.Store(l)
	return c
}
