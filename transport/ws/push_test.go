package ws_test

import (
	"testing"
)

func TestPushesGoToOneClient(t *testing.T) { // OUT-1, OUT-7
	s := serve(t, rooms(nil))
	a, b := s.connect(t), s.connect(t)
	a.join("room:a")
	s.Broadcast("room:a", "early", nil) // nothing is kept for who is not there
	a.expect(`[null,null,"room:a","early",{}]`)
	b.join("room:a")
	b.heartbeat()
	a.send(`["1","2","room:a","push_me",{"x":1}]`)
	a.expect(`["1",null,"room:a","pushed",{"x":1}]`, `["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`)
	b.heartbeat()
}

func TestReplyAfterTheEnd(t *testing.T) { // MSG-7
	log := newRecord()
	s := serve(t, rooms(log))
	c := s.connect(t)
	c.join("room:a")
	c.send(`["1","2","room:a","keep",{}]`)
	c.send(`["1","3","room:a","phx_leave",{}]`)
	c.expect(`["1","3","room:a","phx_reply",{"status":"ok","response":{}}]`, `["1","1","room:a","phx_close",{}]`)
	c.send(`["4","4","room:a","phx_join",{}]`)
	c.expect(`["4","4","room:a","phx_reply",{"status":"ok","response":{}}]`)
	close(log.release)
	c.expect(`["1","2","room:a","phx_reply",{"status":"ok","response":{"late":true}}]`) // its join_ref is an old one
	c.heartbeat()
}
