package ws_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/history/historytest"
)

// sieve is a lodger whose client gets what is broadcast through its hands.
type sieve struct {
	lodger
	stuck chan struct{} // what the first HandleOut waits for, if not nil
}

func (*sieve) Intercepts() []string { return []string{"news"} }

func (s *sieve) HandleOut(c *ws.Channel, event string, in ws.Payload) error {
	if s.stuck != nil {
		<-s.stuck
	}
	return c.Push(event, in)
}

// A client takes over a channel whose handler is busy. What has been broadcast meanwhile waits in
// the channel's mailbox, before its join and behind that, and is in the log: it comes once, and in
// order.
func TestWhatWaitsForABusyHandlerComesOnce(t *testing.T) {
	modes := map[string]ws.History{
		"stream": {}, "latest": {Mode: ws.Latest},
		"keyed": {Mode: ws.Keyed, Key: func(_ string, p ws.Payload) string { return fmt.Sprint(p.Bytes()[5] % 2) }},
	}
	for mode, h := range modes {
		for _, stored := range []bool{false, true} {
			for _, busyIn := range []string{"HandleIn", "HandleOut"} {
				for _, loss := range []string{"unnoticed", "before", "behind"} {
					for _, since := range []string{"all", "null", "nothing"} {
						if mode != "stream" && (stored || busyIn == "HandleOut" && mode == "keyed") {
							continue // nothing new
						}
						h := h
						t.Run(fmt.Sprintln(mode, stored, busyIn, loss, since), func(t *testing.T) {
							synctest.Test(t, func(t *testing.T) { takeOverBusy(t, &h, stored, busyIn, loss, since) })
						})
					}
				}
			}
		}
	}
}

// takeOverBusy has a client take over a channel that is busy in a call of its handler, while
// four messages are broadcast, two of them behind its join. The server notices that the connection
// before is lost before the join, behind the last of these messages, or not. The client
// tells how far it is, asks where it is, or neither.
func takeOverBusy(t *testing.T, h *ws.History, stored bool, busyIn, loss, since string) {
	handler := &sieve{lodger: lodger{tells: func(string, ...any) {}, hangs: make(chan struct{})}}
	route := ws.Topic("room:*", func() *sieve { return handler }, nil)
	route.History, route.Linger = h, time.Minute
	socket := ws.Socket{
		Path: "/socket", Channels: ws.Routes{route}, IdleTimeout: time.Hour,
		MaxQueue: 8 << 10, // so the log is read in parts of one message
	}
	var s *server
	if stored {
		h.Store = new(historytest.Store)
		s = serveNode(t, pubsub.NewCluster(new(pubsub.Hub).Node("a")), socket)
	} else {
		s = serveInMemory(t, socket)
	}
	old := s.connect(t)
	w := old.joins("1", "room:a", `{"since":null,"got":null}`)
	stands := old.hear()
	if busyIn == "HandleOut" {
		handler.stuck = handler.hangs
	} else {
		old.send(`["1","2","room:a","hang",{}]`)
		synctest.Wait()
	}
	s.news(t, 1, 2)
	synctest.Wait()
	if loss == "before" {
		old.lose()
	}
	c := s.connect(t)
	params := map[string]string{
		"all":     fmt.Sprintf(`{"resume_token":%q,"since":%q}`, w.Token, stands.ref),
		"null":    fmt.Sprintf(`{"resume_token":%q,"since":null}`, w.Token),
		"nothing": with(w),
	}
	c.send(fmt.Sprintf(`["2","2","room:a","phx_join",%s]`, params[since]))
	synctest.Wait()
	s.news(t, 3, 4)
	synctest.Wait()
	if loss == "behind" {
		old.lose()
	}
	close(handler.hangs)
	if answer := c.hear(); answer.event != "phx_reply" || !strings.Contains(answer.payload, `"resumed":true`) {
		t.Fatalf("the join is answered %v", answer)
	}
	replayed := map[ws.Mode][]int{ws.Stream: {1, 2, 3, 4}, ws.Latest: {4}, ws.Keyed: {3, 4}}[h.Mode]
	switch {
	case since == "all":
		if told := c.hear(); told.event != "phx_recovery" || told.payload != recovery(true, len(replayed), stands.at(4)) {
			t.Errorf("told of %v", told)
		}
	case since == "null":
		told := c.hear()
		if at := map[bool]int{true: 4, false: 0}[h.Mode == ws.Stream]; told.event != "phx_position" || told.ref != stands.at(at) {
			t.Errorf("told of %v", told)
		}
		fallthrough
	default:
		switch {
		case h.Mode != ws.Stream:
		case since == "nothing" && loss != "before": // it is not known to have missed what waited behind its join
			replayed = []int{3, 4}
		default:
			replayed = nil
		}
	}
	synctest.Wait()
	s.news(t, 5, 5)
	for _, n := range append(replayed, 5) {
		c.hears(fmt.Sprintf(`news %d {"n":%[1]d}`, n))
	}
	c.heartbeat()
}

