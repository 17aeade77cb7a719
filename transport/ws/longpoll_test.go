package ws_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// pollClient speaks the long-poll protocol by hand.
type pollClient struct {
	t     testing.TB
	http  *http.Client
	url   string // with the query
	token string
}

type pollAnswer struct {
	Status   int
	Token    string
	Messages []string
}

func polling(log *record) ws.Socket {
	s := rooms(log)
	s.LongPoll = true
	return s
}

func (s *server) pollClient(t testing.TB, params string) *pollClient {
	transport := &http.Transport{}
	if s.dialer != nil {
		transport.DialContext = s.dialPipe
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &pollClient{t: t, http: &http.Client{Transport: transport}, url: "http://" + s.addr + "/socket/longpoll?vsn=2.0.0&" + params}
}

func (c *pollClient) do(method, contentType, body string, header http.Header) (pollAnswer, *http.Response) {
	c.t.Helper()
	url := c.url
	if c.token != "" {
		url += "&token=" + c.token
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var a pollAnswer
	if len(data) == 0 {
		return pollAnswer{Status: resp.StatusCode}, resp
	}
	if err := json.Unmarshal(data, &a); err != nil {
		c.t.Fatalf("%s: %v", data, err)
	}
	if resp.StatusCode != 200 {
		c.t.Errorf("%s comes with status %d", data, resp.StatusCode)
	}
	return a, resp
}

// follow polls once, and from then on with the token of the answer, as the official
// client does.
func (c *pollClient) follow() pollAnswer {
	c.t.Helper()
	a := c.poll()
	c.token = a.Token
	return a
}

// poll polls once, and checks what holds for any answer: what the official client
// does not know has no body.
func (c *pollClient) poll() pollAnswer {
	c.t.Helper()
	a, resp := c.do("GET", "", "", nil)
	if resp.Header.Get("Access-Control-Allow-Origin") != "*" || resp.Header.Get("Cache-Control") != "no-store" {
		c.t.Errorf("header %v", resp.Header)
	}
	known := a.Token != "" && (a.Status == 200 || a.Status == 204 || a.Status == 410) || a.Status == 403
	if known == (resp.StatusCode != 200) {
		c.t.Errorf("HTTP status %d for %+v", resp.StatusCode, a)
	}
	return a
}

func (c *pollClient) open() {
	c.t.Helper()
	a := c.poll()
	if a.Status != 410 || a.Token == "" || a.Messages == nil || len(a.Messages) != 0 {
		c.t.Fatalf("opened with %+v", a)
	}
	c.token = a.Token
}

// post sends lines as the official client does.
func (c *pollClient) post(lines ...string) int {
	c.t.Helper()
	a, resp := c.do("POST", "application/x-ndjson", strings.Join(lines, "\n"), nil)
	if a.Status == 200 && resp.Close {
		c.t.Error("the connection is closed after a POST that was taken")
	}
	return a.Status
}

// expect polls until these messages have come.
func (c *pollClient) expect(want ...string) {
	c.t.Helper()
	var got []string
	for len(got) < len(want) {
		a := c.poll()
		if a.Status != 200 || a.Token == "" {
			c.t.Fatalf("poll: %+v after %q; want %q", a, got, want)
		}
		got = append(got, a.Messages...)
	}
	for i := range got {
		if i >= len(want) || !sameJSON([]byte(got[i]), want[i]) {
			c.t.Fatalf("got  %q\nwant %q", got, want)
		}
	}
}

func TestLongPollIsTheSameProtocol(t *testing.T) { // LP-1, LP-2, LP-5
	s := serve(t, polling(nil))
	c, socket := s.pollClient(t, "user=ann"), s.connect(t)
	c.open()
	if got := c.post(`["1","1","room:a","phx_join",{}]`); got != 200 {
		t.Fatalf("post: %d", got)
	}
	c.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
	socket.join("room:a")
	socket.send(`["1",null,"room:a","shout",{"x":1}]`)
	c.expect(`[null,null,"room:a","shout",{"x":1}]`)

	// Several at once, in order; bytes come in base64, and are answered in bytes,
	// which do not reach a client that polls (LP-7).
	c.post(`["1","2","room:a","count",{}]`, `AAEBBgUxM3Jvb206YXNob3V0YWJj`, `["1","4","room:a","count",{}]`)
	c.expect(`["1","2","room:a","phx_reply",{"status":"ok","response":{"n":1}}]`,
		`["1","3","room:a","phx_reply",{"status":"ok","response":{}}]`,
		`["1","4","room:a","phx_reply",{"status":"ok","response":{"n":2}}]`)
	socket.expect(`[null,null,"room:a","shout",{"x":1}]`, "\x02\x06\x05room:ashoutabc")

	c.post(`["1","5","room:a","crash",{}]`)
	c.expect(`["1","1","room:a","phx_error",{"reason":"channel_crash"}]`)
}

func TestLongPollOfVersion1PostsOneMessage(t *testing.T) { // LP-2
	s := serve(t, polling(nil))
	c := s.pollClient(t, "")
	c.url = strings.Replace(c.url, "2.0.0", "1.0.0", 1)
	c.open()
	if a, _ := c.do("POST", "application/json", `{"topic":"room:a","event":"phx_join",
		"payload":{},"ref":"1"}`, nil); a.Status != 200 {
		t.Fatalf("post: %+v", a)
	}
	c.expect(`{"topic":"room:a","event":"phx_reply","ref":"1","payload":{"status":"ok","response":{}}}`)
}

func TestLongPollWaitsForItsWindow(t *testing.T) { // LP-1
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, polling(nil))
		c := s.pollClient(t, "")
		c.open()
		start := time.Now()
		if a := c.poll(); a.Status != 204 || a.Token == "" || time.Since(start) != 10*time.Second {
			t.Errorf("after %v: %+v, want 204 after the window of 10 s", time.Since(start), a)
		}
		start = time.Now()
		go func() {
			time.Sleep(3 * time.Second)
			other := s.pollClient(t, "")
			other.token = c.token
			other.post(`[null,"1","phoenix","heartbeat",{}]`)
		}()
		if a := c.poll(); a.Status != 200 || len(a.Messages) != 1 || time.Since(start) != 3*time.Second {
			t.Errorf("after %v: %+v, want the answer at once", time.Since(start), a)
		}
		synctest.Wait()
	})
}

