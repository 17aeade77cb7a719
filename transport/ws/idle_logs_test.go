package ws_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/history/historytest"
)

// mostIdle is how many topics without a channel these tests keep.
const mostIdle = 4

// epoch returns in which log a topic is now.
func (s *server) epoch(t *testing.T, topic string) string {
	t.Helper()
	l, err := s.Recorded(t.Context(), topic, ws.Position{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	return l.To.Epoch
}

// look has a client join topics that nothing was ever said on, and leave them.
func (c *client) look(topics string, n int) {
	c.t.Helper()
	for i := range n {
		topic := fmt.Sprint("room:", topics, i)
		c.send(fmt.Sprintf(`["1","1",%q,"phx_join",{}]`, topic))
		c.expect(fmt.Sprintf(`["1","1",%q,"phx_reply",{"status":"ok","response":{}}]`, topic))
		c.send(fmt.Sprintf(`["1","2",%q,"phx_leave",{}]`, topic))
		c.expect(fmt.Sprintf(`["1","2",%q,"phx_reply",{"status":"ok","response":{}}]`, topic),
			fmt.Sprintf(`["1","1",%q,"phx_close",{}]`, topic))
	}
	synctest.Wait()
}

// Nobody costs a client what it has missed by a look at topics that nothing was said on: neither one
// that joins and leaves them, nor one that reads their logs.
func TestALookAtEmptyTopicsPushesNoLogOut(t *testing.T) {
	for what, said := range map[string]struct{ before, away int }{
		"before and while nobody was there": {2, 1},
		"while nobody was there":            {0, 2},
		"before only":                       {2, 0},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serveInMemory(t, recorded(&ws.History{MaxIdle: mostIdle}, newGuest))
				ann, bob := s.connect(t), s.connect(t)
				start := ann.joinSince("null")
				s.news(t, 1, said.before)
				ann.conn.CloseNow()
				synctest.Wait()
				s.news(t, said.before+1, said.before+said.away)
				bob.look("looked", 3*mostIdle)
				for i := range 3 * mostIdle {
					s.epoch(t, fmt.Sprint("room:read", i))
				}
				all := said.before + said.away
				told := s.connect(t).joinSince(strconv.Quote(start.ref))
				if told.payload != recovery(true, all, start.at(all)) {
					t.Errorf("told of %v, want all %d", told, all)
				}
			})
		})
	}
}

// Nor do broadcasts with keys on topics that nobody has been on, until somebody has.
func TestNewsForNobodyPushesNoLogOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, recorded(&ws.History{MaxIdle: mostIdle}, newGuest))
		say := func(topic string) {
			t.Helper()
			if err := s.Broadcast(topic, "news", nil, ws.Idempotent("key")); err != nil {
				t.Fatal(err)
			}
		}
		ann := s.connect(t)
		start := ann.joinSince("null")
		ann.conn.CloseNow()
		synctest.Wait()
		s.news(t, 1, 2)
		say("room:late")
		late := s.epoch(t, "room:late")
		for i := range 3 * mostIdle {
			say(fmt.Sprint("room:nobody", i))
		}
		if s.epoch(t, "room:late") != late {
			t.Error("a log has gone that was read")
		}
		told := s.connect(t).joinSince(strconv.Quote(start.ref))
		if told.payload != recovery(true, 2, start.at(2)) {
			t.Errorf("told of %v, want both", told)
		}
	})
}

