package ws_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// A client that is being closed has five seconds, whatever it sends meanwhile, and is
// closed at once when it answers.
func TestClosingTakesFiveSeconds(t *testing.T) {
	for name, sent := range map[string]string{
		"nothing":             "",
		"the head of a frame": "\x81",
		"the head of a TiB":   "\x82\xff\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"a part of a message": string(maskedFrame(0x1, "a")),
		"a message":           string(maskedText("[]")),
		"junk":                "\xff\xff\xff",
		"the answer":          string(closing(1012, "")(mode{})),
		"a text, the answer":  string(maskedText("[]")) + string(closing(1012, "")(mode{})),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serveInMemory(t, rooms(nil))
				c := rawHandshake(t, s, nil)
				start := time.Now()
				drained := make(chan error)
				go func() { drained <- s.Drain(t.Context()) }()
				if got, err := c.readText(); got != "close:1012 drain" {
					t.Fatal(got, err)
				}
				if err := <-drained; err != nil {
					t.Error(err)
				}
				for range 2 { // the server reads nothing, and no error: a reader may
					c.nc.Write(nil)
				}
				c.nc.Write([]byte(sent))
				c.nc.SetReadDeadline(time.Time{})
				if got, err := c.readText(); err == nil {
					t.Errorf("got %q", got)
				}
				want := 5 * time.Second
				if strings.HasSuffix(name, "the answer") {
					want = 0
				}
				if took := time.Since(start); took != want {
					t.Errorf("closed after %v, want %v", took, want)
				}
				synctest.Wait()
				if got := s.Stats().Connections; got != 0 {
					t.Errorf("%d connections", got)
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
				s := serveInMemory(t, ws.Socket{Path: "/socket", Serializers: []wire.Serializer{mirror{}}, MaxMessageRate: 1})
				c := rawHandshake(t, s, nil)
				c.nc.SetDeadline(time.Time{})
				go func() {
					pongs := bytes.Repeat(maskedFrame(fin|0xa, ""), 1000)
					if when == "after" {
						time.Sleep(time.Minute / 2) // virtual
					}
					c.nc.Write(pongs)
				}()
				time.Sleep(time.Minute / 2)
				start := time.Now()
				if err := s.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				for {
					if _, err := c.readText(); err != nil {
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
	socket, got, ended := recorded()
	inAllModes(t, func(t *testing.T, m mode) {
		s := m.serve(t, socket)
		c := m.connect(t, s)
		c.nc.Write(first("the beginning")(m))
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := c.readText(); got != "close:1012 drain" {
			t.Fatal(got, err)
		}
		<-ended
		for _, f := range []frames{last("the end"), ping("p"), bin(strings.Repeat("x", 2<<20)), text("late"), closing(1012, "")} {
			if _, err := c.nc.Write(f(m)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := c.readText(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %q, %v; want the end", got, err)
		}
		if got := got.taken(); got != nil {
			t.Errorf("delivered: %q", got)
		}
	})
}

// MaxMessageRate holds for frames that are no messages, too.
func TestFramesWithoutMessagesAreHeldBack(t *testing.T) {
	part := strings.Repeat("x", 2000)
	for name, x := range map[string]struct {
		before, flood, after []byte
		free                 bool // it is bytes that count
	}{
		"pings":                {nil, maskedFrame(fin|0x9, ""), nil, false},
		"pongs":                {nil, maskedFrame(fin|0xa, ""), nil, false},
		"empty continuations":  {maskedFrame(0x1, "ab"), maskedFrame(0x0, ""), maskedFrame(fin, "c"), false},
		"small continuations":  {maskedFrame(0x1, "ab"), maskedFrame(0x0, "x"), maskedFrame(fin, "c"), false},
		"parts of a good size": {maskedFrame(0x1, part), maskedFrame(0x0, part), maskedFrame(fin, part), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serveInMemory(t, ws.Socket{Path: "/socket", Serializers: []wire.Serializer{mirror{}}, MaxMessageRate: 10})
				c := rawHandshake(t, s, nil)
				c.nc.SetDeadline(time.Time{})
				start := time.Now()
				go func() {
					c.nc.Write(x.before)
					for range 150 {
						c.nc.Write(x.flood)
					}
					c.nc.Write(x.after)
					c.nc.Write(maskedFrame(fin|0x1, "done"))
				}()
				for {
					got, err := c.readText()
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
		s := serveInMemory(t, rooms(nil))
		c := rawHandshake(t, s, nil)
		c.nc.SetDeadline(time.Time{})
		for i := range 10 {
			time.Sleep(40 * time.Second) // virtual
			c.nc.Write(maskedFrame(fin|byte(0x9+i%2), "p"))
			if i%2 == 0 {
				if got, err := c.readText(); got != "pong:p" {
					t.Fatal(got, err)
				}
			}
		}
		start := time.Now()
		if got, err := c.readText(); got != "close:1001 idle" || time.Since(start) != time.Minute {
			t.Errorf("%q, %v after %v", got, err, time.Since(start))
		}
	})
}

// What a client does wrong is told to it and to the observer.
func TestViolationsAreTold(t *testing.T) {
	inAllModes(t, func(t *testing.T, m mode) {
		socket, _, ended := recorded()
		socket.MaxMessageSize = 100
		s := m.serve(t, socket)
		for _, x := range []struct {
			sent   []byte
			code   int
			reason string
		}{
			{maskedFrame(fin|0x3, ""), 1002, "unknown opcode"},
			{maskedFrame(fin|0x1, "\xff"), 1007, "text is not UTF-8"},
			{maskedFrame(fin|0x1, strings.Repeat("x", 101)), 1009, "message too big"},
		} {
			c := m.connect(t, s)
			c.nc.Write(x.sent)
			if got, err := c.readText(); got != fmt.Sprintf("close:%d %s", x.code, x.reason) {
				t.Errorf("%q, %v", got, err)
			}
			if e := <-ended; int(e.Code) != x.code || e.Reason != x.reason {
				t.Errorf("told: %+v", e)
			}
			c.nc.Close()
		}
	})
}
