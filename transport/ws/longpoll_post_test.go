package ws_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// npm phoenix 1.7, and 1.8 up to 1.8.5, put all that is waiting into one POST.
func TestPostOfVeryManyMessages(t *testing.T) { // LP-2
	s := serve(t, polling(nil))
	c := s.pollClient(t, "")
	c.open()
	c.post(`["1","1","room:a","phx_join",{}]`)
	c.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
	const n = 5000
	var lines, want []string
	for i := range n {
		lines = append(lines, `["1","2","room:a","count",{}]`)
		want = append(want, fmt.Sprintf(`["1","2","room:a","phx_reply",{"status":"ok","response":{"n":%d}}]`, i+1))
	}
	if got := c.post(lines...); got != 200 {
		t.Fatalf("post: %d", got)
	}
	c.expect(want...)
}

// beginPost sends the beginning of a POST of n bytes, on a connection of its own.
func (c *pollClient) beginPost(s *server, n int, body string) net.Conn {
	c.t.Helper()
	return s.rawRequest(c.t, fmt.Sprintf("POST %s&token=%s HTTP/1.1\r\nHost: memory\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n%s",
		strings.TrimPrefix(c.url, "http://memory"), c.token, n, body))
}

// postEarly sends a POST that may be answered before all of it is read. An
// http.Transport would perhaps report that it could not write the rest.
func (c *pollClient) postEarly(s *server, header, body string) (status int) {
	c.t.Helper()
	nc := s.rawRequest(c.t, fmt.Sprintf("POST %s&token=%s HTTP/1.1\r\nHost: memory\r\nContent-Type: application/x-ndjson\r\n%sContent-Length: %d\r\n\r\n",
		strings.TrimPrefix(c.url, "http://memory"), c.token, header, len(body)))
	go io.WriteString(nc, body)
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer nc.Close()
	var a pollAnswer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || resp.StatusCode != 200 {
		c.t.Errorf("HTTP status %d, %v", resp.StatusCode, err)
	}
	return a.Status
}

// expectAnswer reads the answer to a request, and what becomes of the connection.
func expectAnswer(t testing.TB, nc net.Conn, want string) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != want {
		t.Errorf("answer %q, %v, want %q", body, err, want)
	}
	if n, err := nc.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("then %d bytes, %v, want the end of the connection", n, err)
	}
}

// A body that does not come ends with the window. What has come of it counts, but
// not a message that is cut.
func TestPostThatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, polling(nil))
		c := s.pollClient(t, "")
		c.open()
		start := time.Now()
		beat := `[null,"1","phoenix","heartbeat",{}]`
		expectAnswer(t, c.beginPost(s, 10_000, beat+"\n"+beat), `{"status":408}`)
		if waited := time.Since(start); waited < 10*time.Second || waited > 11*time.Second {
			t.Errorf("answered after %v, want the window of 10 s", waited)
		}
		c.expect(`[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]`)
		if a := c.poll(); a.Status != 204 {
			t.Errorf("%+v, want nothing", a)
		}
	})
}

// A connection that breaks within a message does not make that a shorter one.
func TestPostThatIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, polling(nil))
		c := s.pollClient(t, "")
		c.open()
		beat := `[null,"1","phoenix","heartbeat",{}]`
		c.beginPost(s, 10_000, beat+"\n"+beat).Close()
		synctest.Wait()
		if a := c.poll(); len(a.Messages) != 1 {
			t.Errorf("%+v, want one answer", a)
		}
	})
}

// Nothing that is still being read outlives its session.
func TestPostEndsWithItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, polling(nil))
		c := s.pollClient(t, "user=ann")
		c.open()
		start := time.Now()
		first := c.beginPost(s, 10_000, "")
		synctest.Wait()
		second := c.beginPost(s, 10_000, "") // waits for its turn
		time.AfterFunc(time.Second, func() { s.Disconnect("user:ann") })
		expectAnswer(t, first, `{"status":410}`)
		if waited := time.Since(start); waited < time.Second || waited > 2*time.Second {
			t.Errorf("answered after %v, want 1 s", waited)
		}
		resp, err := http.ReadResponse(bufio.NewReader(second), nil)
		if err != nil || time.Since(start) > 2*time.Second {
			t.Errorf("the second: %v, %v after %v, want an answer after 1 s", resp, err, time.Since(start))
		}
		second.Close()
		synctest.Wait()
	})
}

// One POST of a client is read at a time: how many there are takes no more memory.
func TestPostsAreReadOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, polling(nil))
		c := s.pollClient(t, "")
		c.open()
		stalled := c.beginPost(s, 10_000, "")
		synctest.Wait()
		time.Sleep(5 * time.Second)
		start := time.Now()
		go func() {
			http.ReadResponse(bufio.NewReader(stalled), nil)
			stalled.Close()
		}()
		if got := c.post(`[null,"1","phoenix","heartbeat",{}]`); got != 200 || time.Since(start) != 5*time.Second {
			t.Errorf("%d after %v, want 200 when the other POST is given up, after 5 s", got, time.Since(start))
		}
		synctest.Wait()
	})
}

// A client that is refused may have a body that never ends as well.
func TestBodyOfRefusedRequestIsNotWaitedFor(t *testing.T) {
	for name, request := range map[string]string{
		"poll":            "GET /socket/longpoll?vsn=2.0.0 HTTP/1.1",
		"post":            "POST /socket/longpoll?vsn=2.0.0 HTTP/1.1",
		"other method":    "PUT /socket/longpoll HTTP/1.1",
		"refused poll":    "GET /socket/longpoll?vsn=2.0.0&token=bad HTTP/1.1",
		"no upgrade":      "GET /socket/websocket HTTP/1.1",
		"posted upgrade":  "POST /socket/websocket HTTP/1.1",
		"refused upgrade": "GET /socket/websocket?token=bad HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serveInMemory(t, polling(nil))
				start := time.Now()
				nc := s.rawRequest(t, request+"\r\nHost: memory\r\nContent-Length: 1000\r\n\r\nx")
				if _, err := io.ReadAll(nc); err != nil || time.Since(start) > 30*time.Second {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		})
	}
}

// A ResponseWriter that cannot limit a request is no reason to refuse it. The log
// says so, once.
func TestRequestsWithoutDeadlines(t *testing.T) {
	var log syncBuffer
	s := serveSystem(t, actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}), polling(nil))
	for range 2 {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", "/socket/longpoll?vsn=2.0.0", nil))
		if body := w.Body.String(); !strings.HasPrefix(body, `{"status":410,"token":`) {
			t.Errorf("answer %q", body)
		}
	}
	if got := strings.Count(log.String(), "not limited in time"); got != 1 {
		t.Errorf("%d warnings in\n%s", got, log.String())
	}
}
