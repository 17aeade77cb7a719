package ws

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Clients come and go while several goroutines broadcast: each client is told of a position, and
// gets each message behind it, in order, as long as it stays. Few stay, so the rows are joined.
func TestEachChannelHearsAllFromItsPlaceOnInOrder(t *testing.T) {
	const publishers, each, first, later, stay = 4, 100, 6 * rowSize, rowSize, 7
	for range long.Rounds(1, 20) {
		synctest.Test(t, func(t *testing.T) {
			e := recording(t, &History{Size: 10}, 0, wire.V2{})
			var all []*memoryClient
			join := func(clients int) {
				for range clients {
					c := new(memoryClient)
					c.take = func(ref, event, payload string) error { return inOrder(c, ref, event) }
					if err := c.join(e, "room:a"); err != nil {
						t.Error(err)
					}
					all = append(all, c)
				}
			}
			join(first)
			synctest.Wait()
			r := e.recorderOn("room:a")
			e.Broadcast("room:a", "n", nil)
			if err := seated(r, first); err != nil || r.audience.rows != first/rowSize-1 {
				t.Errorf("%d rows are behind the front: %v", r.audience.rows, err)
			}
			var busy sync.WaitGroup
			for range publishers {
				busy.Go(func() {
					for n := range each {
						e.Broadcast("room:a", "n", map[string]int{"n": n})
					}
				})
			}
			busy.Go(func() {
				join(later)
				for i, c := range all {
					if i%(len(all)/stay) != 0 {
						c.session.ctx.Self().Send(sessionMsg{op: opHangup, with: errors.New("cut")})
					}
				}
			})
			busy.Wait()
			synctest.Wait()
			for i, c := range all {
				if err := c.read(-1); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
				if i%(len(all)/stay) == 0 && c.last.Offset != 1+publishers*each {
					t.Errorf("client %d has got up to %v, and not all", i, c.last)
				}
			}
			e.Broadcast("room:a", "n", nil) // the rows are joined behind this one
			if err := seated(r, stay); err != nil {
				t.Error(err)
			}
		})
	}
}

// inOrder takes in a message of the topic.
func inOrder(c *memoryClient, ref, event string) error {
	at, err := ParsePosition(ref)
	switch {
	case event == wire.EventReply:
		return nil
	case err != nil:
		return err
	case event != wire.EventPosition && at != (Position{c.last.Epoch, c.last.Offset + 1}):
		return fmt.Errorf("got %v", at)
	}
	c.last = at
	return nil
}

// seated checks that so many are in the rows of an audience, which are not too many.
func seated(r *recorder, n int) error {
	there, rows := 0, 0
	for w := &r.audience.front; w != nil; w = w.behind {
		there += len(w.seats)
		rows++
		for _, h := range w.seats {
			if h.row.Load() != w || r.audience.of[h.channel] != h {
				return fmt.Errorf("a hearer in row %d is not known to be there", rows)
			}
		}
	}
	if there != n || len(r.audience.of) != n || r.audience.rows != rows-1 || rows > n/(rowSize/4)+5 {
		return fmt.Errorf("%d hearers in %d rows, and %d and %d behind the front are known; want %d", there, rows, len(r.audience.of), r.audience.rows, n)
	}
	return nil
}

