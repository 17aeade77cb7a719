package ws_test

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/transport/ws"
)

// refreshable is a socket whose clients may be refreshed: for as long as their token says, or
// with what it says goes wrong.
func refreshable(log *record) ws.Socket {
	socket := brief(log)
	socket.Refresh = func(r *ws.Request, now ws.Identity) (ws.Identity, error) {
		next := ws.Identity{ID: now.ID, Assigns: r.Params.Get("role")}
		switch r.AuthToken {
		case "":
			return next, nil
		case "bad":
			return next, errBadToken
		case "told":
			return next, ws.Refuse(map[string]string{"reason": "revoked"})
		case "other":
			next.ID = "bob"
		case "panic":
			panic("refresh")
		case "goexit":
			runtime.Goexit()
		case "odd":
			return next, oddError{}
		case "unencodable":
			return next, ws.Refuse(func() {})
		case "wait":
			log.entered <- struct{}{}
			<-log.release
		case "context":
			<-r.Context().Done()
			return next, r.Context().Err()
		default:
			d, err := time.ParseDuration(r.AuthToken)
			if err != nil {
				return next, err
			}
			next.Expires = time.Now().Add(d)
		}
		return next, nil
	}
	socket.Channels = append(socket.Channels, ws.Topic("who", func() *who { return new(who) }, nil))
	return socket
}

// oddError is an error of which each method panics.
type oddError struct{}

func (oddError) Error() string { panic("Error") }
func (oddError) As(any) bool   { panic("As") }
func (oddError) Unwrap() error { panic("Unwrap") }

// who is a channel that says who its client is.
type who struct{ joinable }

func (*who) HandleIn(c *ws.Channel, _ string, _ ws.Payload) (ws.Reply, error) {
	return ws.OK(map[string]any{"assigns": c.Assigns()}), nil
}

func (c *client) refresh(token, params string) {
	c.t.Helper()
	c.send(fmt.Sprintf(`[null,"r","phoenix","phx_refresh",{"token":%q,"params":{%s}}]`, token, params))
}

func (c *client) expectRefreshed(status, response string) {
	c.t.Helper()
	c.expect(fmt.Sprintf(`[null,"r","phoenix","phx_reply",{"status":%q,"response":%s}]`, status, response))
}

// A client is asked in time, stays if it sends what it would connect with, again and again, and
// its channels know what it is from then on; when it sends nothing it expires.
func TestClientsAreRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, refreshable(newRecord()))
		start := time.Now()
		c := s.connectWith(t, "ttl=8s&user=ann")
		c.join("who")
		says := func(role string) {
			t.Helper()
			c.send(`["1","9","who","who",{}]`)
			c.expect(fmt.Sprintf(`["1","9","who","phx_reply",{"status":"ok","response":{"assigns":%q}}]`, role))
		}
		says("ann")
		c.expect(`[null,null,"phoenix","phx_refresh",{"expires_in":4}]`)
		took(t, start, 4*time.Second)
		c.refresh("6s", `"role":"admin"`)
		c.expectRefreshed("ok", `{"expires_in":6}`)
		says("admin")
		c.expect(`[null,null,"phoenix","phx_refresh",{"expires_in":3}]`)
		took(t, start, 7*time.Second)
		c.refresh("10m", "")
		c.expectRefreshed("ok", `{"expires_in":600}`)
		time.Sleep(9 * time.Minute)
		c.expect(`[null,null,"phoenix","phx_refresh",{"expires_in":60}]`)
		c.refresh("3s", "") // earlier is as good
		c.expectRefreshed("ok", `{"expires_in":3}`)
		c.expectClose(ws.StatusExpired)
		took(t, start, 9*time.Minute+10*time.Second)

		c = s.connectWith(t, "ttl=8s&user=ann")
		c.refresh("", "") // unasked, and for good
		c.expectRefreshed("ok", `{}`)
		time.Sleep(time.Minute)
		c.heartbeat()
	})
}

