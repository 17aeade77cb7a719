package ws_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// mortal is a Connect that takes the parameters user and ttl.
func mortal(r *ws.Request) (ws.Identity, error) {
	id := ws.Identity{ID: r.Params.Get("user"), Assigns: r.Params.Get("user")}
	if ttl := r.Params.Get("ttl"); ttl != "" {
		d, err := time.ParseDuration(ttl)
		if err != nil {
			return id, err
		}
		id.Expires = time.Now().Add(d)
	}
	return id, nil
}

// brief is a socket whose clients expire after what their parameter ttl says.
func brief(log *record) ws.Socket {
	socket := polling(log)
	socket.Connect = mortal
	socket.IdleTimeout = time.Hour
	socket.Channels = append(socket.Channels, ws.Topic("seat:*", func() *seat { return &seat{log: log} }, nil))
	return socket
}

// taped is brief with a channel whose topic is recorded as well.
func taped(log *record) ws.Socket {
	socket := brief(log)
	route := ws.Topic("taped:*", func() *seat { return &seat{log: log} }, nil)
	route.History = &ws.History{Size: 10}
	socket.Channels = append(socket.Channels, route)
	return socket
}

// seat is a channel that expires when its client wants it to.
type seat struct {
	log  *record
	slow bool
}

func (s *seat) Join(c *ws.Channel, topic string, _ ws.Payload) (any, error) {
	switch topic {
	case "seat:past":
		c.Expire(time.Now())
	case "seat:slow", "taped:slow":
		s.slow = true
		c.Expire(time.Now().Add(time.Second))
		s.log.entered <- struct{}{}
		<-s.log.release
	}
	return nil, nil
}

func (s *seat) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	switch event {
	case "never":
		c.Expire(time.Time{})
	case "wait":
		s.log.entered <- struct{}{}
		<-s.log.release
	default:
		d, err := time.ParseDuration(event)
		if err != nil {
			return ws.NoReply, err
		}
		c.Expire(time.Now().Add(d))
	}
	return ws.OK(nil), nil
}

func (s *seat) Terminate(_ *ws.Channel, reason error) {
	s.log.terminated <- reason
	if s.slow {
		time.Sleep(time.Second)
	}
}

// took fails the test if what began at start did not take as long as wanted.
func took(t *testing.T, start time.Time, want time.Duration) {
	t.Helper()
	if d := time.Since(start); d != want {
		t.Errorf("it took %v, want %v", d, want)
	}
}

// A connection is closed when its Identity expires, in the order in which they do, and those
// that do not expire are not.
func TestConnectionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newRecord()
		s := serveInMemory(t, brief(log))
		start := time.Now()
		late, never, soon := s.connectWith(t, "ttl=30m"), s.connect(t), s.connectWith(t, "ttl=2500ms")
		gone := s.connectWith(t, "ttl=3s")
		soon.join("room:a")
		gone.conn.CloseNow()
		soon.expectClose(ws.StatusExpired)
		took(t, start, 2500*time.Millisecond)
		if reason := <-log.terminated; reason != ws.Closed {
			t.Errorf("the channel ended with %v", reason)
		}
		time.Sleep(time.Minute)
		late.heartbeat()
		time.Sleep(29*time.Minute - 2500*time.Millisecond - time.Nanosecond)
		late.heartbeat()
		late.expectClose(ws.StatusExpired)
		took(t, start, 30*time.Minute)
		never.heartbeat()
	})
}

// A client whose Identity has expired by then does not get in.
func TestTheExpiredDoNotConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, brief(newRecord()))
		for _, ttl := range []string{"0s", "-1h"} {
			if _, resp, err := s.dial(t, "/socket?vsn=2.0.0&ttl="+ttl, nil); err == nil || resp.StatusCode != 403 {
				t.Errorf("%s: %v", ttl, resp)
			}
			if a := s.pollClient(t, "ttl="+ttl).poll(); a.Status != 403 {
				t.Errorf("%s: a client that polls got %+v", ttl, a)
			}
		}
		if stats := s.Stats(); stats.Refusals != 4 || stats.Connections != 0 {
			t.Errorf("%+v", stats)
		}
	})
}

// A client that polls is answered at once when it expires, as when its session is gone; so it
// connects anew.
func TestPollersExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, brief(newRecord()))
		c := s.pollClient(t, "ttl=3s")
		c.open()
		start := time.Now()
		if a := c.poll(); a.Status != 410 || a.Token != "" {
			t.Errorf("the poll was answered %+v", a)
		}
		took(t, start, 3*time.Second)
		if status := c.post(`[null,"1","phoenix","heartbeat",{}]`); status != 410 {
			t.Errorf("a POST was answered %d", status)
		}
		synctest.Wait()
		if stats := s.Stats(); stats.Connections != 0 || stats.LongPolls != 0 {
			t.Errorf("%+v", stats)
		}
	})
}

