package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
)

// The contract of the fixture, line by line, over raw frames.

const limit = time.Minute // for what must come

// startServer starts the program's endpoint, and returns where it listens.
func startServer(t *testing.T) string {
	t.Helper()
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	endpoint, err := start(sys)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(endpoint)
	t.Cleanup(func() {
		server.Close()
		if err := errors.Join(endpoint.Shutdown(ctx), sys.Shutdown(ctx)); err != nil {
			t.Error(err)
		}
	})
	return server.Listener.Addr().String()
}

// peer is one connection.
type peer struct {
	t    *testing.T
	conn *websocket.Conn
}

func dial(t *testing.T, addr, pathAndQuery string, subprotocols ...string) (*peer, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c, resp, err := websocket.Dial(ctx, "ws://"+addr+pathAndQuery, &websocket.DialOptions{Subprotocols: subprotocols})
	if err != nil {
		return nil, resp, err
	}
	c.SetReadLimit(-1)
	t.Cleanup(func() { c.CloseNow() })
	return &peer{t, c}, resp, nil
}

func open(t *testing.T, addr, query string) *peer {
	t.Helper()
	p, _, err := dial(t, addr, "/socket/websocket?vsn=2.0.0"+query)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// send sends text, or bytes if it does not start like JSON.
func (p *peer) send(frame string) {
	p.t.Helper()
	typ := websocket.MessageText
	if frame != "" && frame[0] < ' ' {
		typ = websocket.MessageBinary
	}
	if err := p.conn.Write(context.Background(), typ, []byte(frame)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) read() ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_, data, err := p.conn.Read(ctx)
	return data, err
}

func (p *peer) expect(want ...string) {
	p.t.Helper()
	for _, w := range want {
		got, err := p.read()
		if err != nil || !same(got, w) {
			p.t.Fatalf("got  %q, %v\nwant %q", got, err, w)
		}
	}
}

// same compares JSON by value, and anything else as it is.
func same(got []byte, want string) bool {
	var a, b any
	for _, x := range []struct {
		data []byte
		v    *any
	}{{got, &a}, {[]byte(want), &b}} {
		d := json.NewDecoder(bytes.NewReader(x.data))
		d.UseNumber()
		if d.Decode(x.v) != nil {
			return string(got) == want
		}
	}
	return reflect.DeepEqual(a, b)
}

// quiet checks that nothing has come, by a heartbeat that is answered next.
func (p *peer) quiet() {
	p.t.Helper()
	p.send(`[null,"hb","phoenix","heartbeat",{}]`)
	p.expect(`[null,"hb","phoenix","phx_reply",{"status":"ok","response":{}}]`)
}

func (p *peer) closes(codes ...websocket.StatusCode) {
	p.t.Helper()
	for {
		_, err := p.read()
		if err == nil {
			continue
		}
		code := websocket.CloseStatus(err)
		for _, c := range codes {
			if c == code {
				return
			}
		}
		p.t.Fatalf("closed with %v, %v; want %v", code, err, codes)
	}
}

// join joins with join_ref "1".
func (p *peer) join(topic string) *peer {
	p.t.Helper()
	p.send(fmt.Sprintf(`["1","1",%q,"phx_join",{"a":1}]`, topic))
	p.expect(fmt.Sprintf(`["1","1",%q,"phx_reply",{"status":"ok","response":{"joined":%[1]q,"params":{"a":1}}}]`, topic))
	return p
}

func TestRoom(t *testing.T) {
	addr := startServer(t)
	const ok = `["1","2","room:x","phx_reply",{"status":"ok","response":{}}]`
	reply := func(status, response string) string {
		return fmt.Sprintf(`["1","2","room:x","phx_reply",{"status":%q,"response":%s}]`, status, response)
	}
	push := func(event, payload string) string { return fmt.Sprintf(`["1","2","room:x",%q,%s]`, event, payload) }
	binary := func(event, data string) string {
		return "\x00\x01\x01\x06" + string(rune(len(event))) + "12room:x" + event + data
	}
	for _, c := range []struct {
		event string // and what is special
		send  string
		self  []string // what the sender gets
		other []string // what another member gets, whose user is bob
	}{
		{"echo", push("echo", `{"n":9007199254740993,"s":"é"}`), []string{reply("ok", `{"n":9007199254740993,"s":"é"}`)}, nil},
		{"echo, any JSON", push("echo", `[1,null]`), []string{reply("ok", `[1,null]`)}, nil},
		{"echo, bytes", binary("echo", "\x00\xff"), []string{"\x01\x01\x01\x06\x0212room:xok\x00\xff"}, nil},
		{"echo, no bytes", binary("echo", ""), []string{"\x01\x01\x01\x06\x0212room:xok"}, nil},
		{"fail", push("fail", `{}`), []string{reply("error", `{"reason":"failed"}`)}, nil},
		{"noreply", push("noreply", `{}`), nil, nil},
		{"shout", push("shout", `{"x":1}`), []string{`[null,null,"room:x","shout",{"x":1}]`, ok}, []string{`[null,null,"room:x","shout",{"x":1}]`}},
		{"shout, bytes", binary("shout", "abc"), []string{"\x02\x06\x05room:xshoutabc", ok}, []string{"\x02\x06\x05room:xshoutabc"}},
		{"shout_others", push("shout_others", `{"x":1}`), []string{ok}, []string{`[null,null,"room:x","shout_others",{"x":1}]`}},
		{"shout_others, bytes", binary("shout_others", "abc"), []string{ok}, []string{"\x02\x06\x0croom:xshout_othersabc"}},
		{"push_me", push("push_me", `{"x":1}`), []string{`["1",null,"room:x","pushed",{"x":1}]`, ok}, nil},
		{"push_me, bytes", binary("push_me", "abc"), []string{"\x00\x01\x06\x061room:xpushedabc", ok}, nil},
		{"crash", push("crash", `{}`), []string{`["1","1","room:x","phx_error",{"reason":"channel_crash"}]`}, nil},
		{"stop", push("stop", `{}`), []string{ok, `["1","1","room:x","phx_close",{}]`}, nil},
		{"later", push("later", `{"x":1}`), []string{reply("ok", `{"x":1}`)}, nil},
		{"slow", push("slow", `{"ms":20}`), []string{ok}, nil},
		{"assign", push("assign", `{"x":1}`), []string{ok}, nil},
		{"assigns, at first", push("assigns", `{}`), []string{reply("ok", `{}`)}, nil},
		{"whoami", push("whoami", `{}`), []string{reply("ok", `{"user_id":null,"auth_token":null}`)}, nil},
		{"disconnect_user, nobody", push("disconnect_user", `{"user_id":"nobody"}`), []string{ok}, nil},
		{"intercepted", push("intercepted", `{"n":9007199254740993}`), []string{ok, `["1",null,"room:x","intercepted",{"n":9007199254740993,"seen_by":null}]`},
			[]string{`["1",null,"room:x","intercepted",{"n":9007199254740993,"seen_by":"bob"}]`}},
		{"anything else", push("what", `{}`), []string{reply("error", `{"reason":"unknown event"}`)}, nil},
	} {
		t.Run(c.event, func(t *testing.T) {
			self, other := open(t, addr, "").join("room:x"), open(t, addr, "&user_id=bob").join("room:x")
			muted := open(t, addr, "&user_id=muted").join("room:x")
			self.send(c.send)
			self.expect(c.self...)
			self.quiet()
			other.expect(c.other...)
			other.quiet()
			if c.event == "intercepted" {
				muted.send(push("echo", `{}`)) // behind it in the channel
				muted.expect(ok)
			}
			for _, p := range []*peer{self, other, muted} {
				p.conn.CloseNow()
			}
		})
	}
}

func TestRoomKeepsWhatIsAssigned(t *testing.T) {
	addr := startServer(t)
	p := open(t, addr, "").join("room:x")
	const ok = `["1","2","room:x","phx_reply",{"status":"ok","response":%s}]`
	for _, x := range [][2]string{
		{`{"a":1,"b":2}`, `{"a":1,"b":2}`},
		{`{"b":[3],"c":{}}`, `{"a":1,"b":[3],"c":{}}`},
	} {
		p.send(`["1","2","room:x","assign",` + x[0] + `]`)
		p.expect(fmt.Sprintf(ok, `{}`))
		p.send(`["1","2","room:x","assigns",{}]`)
		p.expect(fmt.Sprintf(ok, x[1]))
	}
}

func TestJoins(t *testing.T) {
	addr := startServer(t)
	p := open(t, addr, "")
	for _, x := range [][2]string{
		{`["1","1","room:private","phx_join",{}]`, `["1","1","room:private","phx_reply",{"status":"error","response":{"reason":"unauthorized"}}]`},
		{`["1","1","room:crashjoin","phx_join",{}]`, `["1","1","room:crashjoin","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]`},
		{`["1","1","nowhere:1","phx_join",{}]`, `[null,"1","nowhere:1","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`},
		{`["7","8","room:","phx_join",{"t":[1]}]`, `["7","8","room:","phx_reply",{"status":"ok","response":{"joined":"room:","params":{"t":[1]}}}]`},
	} {
		p.send(x[0])
		p.expect(x[1])
	}
	for i := 1; i < 100; i++ { // with "room:" there are 100
		p.join(fmt.Sprintf("room:%d", i))
	}
	p.send(`["1","1","room:more","phx_join",{}]`)
	p.expect(`["1","1","room:more","phx_reply",{"status":"error","response":{"reason":"too many channels joined"}}]`)
	p.send(`["1","2","room:5","phx_leave",{}]`)
	p.expect(`["1","2","room:5","phx_reply",{"status":"ok","response":{}}]`)
	p.expect(`["1","1","room:5","phx_close",{}]`)
	p.join("room:more")
}

func TestConnect(t *testing.T) {
	addr := startServer(t)
	for _, c := range []struct {
		path         string
		subprotocols []string
		status       int
	}{
		{"/socket/websocket?vsn=2.0.0&token=bad", nil, 403},
		{"/socket/websocket?vsn=2.0.0", []string{"phoenix", "base64url.bearer.phx." + base64.RawStdEncoding.EncodeToString([]byte("bad"))}, 403},
		{"/socket/websocket?vsn=2.1.0", nil, 403},
		{"/socket/websocket?vsn=junk", nil, 403},
		{"/socket-short/longpoll?vsn=2.0.0", nil, 404},
		{"/socket", nil, 404},
		{"/other", nil, 404},
	} {
		if _, resp, err := dial(t, addr, c.path, c.subprotocols...); err == nil || resp.StatusCode != c.status {
			t.Errorf("%s %v: %v, want %d", c.path, c.subprotocols, resp, c.status)
		}
	}
	for _, path := range []string{"/socket/websocket", "/socket/websocket?vsn=1.0.9", "/socket/websocket?vsn=2.0.1", "/socket-short/websocket?token=good"} {
		if _, _, err := dial(t, addr, path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	p, resp, err := dial(t, addr, "/socket/websocket?vsn=2.0.0&user_id=ann", "phoenix", "base64url.bearer.phx."+base64.RawStdEncoding.EncodeToString([]byte("s3cret")))
	if err != nil || resp.Header.Get("Sec-WebSocket-Protocol") != "phoenix" {
		t.Fatal(resp, err)
	}
	p.join("room:x")
	p.send(`["1","2","room:x","whoami",{}]`)
	p.expect(`["1","2","room:x","phx_reply",{"status":"ok","response":{"user_id":"ann","auth_token":"s3cret"}}]`)

	kicker := open(t, addr, "").join("room:y")
	kicker.send(`["1","2","room:y","disconnect_user",{"user_id":"ann"}]`)
	kicker.expect(`["1","2","room:y","phx_reply",{"status":"ok","response":{}}]`)
	p.closes(websocket.StatusGoingAway)
	kicker.quiet()

	for origin, want := range map[string]int{"http://" + addr: 101, "https://evil.example": 403, "null": 403, "": 101} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+addr+"/socket/websocket?vsn=2.0.0", nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Origin": origin} {
			if v != "" {
				req.Header.Set(k, v)
			}
		}
		resp, err := new(http.Transport).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("origin %q: %d, want %d", origin, resp.StatusCode, want)
		}
	}
}

