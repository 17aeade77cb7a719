package ws_test

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/transport/ws"
)

// hinderer is a lodger that hinders its end.
type hinderer struct {
	lodger
	stands chan struct{} // what its Terminate waits for on the topic "room:hangs"
}

func (h *hinderer) Terminate(c *ws.Channel, reason error) {
	h.lodger.Terminate(c, reason)
	switch h.topic {
	case "room:hangs":
		<-h.stands
	case "room:panics":
		panic("broken")
	case "room:exits":
		runtime.Goexit()
	}
}

// Channels that linger may fail at their end, or not come to one: a drain does not wait for them.
// Those of the same connection and of others are ended, and clients that are there are told, at
// once. Each end is told of once, and the failures are logged; what hangs is killed in time.
func TestADrainWithChannelsThatDoNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &house{told: make(chan string, 100)}
		ended := make(chan string, 100)
		lingered := make(chan int, 100)
		stands := make(chan struct{})
		room := ws.Topic("room:*", func() *hinderer {
			return &hinderer{lodger{tells: func(text string, args ...any) { h.told <- fmt.Sprintf(text, args...) }}, stands}
		}, nil)
		room.Linger = time.Minute
		server, log := serveLogging(t, ws.Socket{
			Path: "/socket", Channels: ws.Routes{room}, IdleTimeout: time.Hour,
			Observe: func(o ws.Observation) {
				switch o := o.(type) {
				case ws.Ended:
					ended <- fmt.Sprintf("%s: %v", o.Topic, o.Reason)
				case ws.Drained:
					lingered <- o.Lingering
				}
			},
		})
		h.server = server
		is := func(what string, got chan string, want ...string) {
			t.Helper()
			synctest.Wait()
			var all []string
			for len(got) > 0 {
				all = append(all, <-got)
			}
			slices.Sort(all) // channels end all at once
			if !slices.Equal(all, want) {
				t.Errorf("%s: %q, want %q", what, all, want)
			}
		}

		c, other, there := h.connect(t), h.connect(t), h.connect(t)
		for i, topic := range []string{"room:hangs", "room:panics", "room:exits", "room:ends"} {
			c.joins(fmt.Sprint(i), topic, `{}`)
		}
		other.joins("1", "room:other", `{}`)
		there.joins("1", "room:there", `{}`)
		c.lose()
		other.lose()
		is("before", h.told, "join room:ends", "join room:exits", "join room:hangs", "join room:other", "join room:panics", "join room:there")

		began := time.Now()
		if err := h.Drain(context.Background()); err != nil || time.Since(began) > 0 {
			t.Errorf("the drain: %v, after %v", err, time.Since(began))
		}
		there.expectClose(websocket.StatusServiceRestart)
		const closed = ": shutdown: connection closed"
		is("told", h.told, "terminate room:ends"+closed, "terminate room:exits"+closed, "terminate room:hangs"+closed,
			"terminate room:other"+closed, "terminate room:panics"+closed, "terminate room:there"+closed)
		if n := <-lingered; n != 5 || len(lingered) > 0 {
			t.Errorf("%d lingered, and %d times more was told of the drain", n, len(lingered))
		}
		is("ended at once", ended, "room:other"+closed, "room:there"+closed)
		time.Sleep(5*time.Second + 100*time.Millisecond) // it may take so long
		is("ended", ended, "room:ends"+closed, "room:exits: handler called runtime.Goexit", "room:hangs: killed", "room:panics: panic: broken")
		if s := h.Stats(); s.Channels != 0 || s.Lingering != 0 || s.Connections != 0 {
			t.Errorf("after that: %+v", s)
		}
		if err := h.Shutdown(context.Background()); err == nil || !strings.Contains(err.Error(), "stuck in a handler") || time.Since(began) > 6*time.Second {
			t.Errorf("the shutdown: %v, after %v", err, time.Since(began))
		}
		pids := regexp.MustCompile(` pid=<[0-9.]+>`)
		for _, want := range []string{
			`msg="actor crashed" label="room:panics *ws_test.hinderer lingering" reason="panic: broken"`,
			`msg="actor crashed" label="room:exits *ws_test.hinderer lingering" reason="handler called runtime.Goexit"`,
			`msg="actor abandoned: it was killed, and its handler does not return" label="room:hangs `,
		} {
			if n := strings.Count(pids.ReplaceAllString(log.String(), ""), want); n != 1 {
				t.Errorf("the log has %s %d times:\n%s", want, n, log)
			}
		}
		close(stands)
	})
}