// Of the logs with messages the one goes first that has been idle for longest, no matter whether its
// messages came before; and all of them go in time.
func TestLogsGoInTheOrderInWhichTheyBecameIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, recorded(&ws.History{MaxIdle: mostIdle, TTL: time.Hour}, newGuest))
		say := func(topic string) {
			t.Helper()
			if err := s.Broadcast(topic, "news", nil); err != nil {
				t.Fatal(err)
			}
		}
		epochs := map[string]string{}
		read := func(topics ...string) {
			t.Helper()
			for _, topic := range topics {
				epochs[topic] = s.epoch(t, topic)
			}
		}
		survives := func(topic string, want bool) {
			t.Helper()
			if got := s.epoch(t, topic) == epochs[topic]; got != want {
				t.Errorf("the log of %s has stayed: %t", topic, got)
			}
		}
		read("room:late", "room:first", "room:second", "room:third")
		for _, topic := range []string{"room:third", "room:second", "room:late", "room:first"} {
			say(topic) // all of them are idle
		}
		read("room:empty") // there is no empty one but this
		survives("room:empty", false)
		read("room:first") // which is the one idle for the shortest time now
		c := s.connect(t)
		c.join("room:fourth")
		say("room:fourth")
		c.expect(`[null,"@` + s.epoch(t, "room:fourth") + `:1","room:fourth","news",{}]`)
		epochs["room:fourth"] = s.epoch(t, "room:fourth")
		c.conn.CloseNow()
		synctest.Wait()
		survives("room:late", false)
		for _, topic := range []string{"room:second", "room:third", "room:first", "room:fourth"} {
			survives(topic, true)
		}
		time.Sleep(time.Hour - time.Second)
		survives("room:third", true)
		time.Sleep(30 * time.Minute)
		for topic, want := range map[string]bool{"room:second": false, "room:third": true, "room:first": false, "room:fourth": false} {
			survives(topic, want)
		}
	})
}

// The log of a topic that nothing was said on yet is not forgotten as soon as nobody is there, be the
// places full of others: an eighth of them is for such topics, and no look takes more than that.
func TestTheLogOfANewTopicHasAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 16
		s := serveInMemory(t, recorded(&ws.History{MaxIdle: most}, newGuest))
		used := map[string]string{}
		for i := range most {
			topic := fmt.Sprint("room:used", i)
			if err := s.Broadcast(topic, "news", nil, ws.Idempotent("first")); err != nil {
				t.Fatal(err)
			}
		}
		for i := range most {
			topic := fmt.Sprint("room:used", i)
			used[topic] = s.epoch(t, topic)
		}
		ann := s.connect(t)
		start := ann.joinSince("null")
		ann.conn.CloseNow()
		synctest.Wait()
		told := s.connect(t)
		if got := told.joinSince(strconv.Quote(start.ref)); got.payload != recovery(true, 0, start.at(0)) {
			t.Errorf("told of %v, want that nothing was missed", got)
		}
		s.connect(t).look("looked", 3*most)
		pushedOut := 0
		for i := most - 1; i >= 0; i-- { // what is not there any more takes the place of the longest idle
			topic := fmt.Sprint("room:used", i)
			if s.epoch(t, topic) != used[topic] {
				pushedOut++
			}
		}
		if pushedOut != most/8 {
			t.Errorf("looks have pushed out %d logs with messages, want %d", pushedOut, most/8)
		}
	})
}

// With a Store it is the copies of empty topics that are given up, too: what would have to be read
// anew stays.
func TestALookAtEmptyTopicsPushesNoCopyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(historytest.Store)
		s := serveInMemory(t, recorded(&ws.History{MaxIdle: mostIdle, Store: store}, newGuest))
		if err := s.Broadcast("room:a", "news", nil); err != nil {
			t.Fatal(err)
		}
		s.epoch(t, "room:a")
		copies := make(chan string, 100)
		store.Fail(func(_ context.Context, operation, topic string) error {
			if operation == "follow" {
				copies <- topic
			}
			return nil
		})
		s.connect(t).look("looked", 3*mostIdle)
		s.epoch(t, "room:a")
		synctest.Wait()
		store.Fail(nil)
		close(copies)
		n := 0
		for topic := range copies {
			if n++; topic == "room:a" {
				t.Error("its log was read anew")
			}
		}
		if n != 3*mostIdle {
			t.Errorf("%d logs were read", n)
		}
	})
}
