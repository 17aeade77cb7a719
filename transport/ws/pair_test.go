package ws_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/transport/ws"
)

// What each kind of client gets of a binary message on a recorded topic: the bytes and then the
// position, and that alone where bytes cannot go. Each message counts.
func TestBytesComeBeforeTheirPosition(t *testing.T) {
	bytes := strings.Repeat("all work and no play ", 100)
	const join, joined = `["1","1","room:a","phx_join",{"since":null}]`, `["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`
	begin := func(t *testing.T) *server {
		socket := recorded(&ws.History{}, newGuest)
		socket.LongPoll, socket.Compress = true, true
		return serveInMemory(t, socket)
	}
	say := func(t *testing.T, s *server) {
		t.Helper()
		if err := s.Broadcast("room:a", "pic", ws.Binary([]byte(bytes))); err != nil {
			t.Fatal(err)
		}
		s.news(t, 2, 2)
	}
	counts := func(t *testing.T, s *server, out, dropped uint64) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d messages out, %d dropped", out, dropped), func() bool {
			stats := s.Stats()
			return stats.MessagesOut == out && stats.Dropped == dropped
		})
	}
	for name, header := range map[string]http.Header{"plain": nil, "compressed": {"X-Compress": {"yes"}}} {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			c, resp, err := s.dial(t, "/socket?vsn=2.0.0", header)
			if err != nil || (resp.Header.Get("Sec-WebSocket-Extensions") != "") != (header != nil) {
				t.Fatal(err, resp)
			}
			c.joinSince("null")
			say(t, s)
			c.expect("\x02\x06\x03room:apic" + bytes)
			c.hears(`phx_position 1 {}`, `news 2 {"n":2}`)
			counts(t, s, 5, 0)
		})
	}
	t.Run("version 1", func(t *testing.T) {
		s := begin(t)
		c, _, err := s.dial(t, "/socket?vsn=1.0.0", nil)
		if err != nil {
			t.Fatal(err)
		}
		c.send(`{"topic":"room:a","event":"phx_join","ref":"1","payload":{"since":null}}`)
		for i, want := range []string{`"phx_reply"`, `"phx_position"`, `"phx_position"`, `"news"`} {
			if i == 2 {
				say(t, s)
			}
			if _, data, err := c.read(); err != nil || !strings.Contains(string(data), `"event":`+want) {
				t.Fatalf("got %s, %v; want %s", data, err, want)
			}
		}
		counts(t, s, 4, 1)
	})
	t.Run("long poll", func(t *testing.T) {
		s := begin(t)
		c := s.pollClient(t, "")
		c.open()
		if status := c.post(join); status != 200 {
			t.Fatal(status)
		}
		var got []string
		for len(got) < 2 {
			got = append(got, c.follow().Messages...)
		}
		say(t, s)
		for len(got) < 4 {
			got = append(got, c.follow().Messages...)
		}
		if !sameJSON([]byte(got[0]), joined) || !strings.Contains(got[2], `:1","room:a","phx_position"`) || !strings.Contains(got[3], `:2","room:a","news"`) {
			t.Errorf("%q", got)
		}
		again := s.pollClient(t, "")
		again.open()
		at, _, _ := strings.Cut(strings.TrimPrefix(got[2], `[null,"`), `:1"`)
		again.post(`["1","1","room:a","phx_join",{"since":"` + at + `:0"}]`)
		for got = nil; len(got) < 4; {
			got = append(got, again.follow().Messages...)
		}
		if !strings.Contains(got[1], `"missed":2`) || !strings.Contains(got[2], `"phx_position"`) || !strings.Contains(got[3], `"news"`) {
			t.Errorf("%q", got)
		}
		counts(t, s, 8, 2)
	})
}