// Neither an observer nor a channel that does not end keeps a connection open that has expired
// or is to be disconnected: the client hears nothing more.
func TestNothingKeepsAClientThatIsCutOff(t *testing.T) {
	for name, code := range map[string]websocket.StatusCode{"expired": ws.StatusExpired, "disconnected": websocket.StatusGoingAway} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newRecord()
				defer log.free()
				socket := brief(log)
				socket.Observe = func(o ws.Observation) {
					if _, ends := o.(ws.Disconnected); ends {
						<-log.release
					}
				}
				s := serveInMemory(t, socket)
				c := s.connectWith(t, "ttl=10s&user=ann")
				c.join("seat:1")
				c.send(`["1","2","seat:1","wait",{}]`)
				<-log.entered
				start := time.Now()
				if name == "disconnected" {
					s.Disconnect("ann")
				} else {
					time.Sleep(10 * time.Second)
					start = time.Now()
				}
				synctest.Wait()
				s.Broadcast("seat:1", "secret", nil)
				if _, got, err := c.read(); websocket.CloseStatus(err) != code {
					t.Errorf("read %q, %v", got, err)
				}
				took(t, start, 0)
			})
		})
	}
}

const left = `["1","9",%q,"phx_reply",{"status":"ok","response":{}}]`

// A channel ends when it has expired, its client is told of an error, upon which it joins
// again, and the connection stays. The time may be changed, and taken back.
func TestChannelsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newRecord()
		s := serveInMemory(t, brief(log))
		c := s.connect(t)
		for _, topic := range []string{"seat:1", "seat:2", "seat:3"} {
			c.join(topic)
		}
		start := time.Now()
		push := func(topic, event string) {
			c.send(fmt.Sprintf(`["1","9",%q,%q,{}]`, topic, event))
			c.expect(fmt.Sprintf(left, topic))
		}
		push("seat:1", "1s")
		push("seat:1", "3s")
		push("seat:2", "8s")
		push("seat:2", "5s")
		push("seat:3", "4s")
		push("seat:3", "never")
		for _, at := range []struct {
			topic string
			after time.Duration
		}{{"seat:1", 3 * time.Second}, {"seat:2", 5 * time.Second}} {
			c.expect(fmt.Sprintf(`["1","1",%q,"phx_error",{"reason":"expired"}]`, at.topic))
			took(t, start, at.after)
			if reason := <-log.terminated; reason != ws.Expired || !actor.IsClean(reason) {
				t.Errorf("Terminate got %v", reason)
			}
		}
		s.Broadcast("seat:1", "news", nil)
		c.heartbeat()
		c.join("seat:1")
		s.Broadcast("seat:1", "news", nil)
		c.expect(`[null,null,"seat:1","news",{}]`)
		time.Sleep(8 * time.Second)
		push("seat:1", "-1s")
		c.expect(`["1","1","seat:1","phx_error",{"reason":"expired"}]`)
		push("seat:3", "1h")
	})
}

// A Join may say that the channel has expired: its client is in, and is out again.
func TestAChannelExpiresInItsJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, brief(newRecord()))
		c := s.connect(t)
		c.join("seat:past")
		c.expect(`["1","1","seat:past","phx_error",{"reason":"expired"}]`)
		c.heartbeat()
	})
}

// What is broadcast does not reach the client of a channel that has expired, however long its
// handler takes to end.
func TestABlockedChannelExpires(t *testing.T) {
	for _, topic := range []string{"seat:1", "taped:1"} {
		synctest.Test(t, func(t *testing.T) {
			log := newRecord()
			defer log.free()
			s := serveInMemory(t, taped(log))
			c := s.connect(t)
			c.join(topic)
			c.send(fmt.Sprintf(`["1","9",%q,"1s",{}]`, topic))
			c.expect(fmt.Sprintf(left, topic))
			c.send(fmt.Sprintf(`["1","2",%q,"wait",{}]`, topic))
			<-log.entered
			time.Sleep(time.Second)
			synctest.Wait()
			s.Broadcast(topic, "secret", nil)
			start := time.Now()
			c.expect(fmt.Sprintf(`["1","1",%q,"phx_error",{"reason":"channel_crash"}]`, topic)) // it was killed
			took(t, start, 5*time.Second+100*time.Millisecond)
		})
	}
}

// One that expires while its Join runs does not begin to hear when that returns.
func TestAChannelExpiresBeforeItsJoinReturns(t *testing.T) {
	for _, topic := range []string{"seat:slow", "taped:slow"} {
		synctest.Test(t, func(t *testing.T) {
			log := newRecord()
			s := serveInMemory(t, taped(log))
			c := s.connect(t)
			c.send(fmt.Sprintf(`["1","1",%q,"phx_join",{}]`, topic))
			<-log.entered
			time.Sleep(2 * time.Second)
			log.free()
			if reason := <-log.terminated; reason != ws.Expired {
				t.Errorf("%s: Terminate got %v", topic, reason)
			}
			s.Broadcast(topic, "secret", nil)
			c.expect(fmt.Sprintf(`["1","1",%q,"phx_reply",{"status":"ok","response":{}}]`, topic),
				fmt.Sprintf(`["1","1",%q,"phx_error",{"reason":"expired"}]`, topic))
		})
	}
}
