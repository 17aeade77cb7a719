package ws_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// limited starts an endpoint whose rooms have this limit.
func limited(t *testing.T, l ws.RateLimit) *ws.Endpoint {
	t.Helper()
	socket := rooms(nil)
	socket.Channels = ws.Routes{ws.Topic("room:*", func() *room { return new(room) }, nil, l.Middleware())}
	return wstest.NewEndpoint(t, socket)
}

// expectLimit pushes an event and expects it to be handled, or refused for so many ms.
func expectLimit(t *testing.T, ch *wstest.Channel, event string, retryAfter int) {
	t.Helper()
	ref := ch.Push(event, nil)
	if retryAfter == 0 {
		ch.For(t).AssertReply(ref, "ok")
		return
	}
	ch.For(t).AssertReply(ref, "error", map[string]any{"reason": "too many events", "retry_after_ms": retryAfter})
}

// The event is held to its rate, from a burst on, and other events are not.
func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endpoint := limited(t, ws.RateLimit{Event: "echo", Max: 5, Per: 10 * time.Second, Burst: 3})
		room, _ := wstest.NewClient(t, endpoint, "/socket", ws.Identity{}).Join("room:a", nil)
		for range 3 {
			expectLimit(t, room, "echo", 0)
		}
		expectLimit(t, room, "echo", 2000)
		expectLimit(t, room, "count", 0)
		time.Sleep(1500*time.Millisecond + 1)
		expectLimit(t, room, "echo", 500) // part of a millisecond is one
		time.Sleep(500*time.Millisecond - 1)
		expectLimit(t, room, "echo", 0) // when it was told to try again
		expectLimit(t, room, "echo", 2000)
		time.Sleep(time.Hour) // and no more than a burst comes back
		for range 3 {
			expectLimit(t, room, "echo", 0)
		}
		expectLimit(t, room, "echo", 2000)
	})
}

func TestRateLimitOfAllEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endpoint := limited(t, ws.RateLimit{Max: 2}) // in a second, by default
		room, _ := wstest.NewClient(t, endpoint, "/socket", ws.Identity{}).Join("room:a", nil)
		expectLimit(t, room, "echo", 0)
		expectLimit(t, room, "count", 0)
		expectLimit(t, room, "echo", 500)
		room.AssertReply(room.Leave(), "ok") // is no event
		room.AssertClose()
	})
}

// By default each channel counts by itself; by choice, all of one socket ID do together.
func TestWhatARateLimitCountsTogether(t *testing.T) {
	for _, perID := range []bool{false, true} {
		t.Run(fmt.Sprint("PerSocketID ", perID), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				endpoint := limited(t, ws.RateLimit{Event: "echo", Max: 1, PerSocketID: perID})
				join := func(id, topic string) *wstest.Channel {
					ch, _ := wstest.NewClient(t, endpoint, "/socket", ws.Identity{ID: id}).Join(topic, nil)
					return ch
				}
				together := 0
				if perID {
					together = 1000
				}
				expectLimit(t, join("user:ann", "room:a"), "echo", 0)
				expectLimit(t, join("user:ann", "room:b"), "echo", together)
				expectLimit(t, join("user:bob", "room:a"), "echo", 0)
				anonymous := join("", "room:a")
				expectLimit(t, anonymous, "echo", 0)
				expectLimit(t, anonymous, "echo", 1000)
				expectLimit(t, join("", "room:a"), "echo", 0)
				time.Sleep(time.Second)
				expectLimit(t, join("user:ann", "room:b"), "echo", 0)
				expectLimit(t, join("user:ann", "room:a"), "echo", together)
			})
		})
	}
}

// Two limits on a route hold both, and one event that is refused does not count.
func TestTwoRateLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket := rooms(nil)
		socket.Channels = ws.Routes{ws.Topic("room:*", func() *room { return new(room) }, nil,
			ws.RateLimit{Event: "echo", Max: 2, Per: time.Second}.Middleware(),
			ws.RateLimit{Event: "echo", Max: 4, Per: time.Minute}.Middleware())}
		room, _ := wstest.NewClient(t, wstest.NewEndpoint(t, socket), "/socket", ws.Identity{}).Join("room:a", nil)
		for range 2 {
			expectLimit(t, room, "echo", 0)
			expectLimit(t, room, "echo", 0)
			expectLimit(t, room, "echo", 500)
			time.Sleep(time.Second)
		}
		expectLimit(t, room, "echo", 13_000)
	})
}

// A Middleware is a value that a program may keep in a variable: each endpoint counts by
// itself, so one test does not use up what another has.
func TestRateLimitOfEachEndpoint(t *testing.T) {
	once := ws.RateLimit{Event: "echo", Max: 1, Per: time.Hour, PerSocketID: true}
	socket := rooms(nil)
	socket.Channels = ws.Routes{ws.Topic("room:*", func() *room { return new(room) }, nil, once.Middleware())}
	for range 2 {
		room, _ := wstest.NewClient(t, wstest.NewEndpoint(t, socket), "/socket", ws.Identity{ID: "ann"}).Join("room:a", nil)
		expectLimit(t, room, "echo", 0)
		room.AssertReply(room.Push("echo", nil), "error")
	}
}

// What a flood over a limit costs: an event that is refused, beside one that is let
// through, over a connection with the reply.
func BenchmarkFloodOverARateLimit(b *testing.B) {
	for name, use := range map[string][]ws.Middleware{
		"none":    nil,
		"passes":  {ws.RateLimit{Event: "echo", Max: 1_000_000_000}.Middleware()},
		"refused": {ws.RateLimit{Event: "echo", Max: 1, Per: time.Hour}.Middleware()},
		"by ID":   {ws.RateLimit{Event: "echo", Max: 1, Per: time.Hour, PerSocketID: true}.Middleware()},
	} {
		b.Run(name, func(b *testing.B) {
			socket := rooms(nil, use...)
			socket.MaxMessageRate = -1
			c := serve(b, socket).connectWith(b, "user=ann")
			c.join("room:a")
			go func() {
				for range b.N {
					c.conn.Write(context.Background(), websocket.MessageText, []byte(`["1","2","room:a","echo",{}]`))
				}
			}()
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if _, _, err := c.read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
