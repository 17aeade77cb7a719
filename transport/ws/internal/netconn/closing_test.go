package netconn

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// A client that is being closed has five seconds, whatever it sends meanwhile, and is
// closed at once when it answers.
func TestClosingTakesFiveSeconds(t *testing.T) {
	for name, sent := range map[string]string{
		"nothing":             "",
		"the head of a frame": "\x81",
		"the head of a TiB":   "\x82\xff\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"a part of a message": string(rawclient.Frame(0x1, "a")),
		"a message":           string(rawclient.Text("[]")),
		"junk":                "\xff\xff\xff",
		"the answer":          string(rawclient.Closing(1012, "")),
		"a text, the answer":  string(rawclient.Text("[]")) + string(rawclient.Closing(1012, "")),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRecord()
				c := (&server{mode: mode{pipe: true}, sink: r.of}).start(t).connect(t)
				start := time.Now()
				r.conn.CloseWith(1012, "drain")
				r.conn.CloseWith(1000, "what is decided stays")
				r.conn.Close()
				c.expect("close:1012 drain")
				for range 2 { // the server reads nothing, and no error: a reader may
					c.Write(nil)
				}
				c.Write([]byte(sent))
				c.SetReadDeadline(time.Time{})
				c.expectEnd()
				want := 5 * time.Second
				if strings.HasSuffix(name, "the answer") {
					want = 0
				}
				if took := time.Since(start); took != want {
					t.Errorf("closed after %v, want %v", took, want)
				}
				<-r.closed
				if got := r.taken(); got != nil {
					t.Errorf("received %q", got)
				}
			})
		})
	}
}

// Nor does it take longer if what the client sends is held back.
func TestClosingTakesNoLongerForAFlood(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, m := newRecord(), mode{pipe: true}
				config := m.config()
				config.MaxMessageRate = 1
				c := (&server{mode: m, config: config, sink: r.of}).start(t).connect(t)
				c.SetDeadline(time.Time{})
				go func() {
					pongs := bytes.Repeat(rawclient.Frame(rawclient.Fin|0xa, ""), 1000)
					if when == "after" {
						time.Sleep(time.Minute / 2) // virtual
					}
					c.Write(pongs)
				}()
				time.Sleep(time.Minute / 2)
				start := time.Now()
				r.conn.Close()
				for {
					if _, err := c.ReadText(); err != nil {
						break
					}
				}
				if took := time.Since(start); took > 7*time.Second {
					t.Errorf("closed after %v", took)
				}
			})
		})
	}
}

// What a client had sent before it answers a close frame is passed over.
func TestClosingPassesOverWhatComesFirst(t *testing.T) {
	inAllModes(t, func(t *testing.T, m mode) {
		r := newRecord()
		c := (&server{mode: m, sink: r.of}).start(t).connect(t, first("the beginning")(m)...)
		r.conn.CloseWith(1012, "drain")
		r.conn.Close()
		c.expect("close:1012 drain")
		for _, f := range []frames{last("the end"), ping("p"), bin(strings.Repeat("x", 2<<20)), text("late"), closing(1012, "")} {
			if _, err := c.Write(f(m)); err != nil {
				t.Fatal(err)
			}
		}
		c.expectEnd()
		<-r.closed
		if got := r.taken(); got != nil {
			t.Errorf("received %q", got)
		}
		if len(r.lost) > 0 {
			t.Errorf("told that it is lost: %v", <-r.lost)
		}
	})
}

// A connection may be closed before it is made, and before it is read.
func TestCloseBeforeTheStart(t *testing.T) {
	for _, when := range []string{"before Accept", "before Start"} {
		t.Run(when, func(t *testing.T) {
			inAllModes(t, func(t *testing.T, m mode) {
				s := (&server{mode: m, sink: func(c *Conn) Sink {
					c.CloseWith(1001, when)
					if when == "before Accept" {
						c.Close()
					}
					return &echo{c}
				}}).start(t)
				if when == "before Start" {
					s.accepted = func(c *Conn) { c.Close() }
				}
				c := s.connect(t)
				c.expect("close:1001 " + when)
				c.Write(closing(1001, "")(m))
				c.expectEnd()
			})
		})
	}
}