func TestClientThatStopsPollingIsGone(t *testing.T) { // LP-4
	synctest.Test(t, func(t *testing.T) {
		log := newRecord()
		s := serveInMemory(t, polling(log))
		c := s.pollClient(t, "")
		c.open()
		c.post(`["1","1","room:a","phx_join",{}]`)
		c.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
		time.Sleep(14 * time.Second)
		if a := c.poll(); a.Status != 204 { // it is back in time, and waits for 10 s
			t.Fatalf("poll: %+v", a)
		}
		last := time.Now()
		if reason := <-log.terminated; reason != ws.Closed || time.Since(last) != 15*time.Second {
			t.Errorf("ended with %v after %v, want Closed after 15 s", reason, time.Since(last))
		}
		synctest.Wait()
		if got := c.post(`["1","2","room:a","echo",{}]`); got != 410 {
			t.Errorf("post to a session that is gone: %d, want 410", got)
		}
		if a := c.poll(); a.Status != 410 || a.Token != "" {
			t.Errorf("poll: %+v, want 410 and no new session", a)
		}
		if got := s.Stats().Connections; got != 0 {
			t.Errorf("%d connections", got)
		}
	})
}

func TestNewerPollTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, polling(nil))
		c := s.pollClient(t, "")
		c.open()
		first, second := make(chan pollAnswer), make(chan pollAnswer)
		go func() { first <- c.poll() }()
		synctest.Wait()
		go func() { second <- c.poll() }()
		if a := <-first; a.Status != 204 {
			t.Errorf("the older poll: %+v, want 204 at once", a)
		}
		c.post(`[null,"1","phoenix","heartbeat",{}]`)
		if a := <-second; a.Status != 200 || len(a.Messages) != 1 {
			t.Errorf("the newer poll: %+v", a)
		}
	})
}

