package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program is a system with a supervised shop, whose page is at url.
type program struct {
	url  string
	top  supervisor.Tree
	shop supervisor.Ref[string]
}

func start(t *testing.T, rights observer.Rights) program {
	t.Helper()
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	page := observer.New(observer.Config{Authorize: observer.Local(rights)})
	shop, ref := supervisor.ActorRef("shop", newShop)
	top, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{page.Child(), shop}}, actor.Name("top"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(page)
	t.Cleanup(func() {
		server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := sys.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return program{server.URL + "/", top, ref}
}

var newShop = actor.Func(func(_ *actor.Context[string], order string) error {
	if order == "glass" {
		return errors.New("it broke")
	}
	return nil
})

// observe runs one command against the program and returns what it prints.
func (p program) observe(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), &out, append([]string{p.url}, args...)); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return out.String()
}

// breakShop returns when the shop has crashed and has been restarted.
func (p program) breakShop(t *testing.T) {
	t.Helper()
	former := p.shop.PID()
	p.shop.Send("glass")
	<-former.Done()
	if _, err := p.top.Count(t.Context()); err != nil { // the supervisor answers after the restart
		t.Fatal(err)
	}
}

func TestATerminalShowsTheTree(t *testing.T) {
	p := start(t, observer.Look)
	out := p.observe(t, "tree")
	for _, want := range []string{"system", "top ", "   └─ shop " + p.shop.PID().String()} {
		if !strings.Contains(out, want) {
			t.Errorf("the tree lacks %q:\n%s", want, out)
		}
	}
	if out := p.observe(t, "tree", "-filter", "shop"); !strings.Contains(out, p.shop.PID().String()) || strings.Contains(out, "system") {
		t.Errorf("what matches shop:\n%s", out)
	}
	if out := p.observe(t, "tree", "-depth", "1"); !strings.Contains(out, "below") {
		t.Errorf("one level:\n%s", out)
	}
}

func TestATerminalShowsACrash(t *testing.T) {
	p := start(t, observer.Look)
	p.breakShop(t)
	if out := p.observe(t, "crashes"); !strings.Contains(out, "1 × ") || !strings.Contains(out, "it broke") {
		t.Errorf("crashes:\n%s", out)
	}
	if out := p.observe(t, "timeline", "-limit", "50"); !strings.Contains(out, "restart") {
		t.Errorf("timeline:\n%s", out)
	}
	if out := p.observe(t, "actor", p.shop.PID().String()); !strings.Contains(out, "restarts:1") {
		t.Errorf("actor:\n%s", out)
	}
	if out := p.observe(t, "crashes", "-json"); !strings.Contains(out, `"reason": "it broke"`) {
		t.Errorf("as JSON:\n%s", out)
	}
}

func TestATerminalShowsWhatIsBusy(t *testing.T) {
	p := start(t, observer.Look)
	p.shop.Send("cup")
	actortest.Sync(t, p.shop.PID()) // those that have handled nothing are not shown
	if out := p.observe(t, "top", "-by", "handled"); !strings.Contains(out, p.shop.PID().String()) {
		t.Errorf("top:\n%s", out)
	}
	if out := p.observe(t, "top", "-filter", "nobody"); !strings.Contains(out, "0 of 0 actors") {
		t.Errorf("top of nobody:\n%s", out)
	}
}

func TestATerminalActsOnlyWithTheRight(t *testing.T) {
	p := start(t, observer.Look)
	for _, args := range [][]string{{"act", p.shop.PID().String(), "kill"}, {"trace", p.shop.PID().String()}} {
		err := run(t.Context(), new(bytes.Buffer), append([]string{p.url}, args...))
		if e, ok := errors.AsType[*query.Error](err); !ok || e.Reason != query.Forbidden {
			t.Errorf("%v: %v, want that it is forbidden", args, err)
		}
	}
	if !p.shop.PID().Alive() {
		t.Error("it was killed")
	}
}

func TestATerminalActs(t *testing.T) {
	p := start(t, observer.Act)
	former := p.shop.PID()
	p.observe(t, "act", former.String(), "crash")
	<-former.Done()
	if former.Err() == nil {
		t.Error("it has not crashed")
	}
}

// lines is where a command writes to that goes on: it hands on each line.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

func TestATerminalFollowsWhatHappens(t *testing.T) {
	for _, test := range []struct {
		command, want string
		args          func(program) []string
		cause         func(*testing.T, program)
	}{
		{"watch", "crashed", func(program) []string { return nil }, func(t *testing.T, p program) { p.breakShop(t) }},
		{"trace", "cup", func(p program) []string { return []string{p.shop.PID().String()} }, func(_ *testing.T, p program) { p.shop.Send("cup") }},
	} {
		t.Run(test.command, func(t *testing.T) {
			p := start(t, observer.Trace)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			out := make(lines, 100)
			ended := make(chan error, 1)
			go func() { ended <- run(ctx, out, append([]string{p.url, test.command}, test.args(p)...)) }()
			out.await(t, "from now on", ended)
			test.cause(t, p)
			out.await(t, test.want, ended)
			stop()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("interrupted it ends with %v", err)
			}
		})
	}
}

// await returns when a line has come that has a text in it.
func (l lines) await(t *testing.T, text string, ended <-chan error) {
	t.Helper()
	for {
		select {
		case line := <-l:
			if strings.Contains(line, text) {
				return
			}
		case err := <-ended:
			t.Fatalf("it has ended before %q: %v", text, err)
		}
	}
}

