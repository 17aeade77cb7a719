package ws_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// guarded is a channel that is joined with a token, and does with it what its topic says.
type guarded struct{}

func (guarded) Join(_ *ws.Channel, topic string, in ws.Payload) (any, error) {
	switch topic {
	case "room:refuses":
		return nil, errBadToken
	case "room:fails":
		return nil, errors.New("no database")
	case "room:panics":
		panic("join")
	}
	return nil, nil
}

func (guarded) HandleIn(_ *ws.Channel, event string, _ ws.Payload) (ws.Reply, error) {
	switch event {
	case "fails":
		return ws.NoReply, errors.New("no database")
	case "panics":
		panic("in")
	}
	return ws.OK(nil), nil
}

// AUTH-5: whatever a client sends a token in, and whatever becomes of it, no log has it: of
// the system, with what crashes, or of an ObservationLog.
func TestNoTokenIsLogged(t *testing.T) {
	const secret = "s3cret-of-ann"
	encoded := base64.RawURLEncoding.EncodeToString([]byte(secret))
	inHeader := http.Header{"X-Subprotocols": {"phoenix", "base64url.bearer.phx." + encoded}}
	connects := map[string]func(*ws.Request) (ws.Identity, error){
		"lets in": func(*ws.Request) (ws.Identity, error) { return ws.Identity{ID: "ann"}, nil },
		"expires": func(*ws.Request) (ws.Identity, error) {
			return ws.Identity{ID: "ann", Expires: time.Now().Add(time.Second)}, nil
		},
		"has expired": func(*ws.Request) (ws.Identity, error) { return ws.Identity{Expires: time.Now()}, nil },
		"refuses":     func(*ws.Request) (ws.Identity, error) { return ws.Identity{}, errBadToken },
	}
	for name, connect := range connects {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := new(syncBuffer)
				logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
				l := newPipeListener()
				route := ws.Topic("room:*", func() guarded { return guarded{} }, nil)
				s := serveConfig(t, actor.NewSystem(actor.Config{Logger: logger}), l, plain, ws.Config{Sockets: []ws.Socket{{
					Path: "/socket", Channels: ws.Routes{route}, Connect: connect, MaxMessageSize: 4096,
					Observe: (&ws.ObservationLog{Logger: logger}).Observe,
				}}})
				s.addr, s.dialer = "memory", l.dial
				if c, _, err := s.dial(t, "/socket?vsn=2.0.0&token="+secret+"&accessToken="+secret, inHeader); err == nil {
					go func() {
						for err == nil {
							_, _, err = c.conn.Read(t.Context())
						}
					}()
					for i, topic := range []string{"room:a", "room:refuses", "room:fails", "room:panics", "nowhere"} {
						c.send(fmt.Sprintf(`["%d","1","%s","phx_join",{"authToken":"%s","user":{"TOKEN":"%[3]s"}}]`, i, topic, secret))
					}
					for _, event := range []string{"ok", "fails"} {
						c.send(fmt.Sprintf(`["0","2","room:a","%s",{"refresh_token":"%s"}]`, event, secret))
					}
					c.send(`["9","1","room:a","phx_join",{}]`)
					c.send(fmt.Sprintf(`["9","2","room:a","panics",{"token":"%s"}]`, secret))
					synctest.Wait()
					time.Sleep(2 * time.Minute) // it may expire meanwhile
				}
				if c, _, err := s.dial(t, "/socket?vsn=2.0.0&token="+secret, inHeader); err == nil {
					c.send(`["1","1","room:a","phx_join",{"token":"` + secret + `"`) // and no end
					synctest.Wait()
				}
				if c, _, err := s.dial(t, "/socket?vsn=2.0.0&token="+secret, inHeader); err == nil {
					c.send(`["1","1","room:a","phx_join",{"token":"` + strings.Repeat(secret, 1000) + `"}]`)
					synctest.Wait()
				}
				if err := s.Drain(t.Context()); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				got := log.String()
				if strings.Contains(got, secret) || strings.Contains(got, encoded) {
					t.Errorf("a token in\n%s", got)
				}
				for _, word := range words(name) {
					if !strings.Contains(got, word) {
						t.Errorf("no %q in\n%s", word, got)
					}
				}
			})
		})
	}
}

// words are what the logs have at least, so that they were looked at.
func words(connect string) []string {
	switch connect {
	case "lets in":
		return []string{"msg=connected", "accessToken:[[FILTERED]]", "authToken:[FILTERED]", "TOKEN:[FILTERED]",
			"join refused", "no database", "panic: join", "panic: in", "malformed message", "too big"}
	case "refuses":
		return []string{"msg=refused", "bad token"}
	case "expires":
		return []string{"msg=connected", "expired"}
	default:
		return []string{"accessToken:[[FILTERED]]"}
	}
}
