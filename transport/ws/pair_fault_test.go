package ws

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// whims is a serializer that does something before what is broadcast.
type whims struct {
	wire.V2
	before *func(event string) error
}

func (whims) Version() string { return "3.0.0" }

func (w whims) Append(buf []byte, m wire.Message) ([]byte, bool, error) {
	if m.JoinRef == "" {
		if err := (*w.before)(m.Event); err != nil {
			return nil, false, err
		}
	}
	return w.V2.Append(buf, m)
}

// Where bytes or their position cannot be made, clients get the other one, and it is told which
// one they do not get. A serializer has as much time for the two as for one message, also if some
// clients do not want to know of positions.
func TestBytesAndTheirPositionFailApart(t *testing.T) {
	const bytes, position = "pic", wire.EventPosition
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		before func(t *testing.T, event string) error
		got    []string       // by each of the clients that track: two that are there, one that comes back
		bare   []string       // by each of the two others
		lost   map[string]int // to all of them
		took   time.Duration
	}{
		"the position fails": {
			func(_ *testing.T, event string) error {
				if event == position {
					return broken
				}
				return nil
			},
			[]string{bytes}, []string{bytes}, map[string]int{position: 3}, 0,
		},
		"the bytes fail": {
			func(_ *testing.T, event string) error {
				if event == bytes {
					panic(broken)
				}
				return nil
			},
			[]string{position}, nil, map[string]int{bytes: 5}, 0,
		},
		"both fail": {
			func(*testing.T, string) error { return broken },
			nil, nil, map[string]int{bytes: 5, position: 3}, 0,
		},
		"the position hangs": {
			func(t *testing.T, event string) error {
				if event == position {
					<-t.Context().Done()
				}
				return nil
			},
			[]string{bytes}, []string{bytes}, map[string]int{position: 3}, serializerPatience,
		},
		"the bytes hang": {
			func(t *testing.T, event string) error {
				if event == bytes {
					<-t.Context().Done()
				}
				return nil
			},
			nil, nil, map[string]int{bytes: 5, position: 3}, serializerPatience,
		},
		"both are slow": {
			func(*testing.T, string) error {
				time.Sleep(serializerPatience * 2 / 3)
				return nil
			},
			[]string{bytes}, []string{bytes}, map[string]int{position: 3}, serializerPatience,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before := func(string) error { return nil }
				ser := whims{before: &before}
				var mu sync.Mutex
				lost, all := map[string]int{}, 0
				rooms := Topic("room:*", func() mute { return mute{} }, nil)
				rooms.History = &History{}
				sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
				e, err := Start(sys, Config{Sockets: []Socket{{
					Path: "/socket", Channels: Routes{rooms}, Serializers: []wire.Serializer{ser},
					Observe: func(o Observation) {
						if d, ok := o.(Dropped); ok {
							mu.Lock()
							defer mu.Unlock()
							lost[d.Event]++
							all++
						}
					},
				}}})
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := errors.Join(e.Shutdown(t.Context()), sys.Shutdown(t.Context())); err != nil {
						t.Error(err)
					}
				}()
				join := func(params string) *memoryLine {
					seat, _ := e.admit(&e.mounts[0], peer{})
					m := &memoryLine{seat: seat}
					s := newSession(e, &e.mounts[0], m, Identity{}, ser)
					if !seat.start(s) {
						t.Fatal("not started")
					}
					s.ctx.Self().Send(sessionMsg{op: opFrame, data: []byte(`["1","1","room:a","phx_join",` + params + `]`)})
					synctest.Wait()
					return m
				}
				tracks, tracksToo, bare, bareToo := join(`{"since":null}`), join(`{"since":null}`), join(`{}`), join(`{}`)
				at := e.recorderOn("room:a").log.position(0)
				before = func(event string) error { return c.before(t, event) }
				start := time.Now()
				e.Broadcast("room:a", bytes, Binary([]byte("bytes")))
				if took := time.Since(start); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				back := join(fmt.Sprintf(`{"since":%q}`, at))
				time.Sleep(2 * serializerPatience) // for what was left alone, and for what comes back
				for _, x := range []struct {
					client *memoryLine
					joined int // by so many messages
					want   []string
				}{{tracks, 2, c.got}, {tracksToo, 2, c.got}, {bare, 1, c.bare}, {bareToo, 1, c.bare}, {back, 2, c.got}} {
					got := x.client.taken(-1)
					if len(got) < x.joined || !slices.EqualFunc(got[x.joined:], x.want, strings.Contains) {
						t.Errorf("got %q, want %q behind its join", got, x.want)
					}
				}
				mu.Lock()
				defer mu.Unlock()
				if !maps.Equal(lost, c.lost) || e.Stats().Dropped != uint64(all) {
					t.Errorf("told of %v, %d counted; want %v", lost, e.Stats().Dropped, c.lost)
				}
			})
		})
	}
}

