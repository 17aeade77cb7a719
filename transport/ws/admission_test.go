package ws_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
)

// from is a front that takes the address of the client from a header, as behind a
// proxy.
func from(h http.Handler) *http.Server {
	return plain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from := r.Header.Get("X-From"); from != "" {
			r.RemoteAddr = from
		}
		h.ServeHTTP(w, r)
	}))
}

// knock connects from an address, as a client that polls or with a WebSocket. It
// returns the HTTP status that refuses it, or a function that ends the connection.
func (s *server) knock(t *testing.T, path, address string, polls bool) (status int, leave func()) {
	t.Helper()
	header := http.Header{"X-From": {address}}
	if polls {
		c := s.pollClient(t, "user="+address)
		if a, _ := c.do("GET", "", "", header); a.Token == "" {
			return a.Status, nil
		}
		return 0, func() { s.Disconnect("user:" + address) }
	}
	c, resp, err := s.dial(t, path+"?vsn=2.0.0", header)
	if err != nil {
		return resp.StatusCode, nil
	}
	return 0, func() { c.conn.CloseNow() }
}

func TestMaxPerAddress(t *testing.T) {
	for name, polls := range map[string]bool{"websocket": false, "longpoll": true} {
		t.Run(name, func(t *testing.T) {
			var connects atomic.Int64
			socket := polling(nil)
			socket.MaxPerAddress = 2
			connect := socket.Connect
			socket.Connect = func(r *ws.Request) (ws.Identity, error) {
				connects.Add(1)
				return connect(r)
			}
			s := serveTCPBehind(t, from, socket)
			var leave func()
			for _, c := range []struct {
				address string
				status  int
			}{
				{"192.0.2.1:1000", 0},
				{"192.0.2.1:1001", 0},
				{"192.0.2.1:1002", 429},
				{"192.0.2.1", 429},              // without a port
				{"[::ffff:192.0.2.1]:80", 429},  // the same
				{"192.0.2.2:1000", 0},           // another one
				{"[2001:db8:0:1::1]:1", 0},      // one network of IPv6 …
				{"[2001:db8:0:1:ffff::2]:1", 0}, // … in which anybody may have many addresses
				{"[2001:db8:0:1::3]:1", 429},
				{"[2001:db8:0:2::1]:1", 0},
				{"@", 0}, // a Unix socket: no address, no limit
				{"@", 0},
				{"@", 0},
			} {
				status, end := s.knock(t, "/socket", c.address, polls)
				if status != c.status {
					t.Errorf("%s: status %d, want %d", c.address, status, c.status)
				}
				if leave == nil {
					leave = end
				}
			}
			if got := s.Stats(); got.Refusals != 4 || got.Connections != 9 || connects.Load() != 9 {
				t.Errorf("%+v after %d calls of Connect, want 4 refused before it", got, connects.Load())
			}
			leave()
			status := 429
			for limit := time.Now().Add(patience); status == 429 && time.Now().Before(limit); { // until it is closed for good
				status, _ = s.knock(t, "/socket", "192.0.2.1:1003", polls)
			}
			if status != 0 {
				t.Errorf("status %d when one has left", status)
			}
		})
	}
}

func TestMaxConnections(t *testing.T) {
	socket, other := polling(nil), rooms(nil)
	socket.MaxConnections = 3
	other.Path = "/other"
	s := serveTCPBehind(t, from, socket, other)
	for i, c := range []struct {
		path   string
		polls  bool
		status int
	}{
		{"/other", false, 0}, // counts as well
		{"/socket", true, 0},
		{"/socket", false, 0},
		{"/socket", false, 503},
		{"/socket", true, 503},
		{"/other", false, 0}, // has no limit
	} {
		if status, _ := s.knock(t, c.path, fmt.Sprintf("192.0.2.%d:1", i), c.polls); status != c.status {
			t.Errorf("%s, polls %v: status %d, want %d", c.path, c.polls, status, c.status)
		}
	}
}

// A client that Connect refuses, or panics at, takes nobody's place.
func TestRefusedConnectionsAreNotCounted(t *testing.T) {
	socket := polling(nil)
	socket.MaxPerAddress, socket.MaxConnections = 1, 1
	var open atomic.Bool
	socket.Connect = func(r *ws.Request) (ws.Identity, error) {
		if !open.Load() && r.Params.Has("panic") {
			panic(http.ErrAbortHandler)
		}
		if !open.Load() {
			return ws.Identity{}, errBadToken
		}
		return ws.Identity{}, nil
	}
	s := serveTCPBehind(t, from, socket)
	for range 3 {
		s.status(t, "GET", "/socket/longpoll?vsn=2.0.0", nil)
		s.dial(t, "/socket?vsn=2.0.0", nil)
		if resp, err := http.Get("http://" + s.addr + "/socket/longpoll?panic&vsn=2.0.0"); err == nil {
			t.Errorf("status %d after a panic", resp.StatusCode)
			resp.Body.Close()
		}
		s.dial(t, "/socket?vsn=2.0.0&panic", nil)
	}
	open.Store(true)
	s.connect(t)
}