func TestMistakesAreToldBeforeAnythingIsAsked(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"", "a URL and a command are needed"},
		{"http://127.0.0.1:1/", "a URL and a command are needed"},
		{"http://127.0.0.1:1/ list", `there is no command "list"`},
		{"http://127.0.0.1:1/ actor", "observe URL actor PID"},
		{"http://127.0.0.1:1/ tree <0.1>", "observe URL tree"},
		{"http://127.0.0.1:1/ tree -header x", "must be name: value"},
		{"http://127.0.0.1:1/ tree -all", "not defined: -all"},
		{"ftp://127.0.0.1:1/ tree", "is not like http://"},
		{"tree http://127.0.0.1:1/", "there is no command"},
	} {
		err := run(t.Context(), new(bytes.Buffer), strings.Fields(test.args))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.args, err, test.want)
		}
	}
}

func TestAnActorHasItsNameAndItsLabel(t *testing.T) {
	for want, n := range map[string]query.Node{
		"cart <0.7> (cart of ann) *main.cart idle": {ID: "cart", Label: "cart of ann", PID: "<0.7>", Behavior: "*main.cart", Status: "idle"},
		"api <0.8> *main.api idle":                 {ID: "api", Label: "api", PID: "<0.8>", Behavior: "*main.api", Status: "idle"},
		"room:lobby <0.9> idle":                    {Label: "room:lobby", PID: "<0.9>", Status: "idle"},
	} {
		if got := nodeText(&n); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestHelpIsAskedForInAnyWay(t *testing.T) {
	for _, args := range []string{"-h", "help", "http://127.0.0.1:1/ tree -help"} {
		var out bytes.Buffer
		if err := run(t.Context(), plain{&out}, strings.Fields(args)); err != nil {
			t.Errorf("%q: %v", args, err)
		}
		for _, want := range []string{"act PID ACT", "-filter text\n    \tshow"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q: it lacks %q:\n%s", args, want, out.String())
			}
		}
	}
}

// The URL may be what the browser shows, or lack what a browser would add.
func TestAURLMayBeCopiedOrShort(t *testing.T) {
	p := start(t, observer.Look)
	for _, url := range []string{
		strings.TrimPrefix(p.url, "http://"), strings.TrimSuffix(p.url, "/"), p.url + "#/tree?actor=" + p.shop.PID().String(),
	} {
		var out bytes.Buffer
		if err := run(t.Context(), &out, []string{url, "actor", strings.Trim(p.shop.PID().String(), "<>")}); err != nil || !strings.HasPrefix(out.String(), "shop ") {
			t.Errorf("%s: %v, %s", url, err, out.String())
		}
	}
}

// room is a channel of a socket that is not an observer's.
type room struct{}

func (room) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

// Where there is no observer, or one that refuses, the error says what to do about it.
func TestARefusalIsTold(t *testing.T) {
	p := start(t, observer.Look)
	mux := http.NewServeMux()
	other, err := ws.Start(actortest.NewSystem(t, actortest.Silent()), ws.Config{Sockets: []ws.Socket{{
		Path: "/app/socket", Channels: ws.Routes{ws.Topic("room:*", func() room { return room{} }, nil)},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/app/", other)
	mux.HandleFunc("/closed/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for _, test := range []struct{ url, want string }{
		{"http://127.0.0.1:1/", "connection refused"},
		{server.URL + "/", "there is no observer: the URL must be that of its page"},
		{server.URL + "/app/", "there is a socket, but not an observer's"},
		{server.URL + "/closed/", "refused with status 502: -header"},
		{p.url, "refused with status 403: the observer answers requests from this machine only"},
	} {
		var out bytes.Buffer
		err := run(t.Context(), &out, []string{test.url, "tree", "-header", "Via: 1.1 x"})
		if err == nil || !strings.Contains(err.Error(), test.want) || out.Len() > 0 {
			t.Errorf("%s: %v, want %q\n%s", test.url, err, test.want, out.String())
		}
	}
}

// What goes on in the terminal ends with the program, and says so.
func TestTheEndOfTheProgramIsTold(t *testing.T) {
	for _, command := range []string{"watch", "trace"} {
		t.Run(command, func(t *testing.T) {
			p := start(t, observer.Trace)
			args := []string{p.url, command}
			if command == "trace" { // one that outlives the observer: the end of another ends its trace
				args = append(args, p.top.PID().String())
			}
			out, ended := make(lines, 100), make(chan error, 1)
			go func() { ended <- run(t.Context(), out, args) }()
			out.await(t, "from now on", ended)
			if err := p.top.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err == nil {
				t.Error("it has ended as if it had been told to")
			}
		})
	}
}

func TestNothingToShowIsTold(t *testing.T) {
	p := start(t, observer.Look)
	if out := p.observe(t, "tables"); out != "tables: none\nendpoints: none\n" {
		t.Errorf("%q", out)
	}
	for command, want := range map[string]string{"sockets": "has no Endpoints", "table orders": "has no Tables"} {
		err := run(t.Context(), new(bytes.Buffer), append([]string{p.url}, strings.Fields(command)...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", command, err, want)
		}
	}
}

func TestNoTextCommandsTheTerminal(t *testing.T) {
	var out bytes.Buffer
	if _, err := (plain{&out}).Write([]byte("a\x1b[2Jb\r\u202ec\n")); err != nil || out.String() != "a\uFFFD[2Jb\uFFFD\uFFFDc\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}
