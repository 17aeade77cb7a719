package ws_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/transport/ws"
)

// snapshot is the reply to a join. While it is encoded, the channel is subscribed and
// its client not answered yet.
type snapshot struct {
	size   int
	encode func() error
}

func (s snapshot) MarshalJSON() ([]byte, error) {
	if err := s.encode(); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]string{"x": strings.Repeat("x", s.size)})
}

// replying is a socket whose joins are answered with a snapshot.
func replying(size int, encode func() error) ws.Socket {
	return rooms(nil, ws.Middleware{Join: func(next ws.JoinFunc) ws.JoinFunc {
		return func(c *ws.Channel, topic string, in ws.Payload) (any, error) {
			c.Continue(func(c *ws.Channel) error { return c.Push("state", nil) })
			return snapshot{size, encode}, nil
		}
	}})
}

// JOIN-7, OUT-5: the answer to a join comes before all broadcasts, and those that were
// made meanwhile come right behind it, in order, whatever the channel pushes then.
func TestTheAnswerToAJoinComesFirst(t *testing.T) {
	for _, serve := range []func(testing.TB, ...ws.Socket) *server{serve, serveInMemory} {
		var s *server
		s = serve(t, replying(100<<10, func() error {
			for n := range 3 {
				if err := s.Broadcast("room:a", "early", map[string]int{"n": n}); err != nil {
					return err
				}
			}
			return nil
		}))
		c := s.connect(t)
		go c.send(`["1","1","room:a","phx_join",{}]`)
		c.expect(fmt.Sprintf(`["1","1","room:a","phx_reply",{"status":"ok","response":{"x":%q}}]`, strings.Repeat("x", 100<<10)),
			`[null,null,"room:a","early",{"n":0}]`, `[null,null,"room:a","early",{"n":1}]`, `[null,null,"room:a","early",{"n":2}]`,
			`["1",null,"room:a","state",{}]`)
		if err := s.Broadcast("room:a", "late", nil); err != nil {
			t.Error(err)
		}
		c.expect(`[null,null,"room:a","late",{}]`)
	}
}

// OUT-5: nor is anything lost or overtaken when somebody broadcasts all the time.
func TestNothingIsLostBetweenSubscribingAndAnswering(t *testing.T) {
	const n = 2000
	tick := make(chan struct{})
	var s *server
	s = serve(t, replying(100<<10, func() error { // it is subscribed by now
		go func() {
			defer close(tick)
			for i := range n {
				if err := s.Broadcast("room:a", "n", map[string]int{"n": i}); err != nil {
					t.Error(err)
				}
				select {
				case tick <- struct{}{}:
				default:
				}
			}
		}()
		for range 50 {
			<-tick
		}
		return nil
	}))
	c := s.connect(t)
	c.send(`["1","1","room:a","phx_join",{}]`)
	if _, got, err := c.read(); err != nil || !strings.Contains(string(got), "phx_reply") {
		t.Fatalf("%.80s, %v came first", got, err)
	}
	for i := 0; i < n; {
		_, got, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		switch string(got) {
		case `["1",null,"room:a","state",{}]`:
		case fmt.Sprintf(`[null,null,"room:a","n",{"n":%d}]`, i):
			i++
		default:
			t.Fatalf("got %s, want number %d", got, i)
		}
	}
}

// What is kept for a client that is not answered yet is bounded like what is sent to it
// later, in bytes.
func TestBroadcastsBeforeTheAnswerAreBounded(t *testing.T) {
	big := map[string]string{"x": strings.Repeat("x", 1000)}
	for name, c := range map[string]struct {
		overflow ws.Overflow
		check    func(*testing.T, *server, *client)
	}{
		"and close the client": {ws.CloseSlow, func(t *testing.T, s *server, c *client) {
			c.expectClose(websocket.StatusPolicyViolation)
			if got := s.Stats(); got.SlowConsumers != 1 || got.Dropped != 0 {
				t.Errorf("figures %+v", got)
			}
		}},
		"and are dropped": {ws.DropNewest, func(t *testing.T, s *server, c *client) {
			if _, got, err := c.read(); err != nil || !strings.Contains(string(got), "phx_reply") {
				t.Fatalf("%.80s, %v", got, err)
			}
			synctest.Wait()
			if got := s.Stats(); got.SlowConsumers != 0 || got.Dropped != 51 {
				t.Errorf("figures %+v, want 51 of 100 dropped", got)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s *server
				socket := replying(0, func() error {
					for range 100 {
						if err := s.Broadcast("room:a", "big", big); err != nil {
							return err
						}
					}
					return nil
				})
				socket.MaxQueue = 51_500 // 49 frames, of 1038 bytes each
				socket.Overflow = c.overflow
				s = serveInMemory(t, socket)
				client := s.connect(t)
				client.send(`["1","1","room:a","phx_join",{}]`)
				c.check(t, s, client)
			})
		})
	}
}

// A join that fails after all, because its reply cannot be encoded, lets nothing out of
// what has been kept.
func TestAJoinThatFailsAfterSubscribingDeliversNothing(t *testing.T) {
	var s *server
	s = serve(t, replying(0, func() error {
		if err := s.Broadcast("room:a", "early", nil); err != nil {
			return err
		}
		return errSecret
	}))
	c := s.connect(t)
	c.send(`["1","1","room:a","phx_join",{}]`)
	c.expect(`["1","1","room:a","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]`)
	c.heartbeat()
}
