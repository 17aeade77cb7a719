package observer_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/flight"
	"github.com/troupe-go/troupe/transport/observer"
)

// recorder starts a flight recorder, of which a program has one.
func recorder(t *testing.T) *flight.Recorder {
	t.Helper()
	rec, err := flight.Start(actortest.NewSystem(t, actortest.Silent()), flight.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rec.Stop)
	return rec
}

// fetch asks for the recording with these headers.
func (s *site) fetch(method string, header http.Header) (*http.Response, []byte) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"flight", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header, r.Host = header, header.Get("Host")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res, body
}

// isTrace reports whether b is what go tool trace reads.
func isTrace(b []byte) bool { return bytes.HasPrefix(b, []byte("go 1.")) && len(b) > 1000 }

func TestTheFlightRecordingIsFetchedByThoseThatMay(t *testing.T) {
	rec := recorder(t)
	for name, c := range map[string]struct {
		rights  observer.Rights
		without bool // a recorder
		origins []string
		header  http.Header
		method  string
		status  int
		outcome string
	}{
		"with the right":     {rights: observer.Trace, status: 200, outcome: "done"},
		"with more":          {rights: observer.Act, status: 200, outcome: "done"},
		"by its own page":    {rights: observer.Trace, header: http.Header{"Sec-Fetch-Site": {"same-origin"}}, status: 200, outcome: "done"},
		"by its address":     {rights: observer.Trace, header: http.Header{"Sec-Fetch-Site": {"none"}}, status: 200, outcome: "done"},
		"by an allowed name": {rights: observer.Trace, origins: []string{"https://*.shop.example"}, header: http.Header{"Host": {"Ops.shop.example:4000"}}, status: 200, outcome: "done"},
		"without the right":  {rights: observer.Look, status: 403, outcome: "forbidden"},
		"by another site":    {rights: observer.Act, header: http.Header{"Sec-Fetch-Site": {"cross-site"}}, status: 403, outcome: "forbidden"},
		"by another host":    {rights: observer.Act, header: http.Header{"Sec-Fetch-Site": {"same-site"}}, status: 403, outcome: "forbidden"},
		"by another name":    {rights: observer.Act, origins: []string{"//shop.example", "//*.shop.example"}, header: http.Header{"Host": {"evilshop.example"}}, status: 403, outcome: "forbidden"},
		"without a recorder": {rights: observer.Act, without: true, status: 404, outcome: "unavailable"},
		"by HEAD":            {rights: observer.Act, method: http.MethodHead, status: 405},
	} {
		t.Run(name, func(t *testing.T) {
			sys, log := newLogged(t)
			cfg := observer.Config{Authorize: lets(c.rights), Origins: c.origins, Flight: rec}
			if c.without {
				cfg.Flight = nil
			}
			if c.method == "" {
				c.method = http.MethodGet
			}
			if c.header == nil {
				c.header = http.Header{}
			}
			s := serve(t, sys, cfg)
			res, body := s.fetch(c.method, c.header)
			if res.StatusCode != c.status || isTrace(body) != (c.status == 200) {
				t.Errorf("answered with %v and %d bytes, a trace: %v", res.Status, len(body), isTrace(body))
			}
			file := res.Header.Get("Content-Disposition")
			if ok := strings.HasPrefix(file, `attachment; filename="flight-`) && strings.HasSuffix(file, `.trace"`); ok != (c.status == 200) {
				t.Errorf("the file is %q", file)
			}
			lines := log.lines("observer: download")
			if c.outcome == "" {
				if len(lines) != 0 {
					t.Errorf("logged: %v", lines)
				}
				return
			}
			if len(lines) != 1 || lines[0]["outcome"] != c.outcome || lines[0]["who"] != "ann" ||
				!strings.HasPrefix(lines[0]["remote"].(string), "127.0.0.1:") || (lines[0]["bytes"].(float64) > 0) != (c.status == 200) {
				t.Errorf("logged: %v", lines)
			}
		})
	}
	rec.Stop()
	s := newSite(t, observer.Config{Authorize: lets(observer.Trace), Flight: rec})
	if res, body := s.fetch(http.MethodGet, http.Header{}); res.StatusCode != http.StatusNotFound || !strings.Contains(string(body), "stopped") {
		t.Errorf("of one that has stopped: %v, %s", res.Status, body)
	}
}

// The page has a link if there is a recorder, and the right to it.
func TestThePageIsToldOfTheFlightRecorder(t *testing.T) {
	rec := recorder(t)
	for _, c := range []struct {
		rights observer.Rights
		rec    *flight.Recorder
		want   bool
	}{{observer.Look, rec, false}, {observer.Trace, rec, true}, {observer.Act, nil, false}} {
		s := newSite(t, observer.Config{Authorize: lets(c.rights), Flight: c.rec})
		if got := s.open().hello["flight"]; got != c.want {
			t.Errorf("with the right to %v and a recorder %v: %v", c.rights, c.rec != nil, got)
		}
	}
}

// stalled is a response to a client that reads nothing until there is a reader of the pipe.
type stalled struct {
	net.Conn
	header http.Header
}

func (s stalled) Header() http.Header { return s.header }
func (s stalled) WriteHeader(int)     {}

// A client that does not read keeps others out for a minute at most, and not beyond the end
// of the observer.
func TestAStalledDownloadEnds(t *testing.T) {
	rec := recorder(t)
	for name, stop := range map[string]bool{"in time": false, "with the observer": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sys, log := newLogged(t)
				o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Trace), Flight: rec})
				if err != nil {
					t.Fatal(err)
				}
				near, far := net.Pipe()
				defer far.Close()
				get := func(w http.ResponseWriter) {
					o.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/observer/flight", nil))
				}
				start, done := time.Now(), make(chan struct{})
				go func() {
					defer close(done)
					get(stalled{near, http.Header{}})
				}()
				synctest.Wait()
				second := &expiring{ResponseRecorder: httptest.NewRecorder()}
				get(second)
				if second.Code != http.StatusServiceUnavailable || second.Header().Get("Retry-After") == "" {
					t.Errorf("a second one is answered with %d", second.Code)
				}
				want := time.Minute
				if stop {
					want = 0
					if err := sys.Shutdown(t.Context()); err != nil {
						t.Error(err)
					}
				}
				<-done
				if took := time.Since(start); took != want {
					t.Errorf("it has ended after %v", took)
				}
				if l := log.lines("observer: download"); len(l) != 2 || l[0]["outcome"] != "busy" || l[1]["outcome"] != "failed" {
					t.Errorf("logged: %v", l)
				}
				last := &expiring{ResponseRecorder: httptest.NewRecorder()}
				get(last)
				if ok := isTrace(last.Body.Bytes()); ok == stop || stop && last.Code != http.StatusServiceUnavailable {
					t.Errorf("the next one is answered with %d, a trace: %v", last.Code, ok)
				}
			})
		})
	}
}

// expiring is a recorder that takes deadlines.
type expiring struct{ *httptest.ResponseRecorder }

func (*expiring) SetWriteDeadline(time.Time) error { return nil }

// Without a deadline there would be no end.
func TestNothingIsSentWithoutADeadline(t *testing.T) {
	o, err := observer.Start(actortest.NewSystem(t, actortest.Silent()), observer.Config{Authorize: lets(observer.Trace), Flight: recorder(t)})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder() // which takes none
	o.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/flight", nil))
	if w.Code != http.StatusNotFound || isTrace(w.Body.Bytes()) {
		t.Errorf("answered with %d", w.Code)
	}
}
