package netconn

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// What coder.go relies on, by its numbers. If one of these fails after an update of the
// library, coder.go is to be thought over.

// spy is a ResponseWriter, and the connection behind it, that note what is done.
type spy struct {
	*httptest.ResponseRecorder
	net.Conn
	did []string
}

func newSpy() *spy { return &spy{ResponseRecorder: httptest.NewRecorder()} }

func (s *spy) note(what string) { s.did = append(s.did, what) }

func (s *spy) Write(p []byte) (int, error) {
	s.note("write body")
	return s.ResponseRecorder.Write(p)
}

func (s *spy) WriteHeader(status int) {
	s.note("status " + http.StatusText(status))
	s.ResponseRecorder.WriteHeader(status)
}

func (s *spy) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	s.note("hijack")
	return spyConn{s}, bufio.NewReadWriter(bufio.NewReader(spyConn{s}), bufio.NewWriter(spyConn{s})), nil
}

type spyConn struct{ *spy }

func (c spyConn) Read([]byte) (int, error)         { c.note("read"); return 0, net.ErrClosed }
func (c spyConn) Write(p []byte) (int, error)      { c.note("write"); return len(p), nil }
func (c spyConn) Close() error                     { c.note("close"); return nil }
func (c spyConn) SetDeadline(time.Time) error      { c.note("deadline"); return nil }
func (c spyConn) SetReadDeadline(time.Time) error  { c.note("deadline"); return nil }
func (c spyConn) SetWriteDeadline(time.Time) error { c.note("deadline"); return nil }

// handshake is a good request, with further fields.
func handshake(fields ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		r.Header.Set(name, value)
	}
	for i := 0; i < len(fields); i += 2 {
		if r.Header.Set(fields[i], fields[i+1]); fields[i+1] == "" {
			r.Header.Del(fields[i])
		}
	}
	return r
}

// 1.
func TestLibraryRefusesBadHandshakes(t *testing.T) {
	post := handshake()
	post.Method = http.MethodPost
	old := handshake()
	old.ProtoMajor, old.ProtoMinor = 1, 0
	for name, x := range map[string]struct {
		request *http.Request
		status  int
	}{
		"HTTP/1.0":      {old, http.StatusUpgradeRequired},
		"no Connection": {handshake("Connection", ""), http.StatusUpgradeRequired},
		"no Upgrade":    {handshake("Upgrade", ""), http.StatusUpgradeRequired},
		"POST":          {post, http.StatusMethodNotAllowed},
		"version 8":     {handshake("Sec-WebSocket-Version", "8"), http.StatusBadRequest},
		"no key":        {handshake("Sec-WebSocket-Key", ""), http.StatusBadRequest},
		"a short key":   {handshake("Sec-WebSocket-Key", "AAAA"), http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpy()
			if err := negotiate(s, x.request, &Config{}); err == nil {
				t.Error("no error")
			}
			if s.Code != x.status || s.Body.Len() == 0 || slices.Contains(s.did, "hijack") {
				t.Errorf("status %d, want %d; body %q; it did %q", s.Code, x.status, s.Body, s.did)
			}
		})
	}
}

// 2: the key and its answer are those of RFC 6455, section 1.3.
func TestLibraryAnswersInTheHeader(t *testing.T) {
	s := newSpy()
	r := handshake("Sec-WebSocket-Protocol", "chat, phoenix", "Sec-WebSocket-Extensions", "permessage-deflate")
	if err := negotiate(s, r, &Config{Subprotocols: []string{"phoenix", "chat"}, Compress: true}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Upgrade":              "websocket",
		"Connection":           "Upgrade",
		"Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
	} {
		if got := s.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := s.Header().Get(protocolField); got != "phoenix" && got != "chat" {
		t.Errorf("subprotocol %q", got)
	}
	if got := s.Header().Get(extensionsField); !strings.HasPrefix(got, "permessage-deflate") {
		t.Errorf("extensions %q", got)
	}
	for name := range s.Header() { // all that has to go if the connection cannot be had
		if !slices.ContainsFunc(answerFields, func(have string) bool { return http.CanonicalHeaderKey(have) == name }) {
			t.Errorf("it has set %s", name)
		}
	}
	if len(s.did) != 0 {
		t.Errorf("it did %q to the ResponseWriter", s.did)
	}
}

// 3 and 6.
func TestLibraryOnlyTakesAndClosesTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
		s := newSpy()
		c, err := websocket.Accept(s, handshake(), nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // virtual: no timer does anything either
		if err := c.CloseNow(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if want := []string{"status Switching Protocols", "hijack", "close"}; !slices.Equal(s.did, want) {
			t.Errorf("it did %q, want %q", s.did, want)
		}
	})
}

// 4.
func TestLibraryNegotiatesCompression(t *testing.T) {
	for _, x := range []struct {
		name, offer string
		compress    bool
		want        []string // parameters
	}{
		{"not offered", "", true, nil},
		{"not wanted", "permessage-deflate", false, nil},
		{"something else", "permessage-bzip2; level=9", true, nil},
		{"as browsers offer it", "permessage-deflate; client_max_window_bits", true,
			[]string{"permessage-deflate", "client_no_context_takeover", "server_no_context_takeover"}},
		{"after something else", "permessage-bzip2, permessage-deflate", true,
			[]string{"permessage-deflate", "client_no_context_takeover", "server_no_context_takeover"}},
		{"with a smaller window, which sealing does not heed", "permessage-deflate; server_max_window_bits=10", true, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := newSpy()
			if err := negotiate(s, handshake("Sec-WebSocket-Extensions", x.offer), &Config{Compress: x.compress}); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, line := range s.Header().Values(extensionsField) {
				for part := range strings.SplitSeq(line, ";") {
					got = append(got, strings.TrimSpace(part))
				}
			}
			if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(x.want))) {
				t.Errorf("got %q, want %q", got, x.want)
			}
		})
	}
}

// 5.
func TestLibraryLooksAtNoOrigin(t *testing.T) {
	if err := negotiate(newSpy(), handshake("Origin", "https://elsewhere.example"), &Config{}); err != nil {
		t.Error(err)
	}
}
