package ws_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
)

// JOIN-8, MSG-9, EVT-2: what comes for a topic waits while its Join runs, in order;
// what comes for others does not, be it a message, a join or a heartbeat.
func TestAJoinHoldsUpItsTopicOnly(t *testing.T) {
	log := newRecord()
	s := serve(t, rooms(log))
	c := s.connect(t)
	c.join("room:a")
	c.send(`["2","2","room:slow","phx_join",{}]`)
	<-log.entered
	c.send(`["2","3","room:slow","count",{}]`)
	c.send(`["2","4","room:slow","count",{}]`)
	c.send(`["1","5","room:a","echo",{}]`)
	c.expect(`["1","5","room:a","phx_reply",{"status":"ok","response":{}}]`)
	c.send(`["6","6","room:b","phx_join",{}]`)
	c.expect(`["6","6","room:b","phx_reply",{"status":"ok","response":{}}]`)
	c.send(`["7","7","room:private","phx_join",{}]`)
	c.expect(`["7","7","room:private","phx_reply",{"status":"error","response":{"reason":"unauthorized"}}]`)
	c.heartbeat()
	log.release <- struct{}{}
	c.expect(`["2","2","room:slow","phx_reply",{"status":"ok","response":{}}]`,
		`["2","3","room:slow","phx_reply",{"status":"ok","response":{"n":1}}]`,
		`["2","4","room:slow","phx_reply",{"status":"ok","response":{"n":2}}]`)
}

// JOIN-8, CLI-5: a Join that never returns costs its own topic only, and not for ever: a
// client that has lost patience leaves, and may join anew.
func TestAJoinThatNeverReturnsIsGivenUp(t *testing.T) {
	const crashed = `["1","1","room:a","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]`
	for name, c := range map[string]struct {
		send []string
		want []string
	}{
		"after a leave": {
			[]string{`["1","2","room:a","echo",{}]`, `["1","3","room:a","phx_leave",{}]`},
			[]string{crashed,
				`[null,"2","room:a","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`,
				`["1","3","room:a","phx_reply",{"status":"ok","response":{}}]`},
		},
		// JOIN-11: with all that had waited for it.
		"for another join": {
			[]string{`["1","2","room:a","echo",{}]`, `["1","3","room:a","phx_leave",{}]`, `["4","4","room:a","phx_join",{}]`, `["4","5","room:a","count",{}]`},
			[]string{crashed, `["4","4","room:a","phx_reply",{"status":"ok","response":{}}]`,
				`["4","5","room:a","phx_reply",{"status":"ok","response":{"n":1}}]`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				var joins atomic.Int32
				socket := rooms(nil, ws.Middleware{Join: func(next ws.JoinFunc) ws.JoinFunc {
					return func(c *ws.Channel, topic string, in ws.Payload) (any, error) {
						if joins.Add(1) == 1 {
							<-release
						}
						return next(c, topic, in)
					}
				}})
				s := serveInMemory(t, socket)
				client := s.connect(t)
				client.send(`["1","1","room:a","phx_join",{}]`)
				synctest.Wait()
				start := time.Now()
				for _, m := range c.send {
					client.send(m)
				}
				client.expect(c.want...)
				if took := time.Since(start); took < 5*time.Second || took > 6*time.Second {
					t.Errorf("it was given %v, want 5 s and a little", took)
				}
				if got := s.sys.Abandoned(); got != 1 {
					t.Errorf("%d abandoned, want 1", got)
				}
				close(release)
				synctest.Wait()
				client.heartbeat() // it answers nothing any more
			})
		})
	}
}

// A leave does not end a Join that returns in time: what came before it is handled.
func TestALeaveBehindAJoinIsHandledInOrder(t *testing.T) { // MSG-9, END-1
	synctest.Test(t, func(t *testing.T) {
		log := newRecord()
		s := serveInMemory(t, rooms(log))
		c := s.connect(t)
		for i, event := range []string{"phx_join", "count", "phx_leave"} {
			c.send(fmt.Sprintf(`["1","%d","room:slow",%q,{}]`, i+1, event))
		}
		<-log.entered
		time.Sleep(4 * time.Second)
		log.release <- struct{}{}
		c.expect(`["1","1","room:slow","phx_reply",{"status":"ok","response":{}}]`,
			`["1","2","room:slow","phx_reply",{"status":"ok","response":{"n":1}}]`,
			`["1","3","room:slow","phx_reply",{"status":"ok","response":{}}]`,
			`["1","1","room:slow","phx_close",{}]`)
		time.Sleep(5 * time.Second) // what was to end it finds nobody
		c.join("room:a")
	})
}

// MSG-3: nor does one that is meant for the channel before.
func TestAStaleLeaveDoesNotEndAJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newRecord()
		s := serveInMemory(t, rooms(log))
		c := s.connect(t)
		c.send(`["2","2","room:slow","phx_join",{}]`)
		<-log.entered
		c.send(`["1","3","room:slow","phx_leave",{}]`)
		time.Sleep(8 * time.Second)
		log.release <- struct{}{}
		c.expect(`["2","2","room:slow","phx_reply",{"status":"ok","response":{}}]`)
		c.heartbeat()
	})
}
