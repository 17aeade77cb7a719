package ws_test

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The time limits of the server are for requests that are answered at once. A poll
// has its own.
func TestPollOutlastsTheTimeoutsOfTheServer(t *testing.T) {
	for name, http2 := range map[string]bool{"HTTP/1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var spoken http.Protocols
				spoken.SetHTTP1(!http2)
				spoken.SetUnencryptedHTTP2(http2)
				s := serveInMemoryBehind(t, func(h http.Handler) *http.Server {
					return &http.Server{Handler: h, Protocols: &spoken, ReadTimeout: time.Second, WriteTimeout: time.Second}
				}, polling(nil))
				c := s.pollClient(t, "")
				c.http.Transport.(*http.Transport).Protocols = &spoken
				c.open()
				for range 2 { // on one connection
					start := time.Now()
					if a := c.poll(); a.Status != 204 || time.Since(start) != 10*time.Second {
						t.Errorf("after %v: %+v, want 204 after the window", time.Since(start), a)
					}
				}
				other := s.pollClient(t, "")
				other.http, other.token = c.http, c.token
				time.AfterFunc(5*time.Second, func() { other.post(`[null,"1","phoenix","heartbeat",{}]`) })
				if a := c.poll(); a.Status != 200 || len(a.Messages) != 1 {
					t.Errorf("%+v, want a message", a)
				}
				synctest.Wait()
				c.http.CloseIdleConnections()
				synctest.Wait()
			})
		})
	}
}

// A server that fails to read, as after a deadline that something in front has set,
// gives up the context of every request to come on the connection. Polls must not be
// answered at once from then on.
func TestPollOnAConnectionThatTheServerHasGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := true
		s := serveInMemoryBehind(t, func(h http.Handler) *http.Server {
			return plain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if slow {
					http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second))
					time.Sleep(2 * time.Second)
				}
				h.ServeHTTP(w, r)
			}))
		}, polling(nil))
		c := s.pollClient(t, "")
		c.open()
		slow = false
		start := time.Now()
		if a := c.poll(); a.Status != 204 || time.Since(start) != 10*time.Second {
			t.Errorf("after %v: %+v, want 204 after the window", time.Since(start), a)
		}
	})
}

// boastful is a ResponseWriter that flushes only if the one inside does, and panics
// otherwise, as those of echo and gin do.
type boastful struct{ http.ResponseWriter }

func (w boastful) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w boastful) Flush()                      { w.ResponseWriter.(http.Flusher).Flush() }

func TestPollBehindAWriterThatCannotFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemoryBehind(t, func(h http.Handler) *http.Server {
			return plain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.ServeHTTP(boastful{struct{ http.ResponseWriter }{w}}, r)
			}))
		}, polling(nil))
		c := s.pollClient(t, "")
		c.open()
		c.post(`[null,"1","phoenix","heartbeat",{}]`)
		if a := c.poll(); len(a.Messages) != 1 {
			t.Errorf("%+v, want a message", a)
		}
	})
}

// rawRequest sends what is given on a connection of its own.
func (s *server) rawRequest(t testing.TB, request string) net.Conn {
	t.Helper()
	nc, err := s.dialer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if _, err := nc.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	return nc
}

func (c *pollClient) get() string {
	return "GET " + strings.TrimPrefix(c.url, "http://memory") + "&token=" + c.token + " HTTP/1.1\r\nHost: memory\r\n\r\n"
}

// An answer that cannot be written is given to the next poll, also if that names no
// answer, since the client has got none.
func TestAnswerThatCannotBeWrittenComesAgain(t *testing.T) {
	for name, give := range map[string]func(net.Conn){
		"connection closed": func(nc net.Conn) { nc.Close() },
		"client does not read": func(nc net.Conn) {
			time.Sleep(11 * time.Second) // longer than WriteTimeout
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serveInMemory(t, polling(nil))
				c := s.pollClient(t, "")
				c.open()
				nc := s.rawRequest(t, c.get())
				c.post(`[null,"1","phoenix","heartbeat",{}]`)
				synctest.Wait() // the answer is being written
				give(nc)
				synctest.Wait()
				c.expect(`[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]`)
				c.post(`[null,"2","phoenix","heartbeat",{}]`)
				c.expect(`[null,"2","phoenix","phx_reply",{"status":"ok","response":{}}]`)
			})
		})
	}
}

// A poll that is repeated, as browsers do on their own when a connection breaks, gets
// the same messages: none is lost, none comes twice.
func TestRepeatedPollGetsTheSameAnswer(t *testing.T) { // LP-3
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, polling(nil))
		c := s.pollClient(t, "")
		c.open()
		beat := func(ref string) { c.post(`[null,"` + ref + `","phoenix","heartbeat",{}]`) }
		beat("1")
		c.follow()
		beat("2")
		lost := c.poll()
		beat("3")
		again := c.poll()
		if again.Status != 200 || len(again.Messages) != 1 || !slices.Equal(again.Messages, lost.Messages) {
			t.Errorf("first %+v, again %+v", lost, again)
		}
		c.token = again.Token
		if a := c.follow(); len(a.Messages) != 1 || !strings.Contains(a.Messages[0], `"3"`) {
			t.Errorf("next: %+v", a)
		}
		if a := c.follow(); a.Status != 204 {
			t.Errorf("after everything: %+v", a)
		}
	})
}

// While an answer is written to a connection that does not take it, a poll waits for
// the outcome, or the messages might be lost or come twice.
func TestPollWaitsForTheAnswerBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket := polling(nil)
		socket.WriteTimeout = 3 * time.Second
		s := serveInMemory(t, socket)
		c := s.pollClient(t, "")
		c.open()
		s.rawRequest(t, c.get())
		c.post(`[null,"1","phoenix","heartbeat",{}]`)
		synctest.Wait()
		start := time.Now()
		if a := c.poll(); len(a.Messages) != 1 || time.Since(start) != 3*time.Second {
			t.Errorf("after %v: %+v, want the message when the other answer has failed", time.Since(start), a)
		}
	})
}

// A poll whose context ends by itself, as behind a handler that limits all requests,
// is answered by nothing, and nothing is lost with it.
func TestPollOfLimitedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemoryBehind(t, func(h http.Handler) *http.Server {
			return plain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
				defer cancel()
				h.ServeHTTP(w, r.WithContext(ctx))
			}))
		}, polling(nil))
		c := s.pollClient(t, "")
		c.open()
		start := time.Now()
		if a := c.poll(); a.Status != 204 || time.Since(start) != 2*time.Second {
			t.Errorf("after %v: %+v, want 204", time.Since(start), a)
		}
		c.post(`[null,"1","phoenix","heartbeat",{}]`)
		if a := c.poll(); len(a.Messages) != 1 {
			t.Errorf("%+v, want the message", a)
		}
	})
}
