package ws_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// flood sends n messages of so many bytes, or as many as are taken.
func (c *client) flood(topic, event string, size, n int) {
	text := fmt.Sprintf(`[null,null,%q,%q,{}]`, topic, event)
	data := []byte(text + strings.Repeat(" ", size-len(text))) // spaces are kept as well
	for ; n > 0 && c.conn.Write(context.Background(), websocket.MessageText, data) == nil; n-- {
	}
}

// What a client can make the server hold is bounded in bytes, however large its
// messages are: the sum of them and one more, which may be of the largest size.
// Wherever they wait, its connection is not read any further.
func TestAClientIsHeldBackByBytes(t *testing.T) {
	const kb = 1 << 10
	for _, c := range []struct {
		name         string
		budget, size int
		most         int // messages that are taken
	}{
		{"many small ones", 64 * kb, 40, 64}, // each counts for 1 KiB
		{"some large ones", 64 * kb, 16 * kb, 4},
		{"one that is larger than the budget", 64 * kb, 128 * kb, 1},
		{"by default", 0, 1024 * kb, 1},
		{"small ones by default", 0, 40, 1024},
	} {
		for _, at := range []struct{ name, topic, before string }{
			{"behind a slow handler", "room:a", `["1",null,"room:a","wait",{}]`},
			{"while a Join runs", "room:slow", `["1","1","room:slow","phx_join",{}]`},
		} {
			t.Run(c.name+" "+at.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					log := newRecord()
					socket := rooms(log)
					socket.MaxUnhandled = c.budget
					s := serveInMemory(t, socket)
					client := s.connect(t)
					client.join("room:a")
					client.send(at.before)
					<-log.entered
					synctest.Wait()
					before := s.Stats().MessagesIn
					go client.flood(at.topic, "noreply", c.size, 2*c.most)
					synctest.Wait()
					got := int(s.Stats().MessagesIn - before)
					if got > c.most || got < c.most-1 { // the one that is being handled counts as well
						t.Errorf("%d messages were taken, want %d", got, c.most)
					}
					close(log.release)
					synctest.Wait()
					if got := int(s.Stats().MessagesIn - before); got != 2*c.most {
						t.Errorf("%d messages were taken in the end, want %d", got, 2*c.most)
					}
				})
			})
		}
	}
}

// A handler that does not return costs its own channel. When its client has been held
// back for as long as one that says nothing is kept, that channel is ended, and the
// others go on.
func TestAChannelThatBlocksItsConnectionIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newRecord()
		defer log.free()
		socket := rooms(log)
		socket.MaxUnhandled = 64 << 10
		s := serveInMemory(t, socket)
		c := s.connect(t)
		c.join("room:a")
		c.join("room:b")
		start := time.Now()
		go func() {
			c.send(`["1","2","room:a","wait",{}]`)
			for range 100 {
				c.send(`["1",null,"room:a","noreply",{}]`)
			}
			c.send(`["1","3","room:b","count",{}]`)
		}()
		time.Sleep(59 * time.Second)
		c.expect(`["1","1","room:a","phx_error",{"reason":"channel_crash"}]`)
		if took := time.Since(start); took < 60*time.Second || took > 61*time.Second {
			t.Errorf("it was ended after %v, want 60 s and a little", took)
		}
		// What had not been read yet comes for a channel that is gone.
		for {
			_, got, err := c.read()
			if err != nil {
				t.Fatal(err)
			}
			if sameJSON(got, `["1","3","room:b","phx_reply",{"status":"ok","response":{"n":1}}]`) {
				break
			}
			if !strings.Contains(string(got), "unmatched topic") {
				t.Fatalf("got %s", got)
			}
		}
		c.send(`["4","4","room:a","phx_join",{}]`)
		c.expect(`["4","4","room:a","phx_reply",{"status":"ok","response":{}}]`)
	})
}

// One that is slow but goes on is left alone.
func TestASlowChannelIsNotEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newRecord()
		socket := rooms(log)
		socket.MaxUnhandled = 8 << 10
		s := serveInMemory(t, socket)
		c := s.connect(t)
		c.join("room:a")
		go c.flood("room:a", "wait", 40, 40)
		for range 10 { // there is always more to be read
			<-log.entered
			time.Sleep(50 * time.Second)
			log.release <- struct{}{}
		}
		close(log.release)
		synctest.Wait()
		c.send(`["1","2","room:a","count",{}]`)
		c.expect(`["1","2","room:a","phx_reply",{"status":"ok","response":{"n":1}}]`)
	})
}

// A handler that returns after it has been given up has no say in the flow control any
// more, or the budget would grow by each.
func TestAnAbandonedHandlerGivesNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newRecord()
		socket := rooms(log)
		socket.MaxUnhandled = 8 << 10
		s := serveInMemory(t, socket)
		c := s.connect(t)
		c.join("room:a")
		for i := range 20 {
			c.send(fmt.Sprintf(`["%d",null,"room:a","wait",{}]`, max(1, i*2)))
			<-log.entered
			ref := i*2 + 2
			c.send(fmt.Sprintf(`["%d","%d","room:a","phx_join",{}]`, ref, ref))
			c.read() // phx_close
			c.expect(fmt.Sprintf(`["%d","%d","room:a","phx_reply",{"status":"ok","response":{}}]`, ref, ref))
		}
		for range 20 {
			log.release <- struct{}{}
		}
		c.send(`[null,null,"room:a","wait",{}]`)
		<-log.entered
		synctest.Wait()
		before := s.Stats().MessagesIn
		go c.flood("room:a", "noreply", 40, 100)
		synctest.Wait()
		if got := s.Stats().MessagesIn - before; got > 8 {
			t.Errorf("%d messages were taken, want 8 at most", got)
		}
		close(log.release)
	})
}

// What is broadcast to a channel's handler, intercepted or subscribed to, does not pile
// up behind a handler that is slow: the channel ends, or it is dropped.
func TestBroadcastsDoNotPileUpBehindAHandler(t *testing.T) {
	big := map[string]string{"x": strings.Repeat("x", 1000)}
	for _, event := range []string{"whisper", "elsewhere"} {
		topic := map[string]string{"whisper": "room:a", "elsewhere": "room:x"}[event]
		t.Run(event, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newRecord()
				socket := rooms(log)
				socket.MaxQueue = 64 << 10
				s := serveInMemory(t, socket)
				c := s.connect(t)
				c.join("room:a")
				c.join("room:b")
				c.send(`["1","2","room:a","listen",{"topic":"room:x"}]`)
				c.expect(`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`)
				for range 100 { // what has been handled does not count
					if err := s.Broadcast(topic, event, big); err != nil {
						t.Fatal(err)
					}
					if _, got, err := c.read(); err != nil || !strings.Contains(string(got), "xxx") {
						t.Fatalf("got %.80s, %v", got, err)
					}
				}
				c.send(`["1","3","room:a","wait",{}]`)
				<-log.entered
				for range 100 {
					if err := s.Broadcast(topic, event, big); err != nil {
						t.Fatal(err)
					}
				}
				c.expect(`["1","1","room:a","phx_error",{"reason":"channel_crash"}]`)
				c.send(`["1","4","room:b","count",{}]`)
				c.expect(`["1","4","room:b","phx_reply",{"status":"ok","response":{"n":1}}]`)
				log.free()
			})
		})
	}
}
