package observer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// record is a log that a test reads.
type record struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all.Write(b)
}

// lines returns the records with the message.
func (r *record) lines(message string) (found []map[string]any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for line := range bytes.Lines(r.all.Bytes()) {
		var m map[string]any
		if json.Unmarshal(line, &m) == nil && m["msg"] == message {
			found = append(found, m)
		}
	}
	return found
}

func newLogged(t *testing.T) (*actor.System, *record) {
	r := new(record)
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewJSONHandler(r, nil))})
	t.Cleanup(func() {
		if err := sys.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return sys, r
}

// reasonOf returns the reason of a refusal.
func reasonOf(t *testing.T, err error) query.Reason {
	t.Helper()
	refusal, ok := errors.AsType[*wsclient.ReplyError](err)
	if !ok {
		t.Fatalf("the error is %v, want a reply", err)
	}
	var e query.Error
	if err := json.Unmarshal(refusal.Payload.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	return e.Reason
}

// Each act is refused without its right, leaves the actor alone then, and is logged with the
// name of the one that has tried.
func TestEachActTakesItsRight(t *testing.T) {
	for _, rights := range []observer.Rights{observer.Look, observer.Trace, observer.Act} {
		sys, log := newLogged(t)
		v := serve(t, sys, observer.Config{Authorize: lets(rights)}).open()
		for i, act := range []string{"exit", "crash", "kill", "suspend", "resume", "disconnect"} {
			t.Run(rights.String()+" "+act, func(t *testing.T) {
				ref, err := actor.Spawn(sys, idle)
				if err != nil {
					t.Fatal(err)
				}
				_, err = v.room.Push(t.Context(), "act", map[string]string{"pid": ref.String(), "act": act})
				done := log.lines("observer: act")
				if len(done) != i+1 {
					t.Fatalf("there are %d records, want %d", len(done), i+1)
				}
				last := done[i]
				if last["who"] != "ann" || last["act"] != act || last["pid"] != ref.String() || !strings.HasPrefix(last["remote"].(string), "127.0.0.1:") {
					t.Errorf("the record is %v", last)
				}
				if rights < observer.Act {
					if r := reasonOf(t, err); r != query.Forbidden || last["outcome"] != "forbidden" {
						t.Errorf("refused as %v, logged as %v", r, last["outcome"])
					}
					if !ref.PID().Alive() || ref.PID().Status() != actor.Idle {
						t.Error("the actor is not as it was")
					}
					return
				}
				if err != nil || last["outcome"] != "done" {
					t.Fatalf("error %v, logged as %v", err, last["outcome"])
				}
				switch act {
				case "suspend":
					if s := ref.PID().Status(); s != actor.Suspended {
						t.Errorf("the actor is %v", s)
					}
				case "resume":
					actortest.Sync(t, ref.PID())
				default:
					<-ref.PID().Done()
					if crashed := ref.PID().Crashed(); crashed != (act == "crash" || act == "kill") {
						t.Errorf("it has ended with %v", ref.PID().Err())
					}
				}
			})
		}
	}
}

func TestATraceTakesItsRight(t *testing.T) {
	sys, log := newLogged(t)
	s := serve(t, sys, observer.Config{Authorize: lets(observer.Look)})
	ref, err := actor.Spawn(sys, idle)
	if err != nil {
		t.Fatal(err)
	}
	v := s.open()
	_, err = v.room.Push(t.Context(), "trace", map[string]any{"pid": ref.String(), "on": true})
	if r := reasonOf(t, err); r != query.Forbidden {
		t.Errorf("refused as %v", r)
	}
	if l := log.lines("observer: act"); len(l) != 1 || l[0]["act"] != "trace" || l[0]["outcome"] != "forbidden" {
		t.Errorf("logged: %v", l)
	}
}

// Whatever an Authorize does wrong lets nobody in, neither to the page nor to its socket.
func TestAnAuthorizeThatFailsRefuses(t *testing.T) {
	var nothing *ws.StatusError
	for name, authorize := range map[string]func(*http.Request) (observer.Grant, error){
		"error": func(*http.Request) (observer.Grant, error) {
			return observer.Grant{Rights: observer.Act}, errors.New("no")
		},
		"nil in an error": func(*http.Request) (observer.Grant, error) { return observer.Grant{Rights: observer.Act}, nothing },
		"panic":           func(*http.Request) (observer.Grant, error) { panic("no") },
		"Goexit":          func(*http.Request) (observer.Grant, error) { runtime.Goexit(); return observer.Grant{}, nil },
		"the zero Grant":  func(*http.Request) (observer.Grant, error) { return observer.Grant{}, nil },
		"no such rights":  lets(observer.Act + 1),
		"an expired Grant": func(*http.Request) (observer.Grant, error) {
			return observer.Grant{Rights: observer.Act, Expires: time.Now()}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, observer.Config{Authorize: authorize})
			res, err := http.Get(s.url)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusForbidden {
				t.Errorf("the page is answered with %v", res.Status)
			}
			_, err = s.tryOpen(nil)
			if e, ok := errors.AsType[*wsclient.ConnectError](err); !ok || e.StatusCode != http.StatusForbidden {
				t.Errorf("the socket is answered with %v", err)
			}
		})
	}
}

func TestAnAuthorizeThatHangsRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		release := make(chan struct{})
		var calls atomic.Int32
		o, err := observer.Start(sys, observer.Config{Authorize: func(*http.Request) (observer.Grant, error) {
			calls.Add(1)
			<-release
			return observer.Grant{Rights: observer.Act}, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		try := func() (took time.Duration) {
			start := time.Now()
			if _, err := wstest.Connect(t, observer.Endpoint(o), "/socket", nil); err == nil {
				t.Fatal("it lets somebody in")
			}
			return time.Since(start)
		}
		const calledAtMost = 16
		for range calledAtMost {
			if took := try(); took != observer.AuthorizeLimit {
				t.Errorf("refused after %v", took)
			}
		}
		// There are no goroutines without end: further requests are refused at once.
		if took := try(); took != 0 || calls.Load() != calledAtMost {
			t.Errorf("refused after %v and %d calls", took, calls.Load())
		}
		close(release)
		synctest.Wait()
		if _, err := wstest.Connect(t, observer.Endpoint(o), "/socket", nil); err != nil {
			t.Errorf("when the calls have returned: %v", err)
		}
	})
}

// changing is an Authorize whose answer a test changes.
type changing struct {
	mu    sync.Mutex
	grant observer.Grant
	err   error
	calls int
}

func (c *changing) set(g observer.Grant, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.grant, c.err = g, err
}

func (c *changing) authorize(*http.Request) (observer.Grant, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	return c.grant, c.err
}

// join opens a page in a bubble.
func join(t *testing.T, o *observer.Observer) (*wstest.Client, *wstest.Channel) {
	t.Helper()
	client, err := wstest.Connect(t, observer.Endpoint(o), "/socket", nil)
	if err != nil {
		t.Fatal(err)
	}
	room, _ := client.Join("observer", nil)
	return client, room
}

func TestAPageIsClosedWhenItsRightsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		expires time.Duration
		err     error
		after   time.Duration
	}{
		"at the next check":   {err: errors.New("logged out"), after: time.Minute},
		"when it has expired": {expires: 10 * time.Second, err: errors.New("expired"), after: 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sys := actortest.NewSystem(t, actortest.Silent())
				a := new(changing)
				g := observer.Grant{Rights: observer.Act}
				if c.expires > 0 {
					g.Expires = time.Now().Add(c.expires)
				}
				a.set(g, nil)
				o, err := observer.Start(sys, observer.Config{Authorize: a.authorize})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				client, room := join(t, o)
				a.set(observer.Grant{}, c.err)
				room.Within(time.Hour).AssertPush("ended", wstest.Partial{"reason": "forbidden"})
				if took := time.Since(start); took != c.after {
					t.Errorf("closed after %v, want %v", took, c.after)
				}
				client.AssertDisconnect()
			})
		})
	}
}

func TestAGrantThatIsRenewedGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		a := new(changing)
		a.set(observer.Grant{Rights: observer.Look, Expires: time.Now().Add(10 * time.Second)}, nil)
		o, err := observer.Start(sys, observer.Config{Authorize: a.authorize})
		if err != nil {
			t.Fatal(err)
		}
		_, room := join(t, o)
		a.set(observer.Grant{Rights: observer.Look, Expires: time.Now().Add(time.Hour)}, nil)
		time.Sleep(30 * time.Minute) // of the bubble's
		ref := room.Push("tree", query.TreeRequest{})
		room.AssertReply(ref, "ok")
	})
}

// The right to act is that of the moment: a page that was opened with it has it no more when
// Authorize says so, before the next check.
func TestAnActAsksForItsRightAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		a := new(changing)
		a.set(observer.Grant{Rights: observer.Act}, nil)
		o, err := observer.Start(sys, observer.Config{Authorize: a.authorize})
		if err != nil {
			t.Fatal(err)
		}
		victim, err := actor.Spawn(sys, idle)
		if err != nil {
			t.Fatal(err)
		}
		client, room := join(t, o)
		a.set(observer.Grant{Rights: observer.Trace}, nil)
		ref := room.Push("act", map[string]string{"pid": victim.String(), "act": "kill"})
		room.AssertReply(ref, "error", wstest.Partial{"reason": "forbidden"})
		ref = room.Push("tree", query.TreeRequest{})
		room.AssertReply(ref, "ok")
		a.set(observer.Grant{}, errors.New("logged out"))
		ref = room.Push("act", map[string]string{"pid": victim.String(), "act": "kill"})
		room.AssertReply(ref, "error", wstest.Partial{"reason": "forbidden"})
		client.AssertDisconnect()
		if !victim.PID().Alive() {
			t.Error("it has been killed")
		}
	})
}

// hangingError is an error whose text does not come.
type hangingError struct {
	calls   *atomic.Int32
	release chan struct{}
}

func (e *hangingError) Error() string { e.calls.Add(1); <-e.release; return "no" }

// An error of Authorize is its users' code as well.
func TestAnAuthorizeWhoseErrorsHangRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		e := &hangingError{new(atomic.Int32), make(chan struct{})}
		o, err := observer.Start(sys, observer.Config{Authorize: func(*http.Request) (observer.Grant, error) {
			return observer.Grant{}, e
		}})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if _, err := wstest.Connect(t, observer.Endpoint(o), "/socket", nil); err == nil {
				t.Error("it lets somebody in")
			}
		}
		if n := e.calls.Load(); n != 16 {
			t.Errorf("%d calls hang, want 16", n)
		}
		close(e.release)
	})
}

// An act that waits for its actor says so, and not that it has failed: it stands.
func TestAnActOnABusyActorStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, log := newLogged(t)
		o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Act)})
		if err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		busy, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { <-release; return nil }))
		if err != nil {
			t.Fatal(err)
		}
		busy.Send(1)
		_, room := join(t, o)
		ref := room.Push("act", map[string]string{"pid": busy.String(), "act": "exit"})
		const told = "it is busy, and ends when it has handled what came before"
		room.Within(time.Minute).AssertReply(ref, "error", wstest.Partial{"reason": "busy", "message": told})
		if lines := log.lines("observer: act"); len(lines) != 1 || lines[0]["outcome"] != "busy" || lines[0]["error"] != "busy: "+told {
			t.Errorf("the records are %v", lines)
		}
		close(release)
		<-busy.PID().Done()
		if err := busy.PID().Err(); err != actor.Shutdown {
			t.Errorf("it has ended with %v", err)
		}
	})
}
