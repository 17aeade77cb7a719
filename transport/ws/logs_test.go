package ws_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/registry/pubsub/pubsubtest"
	"github.com/troupe-go/troupe/transport/ws"
)

// serveLogging is serveInMemory with a log.
func serveLogging(t *testing.T, sockets ...ws.Socket) (*server, *syncBuffer) {
	return serveConfigLogging(t, ws.Config{Sockets: sockets})
}

func serveConfigLogging(t *testing.T, cfg ws.Config) (*server, *syncBuffer) {
	log := new(syncBuffer)
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(log, nil))})
	if cfg.Cluster != nil {
		if _, err := actor.Spawn(sys, cfg.Cluster.Behavior); err != nil {
			t.Fatal(err)
		}
	}
	l := newPipeListener()
	s := serveConfig(t, sys, l, plain, cfg)
	s.addr, s.dialer = "memory", l.dial
	return s, log
}

// JOIN-3: that there is no channel for a topic is logged within bounds: as often as a
// client may join at most, and not with the whole of what it has made up.
func TestClientsCannotFloodTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := serveLogging(t, rooms(nil))
		c := s.reader(t, "2.0.0")
		topic := strings.Repeat("x", 1000)
		for i := range 1000 {
			c.send(fmt.Sprintf(`["%d","%d","nowhere%s","phx_join",{}]`, i, i, topic))
			if got := string(<-c.got); i < 500 != strings.Contains(got, `"unmatched topic"`) || i >= 500 != strings.Contains(got, `"too many joins"`) {
				t.Fatalf("join %d: %s", i, got[len(got)-80:])
			}
		}
		lines := strings.Count(log.String(), "no channel for topic")
		if size := len(log.String()); lines == 0 || lines > 100 || size > 100*1200 {
			t.Errorf("%d bytes in %d lines", size, lines)
		}
	})
}

// BIN-6, OBS-1: a broadcast that cannot be encoded is logged once, however many clients
// miss it, and told of for each.
func TestAnUndeliverableBroadcastIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := serveLogging(t, rooms(nil))
		for range 50 {
			c := s.reader(t, "1.0.0")
			c.send(`{"topic":"room:a","event":"phx_join","payload":{},"ref":"1"}`)
			<-c.got
		}
		for i := range 2 {
			if err := s.Broadcast("room:a", fmt.Sprint("bytes", i), ws.Binary([]byte("x"))); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait() // the log is written aside
		for i := range 2 {
			if n := strings.Count(log.String(), fmt.Sprint("event=bytes", i)); n != 1 {
				t.Errorf("%d lines, want 1\n%s", n, log)
			}
		}
		if got := s.Stats().Dropped; got != 100 {
			t.Errorf("%d dropped, want 100", got)
		}
	})
}

// AUTH-5: the log of an observer that fails says nothing of what the event is about.
func TestAnObserversPanicLogsNoParameters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket := rooms(nil)
		socket.Observe = func(ws.Observation) { panic("observer") }
		s, log := serveLogging(t, socket)
		c := s.reader(t, "2.0.0&token=s3cret")
		c.send(`["1","1","room:a","phx_join",{"password":"s3cret"}]`)
		c.await(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
		c.send(`["1","2","room:a","echo",{"password":"s3cret"}]`)
		c.await(`["1","2","room:a","phx_reply",{"status":"ok","response":{"password":"s3cret"}}]`)
		if strings.Contains(log.String(), "s3cret") {
			t.Errorf("a secret in\n%s", log)
		}
		for _, event := range []string{"ws.Connected", "ws.Joined", "ws.Handled"} {
			if !strings.Contains(log.String(), "observation="+event+` error="panic: observer"`) {
				t.Errorf("no word of %s in\n%s", event, log)
			}
		}
	})
}

// What other nodes send goes to clients as it is, so it must be JSON: else one node that
// is broken would have the clients of all others close their connections.
func TestAPayloadOfTheClusterIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := new(pubsub.Hub)
		s, log := serveConfigLogging(t, ws.Config{Sockets: []ws.Socket{rooms(nil)}, Cluster: pubsub.NewCluster(hub.Node("a"))})
		evil := hub.Node("b")
		if err := evil.Join(pubsubtest.Receiver(func(string, []byte) {})); err != nil {
			t.Fatal(err)
		}
		defer evil.Leave(t.Context())
		c := s.reader(t, "2.0.0")
		c.joins("room:a")
		for _, bad := range []string{
			"", "\x05event", "\xff", // no event
			"\x01e", "\x01e\x08{}", // no flags, and one that there is not
			"\x01e\x04", "\x01e\x04\x05k{}", "\x01e\x04\xff\xff\x03" + strings.Repeat("k", 1<<16), // no key, or a huge one
			"\x01e\x00", "\x01e\x00[1]", "\x01e\x001",
			"\x01e\x00{", "\x01e\x00{}]", "\x01e\x00{} {}", "\x01e\x00{}],[1,2,\"t\",\"e\",{}", "\x01e\x00{\"a\":\"\xff\"}",
			"\x01e\x00{\"a\":\"" + strings.Repeat("x", 1<<20),
		} {
			if err := evil.Broadcast("troupe.ws/room:a", []byte(bad)); err != nil && !errors.Is(err, pubsub.ErrOverloaded) {
				t.Fatal(err)
			}
		}
		if err := evil.Broadcast("troupe.ws/room:a", []byte("\x01e\x00 {\"n\":1}")); err != nil {
			t.Fatal(err)
		}
		if got := string(<-c.got); !sameJSON([]byte(got), `[null,null,"room:a","e",{"n":1}]`) {
			t.Errorf("a client got %s", got)
		}
		if n := strings.Count(log.String(), "not decoded"); n != 17 || len(log.String()) > 17*1000 {
			t.Errorf("%d lines, of %d bytes; want 17", n, len(log.String()))
		}
	})
}