// What is not recorded is in no log, so it comes from the mailbox, also to a client that asks
// where it stands.
func TestWhatIsNotRecordedOutlastsATakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler := &sieve{lodger: lodger{tells: func(string, ...any) {}, hangs: make(chan struct{})}}
		route := ws.Topic("room:*", func() *sieve { return handler }, nil)
		route.History, route.Linger = new(ws.History), time.Minute
		s := serveInMemory(t, ws.Socket{Path: "/socket", Channels: ws.Routes{route}, IdleTimeout: time.Hour})
		old := s.connect(t)
		w := old.joins("1", "room:a", `{"since":null,"got":null}`)
		stands := old.hear()
		old.send(`["1","2","room:a","hang",{}]`)
		synctest.Wait()
		c := s.connect(t)
		c.send(fmt.Sprintf(`["2","2","room:a","phx_join",{"resume_token":%q,"since":%q,"got":null}]`, w.Token, stands.ref))
		synctest.Wait()
		s.Broadcast("room:a", "news", map[string]int{"n": 1}, ws.Unrecorded())
		synctest.Wait()
		close(handler.hangs)
		var news []string
		synctest.Wait()
		s.Broadcast("room:a", "news", map[string]int{"n": 2})
		for len(news) == 0 || news[len(news)-1] != `{"n":2}` {
			if m := c.hear(); m.event == "news" {
				news = append(news, m.payload)
			}
		}
		if want := []string{`{"n":1}`, `{"n":2}`}; !slices.Equal(news, want) {
			t.Errorf("the client got %s, want %s", news, want)
		}
	})
}

// A client that comes back hears what is not recorded without a gap, though its channel waits for the
// store meanwhile: of a join to presence and the leave behind it, it would else get the join alone.
func TestAComebackLeavesNoGapInWhatIsNotRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ill := unread()
		handler := &sieve{lodger: lodger{tells: func(string, ...any) {}, hangs: make(chan struct{})}}
		route := ws.Topic("room:*", func() *sieve { return handler }, nil)
		route.History, route.Linger = &ws.History{Store: store}, time.Minute
		s := serveNode(t, pubsub.NewCluster(new(pubsub.Hub).Node("a")), ws.Socket{
			Path: "/socket", Channels: ws.Routes{route}, IdleTimeout: time.Hour,
		})
		old := s.connect(t)
		w := old.joins("1", "room:a", `{"since":null,"got":null}`)
		stands := old.hear()
		old.send(`["1","2","room:a","hang",{}]`)
		synctest.Wait()
		ill.Store(true)
		c := s.connect(t)
		c.send(fmt.Sprintf(`["2","2","room:a","phx_join",{"resume_token":%q,"since":%q,"got":null}]`, w.Token, stands.at(1)))
		synctest.Wait()
		local := func(n int) {
			s.LocalBroadcast("room:a", "news", map[string]int{"n": n})
			synctest.Wait()
		}
		local(1) // behind the client's comeback
		close(handler.hangs)
		synctest.Wait()
		local(2) // while it is waited for the store
		time.Sleep(5 * time.Second)
		local(3)
		var news []string
		for len(news) == 0 || news[len(news)-1] != `{"n":3}` {
			if m := c.hear(); m.event == "news" {
				news = append(news, m.payload)
			}
		}
		if want := []string{`{"n":1}`, `{"n":2}`, `{"n":3}`}; !slices.Equal(news, want) {
			t.Errorf("the client got %s, want %s", news, want)
		}
	})
}
