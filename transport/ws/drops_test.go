package ws

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// hostile is a handler of the log that does harm when it is armed.
type hostile struct {
	slog.Handler
	harm func()
}

func (h hostile) Enabled(context.Context, slog.Level) bool { return true }

func (h hostile) Handle(context.Context, slog.Record) error {
	h.harm()
	return nil
}

// A message on a recorded topic comes to clients at which all of the users' fails that is called for
// it: the serializer, the observer, and the log. The others get it, and those behind it, and the
// topic's log goes on.
func TestUsersCodeDoesNoHarmToAMessageOnItsWay(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(t *testing.T)
		took time.Duration // the first message
		lost uint64        // where time is up after that, its position as well
	}{
		"panic":  {func(*testing.T) { panic("harm") }, 0, 3},
		"Goexit": {func(*testing.T) { runtime.Goexit() }, 0, 3},
		"hangs":  {func(t *testing.T) { <-t.Context().Done() }, serializerPatience, 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var armed atomic.Bool
				var told atomic.Uint64
				harm := func() {
					if armed.Load() {
						c.harm(t)
					}
				}
				before := func(event string) error {
					if event != wire.EventPosition {
						harm()
					}
					return nil
				}
				ser := whims{before: &before}
				rooms := Topic("room:*", func() mute { return mute{} }, nil)
				rooms.History = &History{}
				sys := actor.NewSystem(actor.Config{Logger: slog.New(hostile{slog.DiscardHandler, harm})})
				e, err := Start(sys, Config{Sockets: []Socket{{
					Path: "/socket", Channels: Routes{rooms}, Serializers: []wire.Serializer{wire.V1{}, wire.V2{}, ser}, LongPoll: true,
					Observe: func(o Observation) {
						if _, ok := o.(Dropped); ok {
							told.Add(1)
							harm()
						}
					},
				}}})
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					armed.Store(false)
					if err := errors.Join(e.Shutdown(t.Context()), sys.Shutdown(t.Context())); err != nil {
						t.Error(err)
					}
				}()
				join := func(to func(seat) transport, ser wire.Serializer) {
					seat, _ := e.admit(&e.mounts[0], peer{})
					s := newSession(e, &e.mounts[0], to(seat), Identity{}, ser)
					if !seat.start(s) {
						t.Fatal("not started")
					}
					s.ctx.Self().Send(sessionMsg{op: opFrame, data: []byte(`["1","1","room:a","phx_join",{"since":null}]`)})
					synctest.Wait()
				}
				sound := new(memoryLine)
				join(func(s seat) transport { return newPoller(s, &e.mounts[0], uuid.New()) }, wire.V2{}) // which takes no bytes
				join(func(s seat) transport { return &memoryLine{seat: s} }, ser)
				join(func(s seat) transport { sound.seat = s; return sound }, wire.V2{})
				sound.taken(-1)
				archive := e.archive.Load()
				armed.Store(true)
				start := time.Now()
				done := make(chan struct{})
				go func() {
					defer close(done)
					e.Broadcast("room:a", "pic", Binary([]byte("bytes")))
				}()
				<-done
				if took := time.Since(start); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				e.Broadcast("room:a", "next", nil)
				time.Sleep(time.Minute)
				got := strings.Join(sound.taken(-1), " ")
				for _, event := range []string{"pic", wire.EventPosition, `"next"`} {
					if !strings.Contains(got, event) {
						t.Errorf("%s has not come: %q", event, got)
					}
				}
				if e.archive.Load() != archive || !archive.owner.Alive() {
					t.Error("the log has begun anew")
				}
				if n := e.Stats().Dropped; told.Load() != n || n != c.lost {
					t.Errorf("%d were dropped, and %d told of; want %d", n, told.Load(), c.lost)
				}
			})
		})
	}
}

// More than may wait for an observer is not told of, but counted.
func TestDropsThatWaitForAnObserverAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(Config{})
		var told atomic.Uint64
		next := make(chan struct{})
		socket := &Socket{Observe: func(Observation) {
			<-next
			told.Add(1)
		}}
		const more = 50
		e.drop(socket, Dropped{})
		synctest.Wait() // it is being told
		for range mostWaiting + more {
			e.drop(socket, Dropped{})
		}
		close(next)
		synctest.Wait()
		if n := e.Stats().Dropped; told.Load() != 1+mostWaiting || n != 1+mostWaiting+more || e.drops.busy {
			t.Errorf("%d were dropped, and %d told of", n, told.Load())
		}
	})
}

// An observer that fails costs what it was told, and not the drops behind that: those are told, in
// order, and so is what is dropped later. One that hangs is called no more while as many calls as
// may hang do.
func TestAnObserverThatFailsAtADropHearsOfTheNext(t *testing.T) {
	const count = maxHanging + 4
	for name, c := range map[string]struct {
		harm func(held chan struct{})
		told int           // of count
		took time.Duration // until then
	}{
		"panic":  {func(chan struct{}) { panic("harm") }, count, 0},
		"Goexit": {func(chan struct{}) { runtime.Goexit() }, count, 0},
		"hangs":  {func(held chan struct{}) { <-held }, maxHanging, maxHanging * observerPatience},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
				rooms := Topic("room:*", func() mute { return mute{} }, nil)
				e, err := Start(sys, Config{Sockets: []Socket{{Path: "/socket", Channels: Routes{rooms}}}})
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := errors.Join(e.Shutdown(t.Context()), sys.Shutdown(t.Context())); err != nil {
						t.Error(err)
					}
				}()
				held := make(chan struct{})
				var armed atomic.Bool
				told := make(chan string, 2*count)
				socket := &Socket{Observe: func(o Observation) {
					told <- o.(Dropped).Event
					if armed.Load() {
						c.harm(held)
					}
				}}
				expect := func(from, to int) {
					t.Helper()
					for n := from; n < to; n++ {
						if got := <-told; got != strconv.Itoa(n) {
							t.Errorf("told of %s, want %d", got, n)
						}
					}
				}
				drop := func(from, to int) {
					for n := from; n < to; n++ {
						e.drop(socket, Dropped{Event: strconv.Itoa(n)})
					}
				}
				armed.Store(true)
				start := time.Now()
				drop(0, count)
				expect(0, c.told)
				time.Sleep(c.took - time.Since(start)) // the last call is given up
				synctest.Wait()
				if n := len(told); n > 0 || e.drops.busy || e.drops.waiting != nil {
					t.Errorf("%d more were told, and busy is %v", n, e.drops.busy)
				}
				armed.Store(false)
				close(held)
				synctest.Wait()
				drop(count, count+3)
				expect(count, count+3)
				if n := e.Stats().Dropped; n != count+3 {
					t.Errorf("%d are counted", n)
				}
			})
		})
	}
}
