package main

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/token"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var keys = token.Keys{Current: token.NewKey("0123456789abcdef0123456789abcdef")}

// request is what curl sends.
func request(t *testing.T, command string) *http.Request {
	t.Helper()
	parts := regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`).FindAllString(command, -1)
	if parts[0] != "curl" {
		t.Fatal(command)
	}
	r := httptest.NewRequest("POST", parts[1], strings.NewReader(strings.Trim(parts[len(parts)-1], "'")))
	for i, part := range parts {
		if part == "-H" {
			name, value, _ := strings.Cut(strings.Trim(parts[i+1], `"`), ": ")
			r.Header.Set(name, value)
		}
	}
	return r
}

func TestTheCommandPublishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var web http.Handler
		endpoint := wstest.Start(t, func(sys *actor.System) (endpoint *ws.Endpoint, err error) {
			if endpoint, web, err = rooms(keys); err == nil {
				_, err = supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{endpoint.Child()}})
			}
			return endpoint, err
		})
		curl, err := command(keys, "example.com")
		if err != nil {
			t.Fatal(err)
		}
		lobby, _ := wstest.NewClient(t, endpoint, "/socket", ws.Identity{}).Join("room:lobby", nil)
		w := httptest.NewRecorder()
		web.ServeHTTP(w, request(t, curl))
		if w.Code != 200 {
			t.Fatal(w.Code, w.Body)
		}
		lobby.AssertPush("new_msg", map[string]string{"body": "hello"})
	})
}

func TestTheProgramIsOne(t *testing.T) {
	p, err := program(keys, "127.0.0.1:0")
	if err != nil || len(p.Children) != 2 {
		t.Error(p.Children, err)
	}
	if _, err := program(token.Keys{Current: token.NewKey("short")}, ""); err == nil {
		t.Error("a short secret makes no error")
	}
}