// watched is an error that counts where it is asked what it is: on the goroutine of a test, or apart.
type watched struct {
	test        string
	here, apart *atomic.Int32
}

func (w watched) Error() string { w.asked(); return "watched" }
func (w watched) Is(error) bool { w.asked(); return false }
func (w watched) As(any) bool   { w.asked(); return false }
func (w watched) Unwrap() error { w.asked(); return nil }

func (w watched) asked() {
	var stack [1 << 14]byte
	if strings.Contains(string(stack[:runtime.Stack(stack[:], false)]), w.test) {
		w.here.Add(1)
	} else {
		w.apart.Add(1)
	}
}

// The error of a serializer is users' code as well, and may hang: it is asked what it is where the
// serializer is called, and not by what broadcasts, which has locks.
func TestErrorsOfSerializersAreAskedApart(t *testing.T) {
	failed := watched{t.Name(), new(atomic.Int32), new(atomic.Int32)}
	before := func(string) error { return failed }
	var all encodings
	e := all.get(whims{before: &before}, false)
	for _, paired := range []bool{false, true} {
		b := &broadcast{Message: wire.Message{Topic: "room:a", Event: "pic", Payload: Binary([]byte("bytes"))}, frames: make([]onceFrame, 1)}
		if paired {
			b.pair()
			b.pairFrame(e)
		}
		if _, err := b.frame(e); err == nil || err.Error() != "ws.whims: watched" {
			t.Errorf("it failed with %v", err)
		}
	}
	if here, apart := failed.here.Load(), failed.apart.Load(); here > 0 || apart == 0 {
		t.Errorf("asked %d times on the goroutine of the broadcast, and %d times apart", here, apart)
	}
}

// arena is a serializer that cuts what it returns from one buffer, and has something of its own
// behind each piece.
type arena struct {
	wire.V2
	room *[]byte
}

const behind = "behind"

func (a arena) Append(buf []byte, m wire.Message) ([]byte, bool, error) {
	data, binary, err := a.V2.Append(buf, m)
	from := len(*a.room)
	*a.room = append(*a.room, data...)
	end := len(*a.room)
	*a.room = append(*a.room, behind...)
	return (*a.room)[from:end], binary, err
}

// What follows a message on the wire is not written over what its serializer has behind it; of
// ours it is, in the room that was left for that.
func TestWhatBelongsToASerializerIsNotWrittenOver(t *testing.T) {
	room := make([]byte, 0, 1<<12)
	for _, ser := range []wire.Serializer{arena{room: &room}, wire.V2{}} {
		var all encodings
		e := all.get(ser, false)
		b := &broadcast{Message: wire.Message{Topic: "room:a", Event: "pic", Ref: `"@e:1"`, Payload: Binary([]byte("bytes"))}, frames: make([]onceFrame, 1)}
		b.pair()
		f, err := b.pairFrame(e)
		bare, _ := b.frame(e)
		if err != nil || f.Messages() != 2 || bare.Messages() != 1 || !strings.HasPrefix(string(f.Bytes()), string(bare.Bytes())) {
			t.Fatalf("%d and %d messages, %v", f.Messages(), bare.Messages(), err)
		}
		if shared := &f.Bytes()[0] == &bare.Bytes()[0]; shared == e.foreign {
			t.Errorf("%T: the two share a buffer: %v", ser, shared)
		}
	}
	if n := strings.Count(string(room), behind); n != 2 {
		t.Errorf("what is behind %d of 2 messages is still there", n)
	}
}