func TestSizesAndTimeouts(t *testing.T) {
	addr := startServer(t)
	p := open(t, addr, "").join("room:x")
	head, tail := `["1","2","room:x","echo",{"x":"`, `"}]`
	text := strings.Repeat("x", 1<<20-len(head)-len(tail))
	p.send(head + text + tail)
	p.expect(`["1","2","room:x","phx_reply",{"status":"ok","response":{"x":"` + text + `"}}]`)
	p.send(head + text + "x" + tail)
	p.closes(websocket.StatusMessageTooBig)

	start := time.Now()
	p, _, err := dial(t, addr, "/socket-short/websocket?vsn=2.0.0")
	if err != nil {
		t.Fatal(err)
	}
	p.closes(websocket.StatusGoingAway)
	if idle := time.Since(start); idle < time.Second {
		t.Errorf("idle for %v, want 1 s", idle)
	}
}

func TestLongPollWindow(t *testing.T) {
	addr := startServer(t)
	poll := func(method, query, contentType, body string) (a struct {
		Status   int
		Token    string
		Messages []string
	}) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+"/socket/longpoll?vsn=2.0.0"+query, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", contentType)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer http.DefaultClient.CloseIdleConnections()
		defer resp.Body.Close()
		data, _ := io.ReadAll(resp.Body)
		if err := json.Unmarshal(data, &a); err != nil || resp.StatusCode != 200 {
			t.Fatal(resp.StatusCode, string(data), err)
		}
		return a
	}
	if a := poll("GET", "&token=bad", "", ""); a.Status != 403 {
		t.Errorf("%+v", a)
	}
	session := poll("GET", "&token=good", "", "")
	if session.Status != 410 || session.Token == "" {
		t.Fatalf("%+v", session)
	}
	token := "&token=good&token=" + session.Token
	if a := poll("POST", token, "application/x-ndjson", `["1","1","room:x","phx_join",{}]`+"\n"+`["1","2","room:x","echo",{"x":1}]`); a.Status != 200 {
		t.Errorf("%+v", a)
	}
	var got []string
	for len(got) < 2 {
		a := poll("GET", token, "", "")
		if a.Status != 200 && a.Status != 204 { // a busy machine may need more than one window
			t.Fatalf("%+v", a)
		}
		got = append(got, a.Messages...)
	}
	if !same([]byte(got[1]), `["1","2","room:x","phx_reply",{"status":"ok","response":{"x":1}}]`) {
		t.Errorf("%q", got)
	}
	start := time.Now()
	if a := poll("GET", token, "", ""); a.Status != 204 {
		t.Errorf("%+v", a)
	}
	if window := time.Since(start); window < 1500*time.Millisecond {
		t.Errorf("a window of %v, want 1.5 s", window)
	}
}