func TestLongPollRefusals(t *testing.T) { // ORIG-3, AUTH-4, LP-3
	socket := polling(nil)
	socket.MaxMessageSize = 1000
	other := rooms(nil)
	other.Path, other.LongPoll = "/other", true
	off := rooms(nil)
	off.Path = "/off"
	s := serve(t, socket, other, off)
	if a := s.pollClient(t, "token=bad").poll(); a.Status != 403 || a.Token != "" {
		t.Errorf("bad token: %+v", a)
	}
	if a, _ := s.pollClient(t, "").do("GET", "", "", http.Header{"X-Phoenix-Authtoken": {"bad"}}); a.Status != 403 {
		t.Errorf("bad auth token: %+v", a)
	}
	if a, _ := s.pollClient(t, "").do("GET", "", "", http.Header{"Origin": {"https://evil.example"}}); a.Status != 403 {
		t.Errorf("other origin: %+v", a)
	}
	if _, resp := s.pollClient(t, "").do("PUT", "", "", nil); resp.StatusCode != 400 {
		t.Errorf("PUT: %d", resp.StatusCode)
	}
	_, resp := s.pollClient(t, "").do("OPTIONS", "", "", http.Header{"Access-Control-Request-Headers": {"x-a, x-b"}})
	if h := resp.Header; resp.StatusCode != 200 || h.Get("Access-Control-Allow-Headers") != "x-a, x-b" || h.Get("Access-Control-Max-Age") != "3600" {
		t.Errorf("OPTIONS: %d %v", resp.StatusCode, h)
	}
	if got := s.status(t, "GET", "/off/longpoll", nil); got != 404 {
		t.Errorf("a socket without long-poll: %d", got)
	}

	c := s.pollClient(t, "")
	c.open()
	for name, post := range map[string]struct {
		body string
		want int
	}{
		"not base64":    {"?", 400},
		"message large": {`["1","1","room:a","x",{"x":"` + strings.Repeat("x", 1000) + `"}]`, 413},
		"body large":    {strings.Repeat(`["1","1","room:a","x",{}]`+"\n", 2000), 413},
	} {
		if got := c.post(post.body); got != post.want {
			t.Errorf("%s: %d, want %d", name, got, post.want)
		}
	}

	// Tokens: a forged one, one of another socket, and one with a changed byte are as
	// good as that of a session that is gone.
	forged := []string{"troupe.AAAA", "troupe.", changed(c.token), "troupe." + strings.ToUpper(c.token[7:])}
	for _, token := range forged {
		f := s.pollClient(t, "")
		f.token = token
		if got := f.post(`[null,"1","phoenix","heartbeat",{}]`); got != 410 {
			t.Errorf("post with token %q: %d, want 410", token, got)
		}
		if a := f.poll(); a.Status != 410 || a.Token != "" {
			t.Errorf("poll with token %q: %+v, want 410", token, a)
		}
	}
	elsewhere := s.pollClient(t, "")
	elsewhere.url = strings.Replace(elsewhere.url, "/socket/", "/other/", 1)
	elsewhere.token = c.token
	if got := elsewhere.post(`[null,"1","phoenix","heartbeat",{}]`); got != 410 {
		t.Errorf("token of another socket: %d, want 410", got)
	}
}

// changed returns a token with another last letter.
func changed(token string) string {
	last := len(token) - 1
	if token[last] == 'A' {
		return token[:last] + "B"
	}
	return token[:last] + "A"
}

func TestMalformedPostEndsTheSession(t *testing.T) { // WIRE-10
	log := newRecord()
	s := serve(t, polling(log))
	c := s.pollClient(t, "")
	c.open()
	c.post(`["1","1","room:a","phx_join",{}]`)
	c.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
	c.post(`[`)
	if reason := <-log.terminated; reason != ws.Closed {
		t.Errorf("Terminate got %v, want Closed", reason)
	}
	for a := c.poll(); ; a = c.poll() { // until the session is off the list
		if a.Status == 410 {
			break
		}
	}
}

