package supervisor_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// fakeServer is a server that serves for as long as it is not shut down.
type fakeServer struct {
	s    *stage
	err  error         // with which ListenAndServe ends at once
	slow time.Duration // how long a shutdown takes
	end  chan struct{}
}

func (s *stage) server(f fakeServer, opts ...supervisor.ChildOption) supervisor.Child {
	f.s = s
	return supervisor.Server("server", func() fakeServer {
		f.end = make(chan struct{})
		return f
	}, opts...)
}

func (f fakeServer) ListenAndServe() error {
	f.s.note("listen")
	if f.err != nil {
		return f.err
	}
	<-f.end
	return http.ErrServerClosed
}

func (f fakeServer) Shutdown(ctx context.Context) error {
	close(f.end)
	select {
	case <-time.After(f.slow):
		f.s.note("shut down")
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f fakeServer) Close() error {
	f.s.note("closed")
	return nil
}

func TestServerFinishesItsWorkBeforeItStops(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{Children: []supervisor.Child{s.server(fakeServer{slow: 4 * time.Second})}})
		s.expect("listen")
		s.ok(sup.Stop(s.Context()))
		s.expect("shut down")
		s.expectReports()
	})
}

func TestServerThatTakesTooLongIsClosed(t *testing.T) {
	for name, opts := range map[string][]supervisor.ChildOption{
		"by default": nil,
		"by option":  {supervisor.Shutdown(time.Second)},
		"at once":    {supervisor.BrutalKill},
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				sup := s.start(supervisor.Spec{Children: []supervisor.Child{s.server(fakeServer{slow: time.Hour}, opts...)}})
				s.expect("listen")
				s.ok(sup.Stop(s.Context()))
				s.expect("closed")
				if n := s.sys.Abandoned(); n != 0 {
					s.Errorf("%d actors were abandoned", n)
				}
			})
		})
	}
}

func TestServerThatWasClosedByOthersHasEndedNormally(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{Children: []supervisor.Child{
			s.server(fakeServer{err: http.ErrServerClosed}, supervisor.Transient),
		}})
		s.expect("listen")
		s.expectReports()
		if got := s.state(sup); got != "server-" {
			s.Errorf("got %s", got)
		}
	})
}

func TestServerThatCannotListenCrashes(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{Children: []supervisor.Child{s.server(fakeServer{err: errFlat})}})
		synctest.Wait()
		if sup.PID().Alive() {
			s.Error("the supervisor goes on")
		}
		s.expect("listen, closed, listen, closed")
		s.expectReports("child terminated server flat", "child terminated server flat",
			"giving up: too many restarts server more than 1 restart in 5s")
	})
}

// listening is an HTTP server with a listener of its own.
type listening struct {
	*http.Server
	l net.Listener
}

func (s listening) ListenAndServe() error { return s.Serve(s.l) }

func TestHTTPServerAnswersTheRequestsThatItHasBeforeItStops(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	came, goOn := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(came)
		<-goOn
		_, _ = io.WriteString(w, "hello")
	})
	sup, err := supervisor.Start(newSystem(t), supervisor.Spec{Children: []supervisor.Child{
		supervisor.Server("http", func() listening { return listening{&http.Server{Handler: handler}, l} },
			supervisor.Shutdown(supervisor.Infinity)),
	}})
	if err != nil {
		t.Fatal(err)
	}

	answer := make(chan string, 1)
	go func() {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		r, err := client.Get("http://" + l.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer r.Body.Close()
		body, _ := io.ReadAll(r.Body)
		answer <- string(body)
	}()
	<-came
	stopped := make(chan error, 1)
	go func() { stopped <- sup.Stop(t.Context()) }()
	// The listener is closed when the shutdown has begun.
	for {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	close(goOn)
	if got := <-answer; got != "hello" {
		t.Errorf("got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