// A message is on its way to a channel, held up by the serializer of its client, when that joins
// anew, or takes its channel over: behind the answer it gets that message once, and in order.
func TestWhatIsOnItsWayDoesNotComeBehindTheAnswerToAJoin(t *testing.T) {
	for _, linger := range []time.Duration{0, time.Minute} {
		t.Run(linger.String(), func(t *testing.T) {
			slow := stuck{entered: make(chan struct{}), answered: make(chan struct{}), held: new(atomic.Bool)}
			rooms := Topic("room:*", func() mute { return mute{} }, nil)
			rooms.History, rooms.Linger = &History{}, linger
			sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
			e, err := Start(sys, Config{Sockets: []Socket{{
				Path: "/socket", Channels: Routes{rooms}, Serializers: []wire.Serializer{slow, wire.V2{}},
			}}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := errors.Join(e.Shutdown(t.Context()), sys.Shutdown(t.Context())); err != nil {
					t.Error(err)
				}
			}()
			first := connect(t, e, slow)
			at, token := first.join("1", Position{}, "")
			var broadcast sync.WaitGroup
			broadcast.Go(func() { e.Broadcast("room:a", "slow", nil) })
			<-slow.entered
			again := first
			if linger > 0 {
				again = connect(t, e, wire.V2{})
			}
			again.join("2", at, token)
			close(slow.answered)
			broadcast.Wait()
			e.Broadcast("room:a", "n", nil)
			want := fmt.Sprintf("slow %v, n %v", Position{at.Epoch, at.Offset + 1}, Position{at.Epoch, at.Offset + 2})
			if got := again.behindJoin(); got != want {
				t.Errorf("got %s; want %s", got, want)
			}
		})
	}
}

// stuck is a serializer which does not return from the first event "slow" until its client has
// been answered, or has waited for that: then it waits for this one.
type stuck struct {
	wire.V2
	entered, answered chan struct{}
	held              *atomic.Bool
}

func (stuck) Version() string { return "2.1.0" }

func (s stuck) Append(buf []byte, m wire.Message) ([]byte, bool, error) {
	if m.Event == "slow" && !s.held.Swap(true) {
		close(s.entered)
		select {
		case <-s.answered:
		case <-time.After(serializerPatience / 4):
		}
	}
	return s.V2.Append(buf, m)
}

// rejoiner is a client that joins more than once.
type rejoiner struct {
	memoryLine
	t       *testing.T
	session *session
	stands  chan struct{} // it has been told where it stands
	fails   func()        // what it does with the event "bad"; nil: it takes it
}

func connect(t *testing.T, e *Endpoint, ser wire.Serializer) *rejoiner {
	seat, _ := e.admit(&e.mounts[0], peer{})
	c := &rejoiner{memoryLine: memoryLine{seat: seat}, t: t, stands: make(chan struct{}, 2)}
	c.session = newSession(e, &e.mounts[0], c, Identity{ID: "ann"}, ser)
	if !seat.start(c.session) {
		t.Fatal("not started")
	}
	return c
}

func (c *rejoiner) send(f frame.Sealed) {
	if c.fails != nil && strings.Contains(string(f.Bytes()), `"bad"`) {
		c.fails()
	}
	c.memoryLine.send(f)
	if text := string(f.Bytes()); strings.Contains(text, wire.EventPosition) || strings.Contains(text, wire.EventRecovery) {
		c.stands <- struct{}{}
	}
}

// join joins, and returns where the client stands then, and the token to come back with.
func (c *rejoiner) join(ref string, since Position, token string) (at Position, next string) {
	params := fmt.Sprintf(`{"since":%q,"resume_token":%q,"got":null}`, since, token)
	c.session.ctx.Self().Send(sessionMsg{op: opFrame, data: fmt.Appendf(nil, `[%q,%q,"room:a","phx_join",%s]`, ref, ref, params)})
	<-c.stands
	for _, m := range c.messages() {
		var reply struct {
			Response struct {
				Token string `json:"resume_token"`
			}
		}
		switch {
		case m.event == wire.EventReply:
			json.Unmarshal([]byte(m.payload), &reply)
			next = reply.Response.Token
		case m.ref != "":
			at, _ = ParsePosition(m.ref)
		}
	}
	return at, next
}

// behindJoin returns what the client has got since it was told where it stands.
func (c *rejoiner) behindJoin() string {
	var got []string
	for _, m := range c.messages() {
		if got = append(got, m.event+" "+m.ref); m.event == wire.EventRecovery {
			got = nil
		}
	}
	return strings.Join(got, ", ")
}

type received struct{ ref, event, payload string }

// messages returns all that the client has got.
func (c *rejoiner) messages() (all []received) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, text := range c.got {
		var m [5]json.RawMessage
		var r received
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			c.t.Fatalf("%q: %v", text, err)
		}
		json.Unmarshal(m[1], &r.ref)
		json.Unmarshal(m[3], &r.event)
		r.payload = string(m[4])
		all = append(all, r)
	}
	return all
}

// What is broadcast on a topic costs the same objects however many get it, and one for the
// position more than on a topic that is not recorded.
func TestARecordedBroadcastAllocatesNothingForAReceiver(t *testing.T) {
	if long.Race {
		t.Skip("the race detector allocates")
	}
	allocs := func(h *History, clients int, ser wire.Serializer) float64 {
		e := recording(t, h, clients, ser)
		for range 2000 { // the log is full
			e.Broadcast("room:a", "news", nil)
		}
		return testing.AllocsPerRun(500, func() { e.Broadcast("room:a", "news", nil) })
	}
	for _, ser := range []wire.Serializer{wire.V1{}, wire.V2{}} {
		plain, few, many := allocs(nil, 10, ser), allocs(&History{}, 10, ser), allocs(&History{}, 110, ser)
		t.Logf("version %s: %v allocations, recorded %v for 10 receivers, %v for 110", ser.Version(), plain, few, many)
		if few > plain+1 || many > few {
			t.Errorf("version %s: %v allocations, recorded %v for 10 receivers, %v for 110", ser.Version(), plain, few, many)
		}
	}
}