// MaxMessageRate holds for frames that are no messages, too.
func TestFramesWithoutMessagesAreHeldBack(t *testing.T) {
	part := strings.Repeat("x", 2000)
	for name, x := range map[string]struct {
		before, flood, after []byte
		free                 bool // it is bytes that count
	}{
		"pings":                {nil, rawclient.Frame(rawclient.Fin|0x9, ""), nil, false},
		"pongs":                {nil, rawclient.Frame(rawclient.Fin|0xa, ""), nil, false},
		"empty continuations":  {rawclient.Frame(0x1, "ab"), rawclient.Frame(0x0, ""), rawclient.Frame(rawclient.Fin, "c"), false},
		"small continuations":  {rawclient.Frame(0x1, "ab"), rawclient.Frame(0x0, "x"), rawclient.Frame(rawclient.Fin, "c"), false},
		"parts of a good size": {rawclient.Frame(0x1, part), rawclient.Frame(0x0, part), rawclient.Frame(rawclient.Fin, part), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := mode{pipe: true}
				config := m.config()
				config.MaxMessageRate = 10
				c := (&server{mode: m, config: config}).start(t).connect(t)
				c.SetDeadline(time.Time{})
				start := time.Now()
				go func() {
					c.Write(x.before)
					for range 150 {
						c.Write(x.flood)
					}
					c.Write(x.after)
					c.Write(rawclient.Text("done"))
				}()
				for {
					got, err := c.ReadText()
					if err != nil {
						t.Fatal(err)
					}
					if got == "text:done" {
						break
					}
				}
				took := time.Since(start)
				if x.free && took != 0 || !x.free && (took < 5*time.Second || took > 6*time.Second) {
					t.Errorf("150 of them took %v", took)
				}
			})
		})
	}
}

// CONN-8: pongs are a sign of life as well.
func TestPongsKeepAConnectionOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecord()
		c := (&server{mode: mode{pipe: true}, sink: r.of}).start(t).connect(t)
		c.SetDeadline(time.Time{})
		for i := range 10 {
			time.Sleep(40 * time.Second) // virtual
			c.Write(rawclient.Frame(rawclient.Fin|byte(0x9+i%2), "p"))
			if i%2 == 0 {
				c.expect("pong:p")
			}
		}
		start := time.Now()
		if err := <-r.lost; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("lost after %v: %v", time.Since(start), err)
		}
	})
}

// Idle connections that park are found by the sweep, each by its own timeout: also if
// one with a shorter one comes later.
func TestParkedConnectionsTimeOut(t *testing.T) {
	if !canPark {
		t.Skip("connections do not park here")
	}
	m, r := mode{park: true}, newRecord()
	patient := (&server{mode: m}).start(t)
	patient.connect(t)
	config := m.config()
	config.IdleTimeout = 50 * time.Millisecond
	s := (&server{mode: m, host: patient.host, config: config, sink: r.of}).start(t)
	for range 2 { // also when the lot has been swept
		c := s.connect(t)
		if err := <-r.lost; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		c.Close()
		<-r.closed
	}
}

// What a client does wrong is told to it and to the sink.
func TestViolationsAreTold(t *testing.T) {
	inAllModes(t, func(t *testing.T, m mode) {
		r, config := newRecord(), m.config()
		config.MaxMessageSize = 100
		s := (&server{mode: m, config: config, sink: r.of}).start(t)
		for _, x := range []struct {
			sent   []byte
			code   int
			reason string
		}{
			{rawclient.Frame(rawclient.Fin|0x3, ""), 1002, "unknown opcode"},
			{rawclient.Frame(rawclient.Fin|0x1, "\xff"), 1007, "text is not UTF-8"},
			{rawclient.Frame(rawclient.Fin|0x1, strings.Repeat("x", 101)), 1009, "message too big"},
		} {
			c := s.connect(t, x.sent...)
			c.expect(fmt.Sprintf("close:%d %s", x.code, x.reason))
			e, ok := errors.AsType[*frame.Error](<-r.lost)
			if !ok || e.Code != x.code || e.Reason != x.reason {
				t.Errorf("told: %+v", e)
			}
			c.Close()
			<-r.closed
		}
	})
}

// The status that a client closes with is told to the sink, and answered in kind.
func TestClientCloses(t *testing.T) {
	inAllModes(t, func(t *testing.T, m mode) {
		r := newRecord()
		s := (&server{mode: m, sink: r.of}).start(t)
		for _, x := range []struct {
			sent []byte
			want CloseError
			back string
		}{
			{rawclient.Closing(1000, "bye"), CloseError{1000, "bye"}, "close:1000 bye"},
			{rawclient.Closing(4711, ""), CloseError{4711, ""}, "close:4711"},
			{rawclient.Frame(rawclient.Fin|0x8, ""), CloseError{1005, ""}, "close:"},
		} {
			c := s.connect(t, slices.Concat(text("a")(m), x.sent)...)
			c.expect(x.back)
			c.expectEnd()
			if got, ok := errors.AsType[CloseError](<-r.lost); !ok || got != x.want {
				t.Errorf("told %+v, want %+v", got, x.want)
			}
			<-r.closed
			if got := r.taken(); !slices.Equal(got, []string{"text:a"}) {
				t.Errorf("received %q", got)
			}
		}
	})
}