func TestLobby(t *testing.T) {
	addr := startServer(t)
	type presences map[string]struct{ Metas []map[string]any }
	next := func(p *peer, event string, v any) {
		t.Helper()
		data, err := p.read()
		var frame []json.RawMessage
		if err != nil || json.Unmarshal(data, &frame) != nil || string(frame[3]) != `"`+event+`"` {
			t.Fatalf("got %s, %v; want %s", data, err, event)
		}
		if err := json.Unmarshal(frame[4], v); err != nil {
			t.Fatal(err)
		}
	}
	var state presences
	var diff struct{ Joins, Leaves presences }
	const joined = `["1","1","presence:x","phx_reply",{"status":"ok","response":{}}]`
	ann := open(t, addr, "&user_id=ann")
	ann.send(`["1","1","presence:x","phx_join",{}]`)
	ann.expect(joined)
	// The state may come before or behind the diff of one's own join.
	for range 2 {
		data, err := ann.read()
		if err != nil || !strings.Contains(string(data), `"ann":{"metas":[{"online_at":`) && !strings.Contains(string(data), `"presence_state",{}`) {
			t.Fatalf("got %s, %v", data, err)
		}
	}
	bob := open(t, addr, "&user_id=bob")
	bob.send(`["1","1","presence:x","phx_join",{}]`)
	bob.expect(joined)
	next(ann, "presence_diff", &diff)
	if at := diff.Joins["bob"].Metas[0]["online_at"].(float64); len(diff.Joins) != 1 || len(diff.Leaves) != 0 || at < float64(time.Now().Add(-time.Minute).Unix()) {
		t.Errorf("got %+v", diff)
	}
	for range 2 {
		data, err := bob.read()
		if err != nil || strings.Contains(string(data), "presence_state") && json.Unmarshal(data[bytes.IndexByte(data, '{'):len(data)-1], &state) != nil {
			t.Fatalf("got %s, %v", data, err)
		}
	}
	if len(state["ann"].Metas) != 1 {
		t.Errorf("state %+v", state)
	}
	bob.send(`["1","2","presence:x","set_status",{"status":"away"}]`)
	diff.Joins, diff.Leaves = nil, nil
	next(ann, "presence_diff", &diff)
	old, now := diff.Leaves["bob"].Metas[0], diff.Joins["bob"].Metas[0]
	if now["status"] != "away" || now["online_at"] != old["online_at"] || now["phx_ref_prev"] != old["phx_ref"] || now["phx_ref"] == old["phx_ref"] {
		t.Errorf("from %v to %v", old, now)
	}
	bob.conn.CloseNow()
	diff.Joins, diff.Leaves = nil, nil
	next(ann, "presence_diff", &diff)
	if len(diff.Joins) != 0 || diff.Leaves["bob"].Metas[0]["phx_ref"] != now["phx_ref"] {
		t.Errorf("got %+v", diff)
	}
}

// 50 receivers get 1000 messages in order, while one does not read at all.
func TestLoad(t *testing.T) {
	addr := startServer(t)
	const receivers, messages = 50, 1000
	sleeper := open(t, addr, "").join("room:load")
	_ = sleeper
	members := make([]*peer, receivers)
	for i := range members {
		members[i] = open(t, addr, "").join("room:load")
	}
	sender := open(t, addr, "").join("room:load")
	go func() {
		for i := range messages {
			text := fmt.Sprintf(`["1",null,"room:load","shout_others",{"i":%d,"x":%q}]`, i, strings.Repeat("x", 200))
			if sender.conn.Write(context.Background(), websocket.MessageText, []byte(text)) != nil {
				return
			}
		}
	}()
	done := make(chan error, receivers)
	for _, m := range members {
		go func() {
			for i := range messages {
				got, err := m.read()
				if err != nil || !strings.HasPrefix(string(got), fmt.Sprintf(`[null,null,"room:load","shout_others",{"i":%d,`, i)) {
					done <- fmt.Errorf("message %d: %q, %v", i, got, err)
					return
				}
			}
			done <- nil
		}()
	}
	for range members {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	sender.quiet()
}
