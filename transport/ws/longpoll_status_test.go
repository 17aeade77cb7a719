package ws_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
)

// reaction is what the official client does with an answer to a poll: it looks at
// the body only, and takes one that is empty, or no JSON, for an error that passes.
func reaction(resp *http.Response, err error) string {
	if err != nil {
		return "comes back"
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	var a *pollAnswer
	if err != nil || json.Unmarshal(body, &a) != nil || a == nil {
		return "comes back"
	}
	switch a.Status {
	case 200, 204:
		return "polls"
	case 410:
		return "is open"
	case 403:
		return "is refused"
	case 0, 500:
		return "comes back"
	}
	return "hangs"
}

// The official client understands every answer that it can meet; see phoenix.md.
func TestAnswersThatTheOfficialClientMeets(t *testing.T) {
	evil := http.Header{"Origin": {"https://evil.example"}}
	beat := `[null,"1","phoenix","heartbeat",{}]`
	for name, c := range map[string]struct {
		socket func(*ws.Socket)
		front  front
		before func(*testing.T, *server, *pollClient)
		query  string
		header http.Header
		status int // of HTTP; 0 if there is no answer
		want   string
	}{
		"a new client":        {status: 200, want: "is open"},
		"nothing to tell":     {before: open, status: 200, want: "polls"},
		"messages":            {before: func(t *testing.T, s *server, c *pollClient) { c.open(); c.post(beat) }, status: 200, want: "polls"},
		"refused by Connect":  {query: "&token=bad", status: 200, want: "is refused"},
		"refused by origin":   {header: evil, status: 200, want: "is refused"},
		"refused with status": {socket: refusing(&ws.StatusError{Status: 429}), status: 200, want: "is refused"},
		"Connect panics":      {socket: refusing(nil), status: 0, want: "comes back"},
		"forged token":        {query: "&token=troupe.AAAA", status: 410, want: "comes back"},
		"session is gone": {before: func(t *testing.T, s *server, c *pollClient) {
			c.open()
			time.Sleep(time.Minute)
		}, status: 410, want: "comes back"},
		"session ends": {before: func(t *testing.T, s *server, c *pollClient) {
			c.open()
			time.AfterFunc(time.Second, func() { s.Disconnect("user:ann") })
		}, query: "&user=ann", status: 410, want: "comes back"},
		"drained": {before: func(t *testing.T, s *server, c *pollClient) {
			c.open()
			s.Drain(t.Context())
		}, status: 410, want: "comes back"},
		"draining":            {before: func(t *testing.T, s *server, c *pollClient) { s.Drain(t.Context()) }, status: 503, want: "comes back"},
		"shut down":           {before: func(t *testing.T, s *server, c *pollClient) { s.Shutdown(t.Context()) }, status: 503, want: "comes back"},
		"system is shut down": {before: func(t *testing.T, s *server, c *pollClient) { s.sys.Shutdown(t.Context()) }, status: 503, want: "comes back"},
		"too many":            {socket: func(s *ws.Socket) { s.MaxConnections = 1 }, before: another, status: 503, want: "comes back"},
		"too many of an address": {socket: func(s *ws.Socket) { s.MaxPerAddress = 1 }, before: another,
			front: at("192.0.2.1:1"), status: 429, want: "comes back"},
		"no long-polling": {socket: func(s *ws.Socket) { s.LongPoll = false }, status: 404, want: "comes back"},
		"a handler in front with less patience": {before: open, front: func(h http.Handler) *http.Server {
			return plain(http.TimeoutHandler(h, time.Second, ""))
		}, status: 503, want: "comes back"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				socket := polling(nil)
				if c.socket != nil {
					c.socket(&socket)
				}
				if c.front == nil {
					c.front = plain
				}
				s := serveInMemoryBehind(t, c.front, socket)
				client := s.pollClient(t, c.query)
				if c.before != nil {
					c.before(t, s, client)
				}
				url := client.url
				if client.token != "" {
					url += "&token=" + client.token
				}
				resp, err := client.http.Do(request(t, url, c.header))
				status := 0
				if err == nil {
					status = resp.StatusCode
				}
				if got := reaction(resp, err); got != c.want || status != c.status {
					t.Errorf("HTTP status %d: the client %s; want %d, and that it %s", status, got, c.status, c.want)
				}
				synctest.Wait()
			})
		})
	}
}

func open(_ *testing.T, _ *server, c *pollClient) { c.open() }

// another lets another client connect.
func another(t *testing.T, s *server, _ *pollClient) { s.pollClient(t, "").open() }

// refusing makes Connect return an error, or panic if there is none.
func refusing(err error) func(*ws.Socket) {
	return func(s *ws.Socket) {
		s.Connect = func(*ws.Request) (ws.Identity, error) {
			if err == nil {
				panic(http.ErrAbortHandler)
			}
			return ws.Identity{}, err
		}
	}
}

// at is a front for which all clients are at one address.
func at(address string) front {
	return func(h http.Handler) *http.Server {
		return plain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.RemoteAddr = address
			h.ServeHTTP(w, r)
		}))
	}
}

// On any answer to a POST but 200 the official client comes back. Each of them is
// HTTP status 200, with the status in the body.
func TestAnswersToPosts(t *testing.T) {
	beat := `[null,"1","phoenix","heartbeat",{"x":"` + strings.Repeat("x", 100) + `"}]`
	for name, c := range map[string]struct {
		body   string
		token  string // instead of the session's
		header string
		rate   int
		want   int
	}{
		"messages":      {body: beat + "\n" + beat, want: 200},
		"nothing":       {body: "\n", want: 200},
		"not base64":    {body: beat + "\n?", want: 400},
		"other origin":  {body: beat, header: "Origin: https://evil.example\r\n", want: 403},
		"too fast":      {body: strings.Repeat(beat+"\n", 60), rate: 1, want: 408},
		"no session":    {body: beat, token: "troupe.AAAA", want: 410},
		"no token":      {body: beat, token: "none", want: 410},
		"large message": {body: strings.Repeat("[", 1001), want: 413},
		"large body":    {body: strings.Repeat(beat+"\n", 1000), want: 413},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				socket := polling(nil)
				socket.MaxMessageSize, socket.MaxMessageRate = 1000, c.rate
				s := serveInMemory(t, socket)
				client := s.pollClient(t, "")
				client.open()
				if c.token != "" {
					client.token = c.token
				}
				if got := client.postEarly(s, c.header, c.body); got != c.want {
					t.Errorf("status %d, want %d", got, c.want)
				}
			})
		})
	}
}