func TestPollerThatDoesNotPollFastEnoughIsSlow(t *testing.T) { // OUT-8
	socket := polling(nil)
	socket.MaxQueue = 1000
	s := serve(t, socket)
	c := s.pollClient(t, "")
	c.open()
	c.post(`["1","1","room:a","phx_join",{}]`)
	c.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
	for range 20 {
		s.Broadcast("room:a", "big", map[string]string{"x": strings.Repeat("x", 100)})
	}
	s.waitFor(t, func(st ws.Stats) bool { return st.SlowConsumers == 1 && st.Connections == 0 })
}

// A client that polls comes back after a drain: as long as the endpoint is there, to
// be refused, and then to the next one, which knows nothing of its token.
func TestDrainSendsPollersElsewhere(t *testing.T) {
	s := serve(t, polling(nil))
	c := s.pollClient(t, "")
	c.open()
	answer := make(chan pollAnswer)
	go func() { answer <- c.poll() }()
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := <-answer; a.Status != 410 {
		t.Errorf("the poll that waited: %+v, want 410", a)
	}
	if a := c.poll(); a.Status != 410 {
		t.Errorf("another with its token: %+v, want 410", a)
	}
	if a := s.pollClient(t, "").poll(); a.Status != 503 {
		t.Errorf("a client that comes back: %+v, want 503", a)
	}
	next := serve(t, polling(nil)).pollClient(t, "")
	next.token = c.token
	if a := next.poll(); a.Status != 410 || a.Token != "" {
		t.Errorf("another endpoint, with the old token: %+v, want 410", a)
	}
	next.token = ""
	next.open()
}

func TestShutdownEndsPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, polling(nil))
		c := s.pollClient(t, "")
		c.open()
		answer := make(chan pollAnswer)
		go func() { answer <- c.poll() }()
		synctest.Wait()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if a := <-answer; a.Status != 410 {
			t.Errorf("the poll that waited: %+v, want 410", a)
		}
		if a := s.pollClient(t, "").poll(); a.Status != 503 {
			t.Errorf("a new client: %+v, want 503", a)
		}
	})
}

// waitFor waits until the figures are as wanted, which the end of an actor makes
// them.
func (s *server) waitFor(t testing.TB, want func(ws.Stats) bool) {
	t.Helper()
	changed := make(chan struct{}, 1)
	stop := s.sys.Observe(func(e actor.Event) {
		if _, ok := e.(actor.Exited); ok {
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	})
	defer stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for !want(s.Stats()) {
		select {
		case <-changed:
		case <-limit.C:
			t.Fatalf("figures %+v", s.Stats())
		}
	}
}

// LP-3: the token may be in a header; it is worth nothing when its session has ended.
func TestPollTokens(t *testing.T) {
	s := serve(t, polling(nil))
	c := s.pollClient(t, "user=ann")
	c.open()
	token := c.token
	c.token = ""
	header := http.Header{"X-Phoenix-Longpoll-Token": {token}}
	if a, _ := c.do("POST", "", `[null,"1","phoenix","heartbeat",{}]`, header); a.Status != 200 {
		t.Errorf("post: %+v", a)
	}
	a, _ := c.do("GET", "", "", header)
	if a.Status != 200 || a.Token == "" || a.Token == token || len(a.Messages) != 1 {
		t.Errorf("poll: %+v", a)
	}
	token = a.Token                 // each answer with messages has its own
	c.token = "mine&token=" + token // behind a parameter of the client's that is also called so
	if got := c.post(`[null,"1","phoenix","heartbeat",{}]`); got != 200 {
		t.Errorf("post: %d", got)
	}
	s.Disconnect("user:ann")
	s.waitFor(t, func(st ws.Stats) bool { return st.Connections == 0 })
	c.token = token // replayed
	if got := c.post(`[null,"1","phoenix","heartbeat",{}]`); got != 410 {
		t.Errorf("post with the token of a session that has ended: %d", got)
	}
	if a := c.poll(); a.Status != 410 || a.Token == token {
		t.Errorf("poll with it: %+v", a)
	}
}