// A handler's error, or the value of its panic, may quote what its client has sent.
func TestACrashIsLoggedWithinBounds(t *testing.T) {
	huge := strings.Repeat("x", 10<<20)
	for name, fail := range map[string]func(*ws.Channel) error{
		"error": returns(errors.New(huge)),
		"panic": func(*ws.Channel) error { panic(huge) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, log := serveLogging(t, ws.Socket{Path: "/socket", Channels: ws.Routes{ws.Topic("room", func() ender {
					return ender{map[string]func(*ws.Channel) error{"in": fail}}
				}, nil)}})
				c := s.reader(t, "2.0.0")
				c.joins("room")
				c.send(`["1","2","room","in",{}]`)
				c.await(`["1","1","room","phx_error",{"reason":"channel_crash"}]`)
				synctest.Wait()
				if got := log.String(); !strings.Contains(got, "xxx") || len(got) > 20_000 {
					t.Errorf("%d bytes were logged: %.200s", len(got), got)
				}
			})
		})
	}
}

// syncBuffer is a buffer for a log.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestWarningsInTheLog(t *testing.T) { // SER-3, JOIN-3, AUTH-5
	var log syncBuffer
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	s := serveSystem(t, sys, rooms(nil))
	s.dial(t, "/socket?vsn=2.1.0&token=s3cret", nil)
	c := s.connectWith(t, "token=s3cret")
	c.send(`["1","1","nowhere","phx_join",{"token":"s3cret"}]`)
	c.read()
	for _, want := range []string{
		`level=WARN msg="connection refused" path=/socket/websocket`,
		`level=WARN msg="no channel for topic" topic=nowhere`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "s3cret") {
		t.Errorf("a token in\n%s", log.String())
	}
}

// The log of a crash says which channel it was, and what it was handling: in one record,
// with no more of what a client has made up than is of use. A clean end is no error.
func TestACrashIsLoggedOnceAndNamesItsChannel(t *testing.T) {
	long := "x" + strings.Repeat("y", 100_000)
	for name, c := range map[string]struct {
		join, event string
		want        string // in the record; "": no error is logged
	}{
		"an event":    {"room:a", "crash", `state.topic=room:a state.event=crash state.socket=user:ann state.handler=*ws_test.room`},
		"a join":      {"room:crashjoin", "", `state.topic=room:crashjoin state.event=phx_join state.socket=user:ann state.handler=*ws_test.room`},
		"a clean end": {"room:a", "stop", ""},
		"a leave":     {"room:a", "phx_leave", ""},
		"a long name": {"room:long", long, `state.topic=room:long state.event="xyyy`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				socket := rooms(nil)
				socket.Connect = func(*ws.Request) (ws.Identity, error) { return ws.Identity{ID: "user:ann"}, nil }
				socket.Channels = append(ws.Routes{ws.Topic("room:long", func() *desk { return new(desk) }, ws.Events[*desk]{
					long: func(*desk, *ws.Channel, ws.Payload) (ws.Reply, error) { panic("long") },
				})}, socket.Channels...)
				s, log := serveLogging(t, socket)
				client := s.reader(t, "2.0.0")
				client.send(`["1","1","` + c.join + `","phx_join",{}]`)
				if <-client.got; c.event != "" {
					client.send(`["1","2","` + c.join + `","` + c.event + `",{}]`)
					<-client.got
				}
				synctest.Wait()
				logged := strings.Count(log.String(), "level=ERROR")
				if c.want == "" && logged != 0 || c.want != "" && (logged != 1 || !strings.Contains(log.String(), c.want)) {
					t.Errorf("%d errors, want one with %q in\n%.3000s", logged, c.want, log)
				}
				if n := len(log.String()); n > 20_000 {
					t.Errorf("the log has %d bytes", n)
				}
			})
		})
	}
}