// A Refresh that fails, in whatever way, changes nothing: the client hears of it, stays until it
// expires, and may try again.
func TestRefreshesThatFail(t *testing.T) {
	const refused = `{"reason":"refresh refused"}`
	for token, want := range map[string]string{
		"bad": refused, "told": `{"reason":"revoked"}`, "other": refused, "panic": refused, "goexit": refused, "-1s": refused,
		"odd": refused, "unencodable": refused, "context": refused,
	} {
		t.Run(token, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serveInMemory(t, refreshable(newRecord()))
				start := time.Now()
				c := s.connectWith(t, "ttl=1m&user=ann")
				c.join("who")
				c.refresh(token, `"role":"admin"`)
				if token == "context" { // its patience
					time.Sleep(9 * time.Second)
				}
				c.expectRefreshed("error", want)
				c.send(`["1","9","who","who",{}]`)
				c.expect(`["1","9","who","phx_reply",{"status":"ok","response":{"assigns":"ann"}}]`)
				time.Sleep(29*time.Second - time.Since(start))
				c.expect(`[null,null,"phoenix","phx_refresh",{"expires_in":30}]`)
				time.Sleep(25 * time.Second)
				c.expectClose(ws.StatusExpired)
				took(t, start, time.Minute)
			})
		})
	}
}

// One that does not return holds up further ones for as long as it may take, and nothing else.
func TestARefreshThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newRecord()
		defer log.free()
		s := serveInMemory(t, refreshable(log))
		start := time.Now()
		c := s.connectWith(t, "ttl=1m&user=ann")
		c.refresh("wait", "")
		<-log.entered
		c.refresh("1h", "")
		c.expectRefreshed("error", `{"reason":"refresh is running"}`)
		c.join("room:a")
		time.Sleep(9 * time.Second)
		c.expectRefreshed("error", `{"reason":"refresh refused"}`)
		took(t, start, 10*time.Second)
		c.refresh("wait", "")
		<-log.entered
		time.Sleep(9 * time.Second)
		c.expectRefreshed("error", `{"reason":"refresh refused"}`)
		c.refresh("50s", "")
		c.expectRefreshed("ok", `{"expires_in":50}`)
		for range 2 { // what comes of those now is nothing
			log.release <- struct{}{}
		}
		time.Sleep(20 * time.Second)
		c.expect(`[null,null,"phoenix","phx_refresh",{"expires_in":25}]`)
		time.Sleep(20 * time.Second)
		c.expectClose(ws.StatusExpired)
		took(t, start, 70*time.Second)
	})
}

// A Refresh sees what stood in the path where that has parameters, whatever the client says now.
func TestARefreshSeesThePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket := refreshable(newRecord())
		socket.Path = "/{tenant}/socket"
		socket.Refresh = func(r *ws.Request, now ws.Identity) (ws.Identity, error) {
			now.Assigns = fmt.Sprint(r.URL.Path, " ", r.PathValue("tenant"), " ", r.Params.Get("tenant"), " ", r.Params.Get("role"))
			return now, nil
		}
		s := serveInMemory(t, socket)
		c, _, err := s.dial(t, "/acme/socket?vsn=2.0.0&user=ann&ttl=1m", nil)
		if err != nil {
			t.Fatal(err)
		}
		c.join("who")
		for range 2 {
			c.refresh("", `"role":"admin","tenant":"other"`)
			c.hear()
			c.send(`["1","9","who","who",{}]`)
			c.expect(`["1","9","who","phx_reply",{"status":"ok","response":{"assigns":"/acme/socket acme acme admin"}}]`)
		}
	})
}

// What a client sends is checked, and bounded; and where there is no Refresh, there is nothing
// on that topic.
func TestRefreshesThatAreNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket := refreshable(newRecord())
		socket.MaxJoinRate = 1
		without := brief(newRecord())
		without.Path = "/without"
		s := serveInMemory(t, socket, without)
		c := s.connect(t)
		for _, payload := range []string{`{"token":7}`, `{"params":["a"]}`, `{"params":{"a":1}}`} {
			c.send(fmt.Sprintf(`[null,"r","phoenix","phx_refresh",%s]`, payload))
			c.expectRefreshed("error", `{"reason":"invalid payload"}`)
		}
		for range 7 {
			c.refresh("1h", "")
			c.expectRefreshed("ok", `{"expires_in":3600}`)
		}
		c.refresh("1h", "")
		c.expectRefreshed("error", `{"reason":"too many refreshes"}`)
		c.conn.CloseNow()

		other, _, err := s.dial(t, "/without?vsn=2.0.0&ttl=8s", nil)
		if err != nil {
			t.Fatal(err)
		}
		other.refresh("1h", "")
		other.expectRefreshed("error", `{"reason":"unmatched topic"}`)
		other.conn.SetReadLimit(-1)
		_, _, err = other.read()
		if websocket.CloseStatus(err) != ws.StatusExpired {
			t.Errorf("closed with %v", err)
		}
	})
}
