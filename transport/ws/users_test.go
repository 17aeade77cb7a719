package ws_test

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// byUser is a socket of which a user may have so many connections.
func byUser(most int) ws.Socket {
	socket := polling(newRecord())
	socket.MaxPerUser = most
	return socket
}

// A user may have so many connections and no more, whichever way; one that ends makes room. It
// is no matter to other users, nor to those that have no ID.
func TestConnectionsOfAUserAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, byUser(2))
		refused := func() {
			t.Helper()
			if _, resp, err := s.dial(t, "/socket?vsn=2.0.0&user=ann", nil); err == nil || resp.StatusCode != http.StatusTooManyRequests {
				t.Errorf("one too many: %v", resp)
			}
			if a := s.pollClient(t, "user=ann").poll(); a.Status != http.StatusTooManyRequests {
				t.Errorf("one too many that polls: %+v", a)
			}
		}
		first := s.connectWith(t, "user=ann")
		poller := s.pollClient(t, "user=ann")
		poller.open()
		refused()
		s.connectWith(t, "user=bob").heartbeat()
		for range 3 {
			s.connectWith(t, "").heartbeat()
		}
		first.heartbeat()

		first.conn.CloseNow()
		synctest.Wait()
		second := s.connectWith(t, "user=ann")
		refused()
		s.Disconnect("user:ann")
		second.expectClose(1001)
		synctest.Wait()
		s.connectWith(t, "user=ann")
		s.connectWith(t, "user=ann")
		refused()
	})
}

// However many come at once, as many get in as may.
func TestManyConnectionsOfAUserAtOnce(t *testing.T) {
	s := serve(t, byUser(5))
	for range 3 {
		var in, out atomic.Int32
		var all sync.WaitGroup
		hold := make(chan struct{})
		var decided sync.WaitGroup
		decided.Add(50)
		for range 50 {
			all.Go(func() {
				c, resp, err := s.dial(t, "/socket?vsn=2.0.0&user=ann", nil)
				switch {
				case err == nil:
					in.Add(1)
				case resp != nil && resp.StatusCode == http.StatusTooManyRequests:
					out.Add(1)
				default:
					t.Errorf("refused otherwise: %v", err)
				}
				decided.Done()
				<-hold
				if err == nil {
					c.conn.CloseNow()
				}
			})
		}
		decided.Wait()
		if in.Load() != 5 || out.Load() != 45 {
			t.Errorf("%d got in and %d did not, of 50", in.Load(), out.Load())
		}
		close(hold)
		all.Wait()
		eventually(t, "all have gone", func() bool { return s.Stats().Connections == 0 })
	}
}

// brokenConn cannot be taken over, so that no WebSocket can be opened on it.
type brokenConn struct{ http.ResponseWriter }

// What fails on the way in, or vanishes, does not count any more: afterwards there is room.
func TestAConnectionThatFailsDoesNotCount(t *testing.T) {
	behind := func(h http.Handler) *http.Server {
		return &http.Server{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Broken") != "" {
				w = brokenConn{w}
			}
			h.ServeHTTP(w, r)
		})}
	}
	broken := http.Header{"X-Broken": {"1"}}
	for name, fail := range map[string]func(t *testing.T, s *server, how func(string)){
		"no takeover":      func(t *testing.T, s *server, _ func(string)) { s.dial(t, "/socket?user=ann", broken) },
		"Connect refuses":  func(t *testing.T, s *server, how func(string)) { try(t, s, how, "error") },
		"Connect panics":   func(t *testing.T, s *server, how func(string)) { try(t, s, how, "panic") },
		"Connect exits":    func(t *testing.T, s *server, how func(string)) { try(t, s, how, "goexit") },
		"observer panics":  func(t *testing.T, s *server, how func(string)) { try(t, s, how, "observe panic") },
		"observer exits":   func(t *testing.T, s *server, how func(string)) { try(t, s, how, "observe goexit") },
		"poller vanishes":  func(t *testing.T, s *server, _ func(string)) { s.pollClient(t, "user=ann").open() },
		"session is ended": func(t *testing.T, s *server, _ func(string)) { s.connectWith(t, "user=ann"); endSessions(s) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var how atomic.Value
				how.Store("")
				act := func(stage string) error {
					switch how.Load() {
					case stage + "error":
						return errBadToken
					case stage + "panic":
						panic("no")
					case stage + "goexit":
						runtime.Goexit()
					}
					return nil
				}
				socket := byUser(1)
				connect := socket.Connect
				socket.Connect = func(r *ws.Request) (ws.Identity, error) {
					id, err := connect(r)
					return id, errors.Join(err, act(""))
				}
				socket.Observe = func(o ws.Observation) {
					if _, ok := o.(ws.Connected); ok {
						act("observe ")
					}
				}
				s := serveInMemoryBehind(t, behind, socket)
				for range 3 {
					fail(t, s, func(x string) { how.Store(x) })
					how.Store("")
					time.Sleep(20 * time.Second) // after which one that does not poll is gone
					if n := s.Stats().Connections; n != 0 {
						t.Fatalf("%d connections are left", n)
					}
				}
				s.connectWith(t, "user=ann").heartbeat()
				if _, resp, err := s.dial(t, "/socket?vsn=2.0.0&user=ann", nil); err == nil || resp.StatusCode != http.StatusTooManyRequests {
					t.Errorf("one too many: %v", resp)
				}
			})
		})
	}
}

// try connects where something is about to go wrong, and closes what has come of it.
func try(t *testing.T, s *server, how func(string), what string) {
	how(what)
	if c, _, err := s.dial(t, "/socket?user=ann", nil); err == nil {
		c.conn.CloseNow()
	}
}

// endSessions kills all sessions of an endpoint.
func endSessions(s *server) {
	for c := range s.Connections() {
		c.PID.Exit(actor.Kill)
	}
}
