package ws_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// What there is can be seen without asking anybody: a Join that does not return, and the
// connection behind it, as well as those that are idle.
func TestConnectionsAndTheirChannelsAreShown(t *testing.T) {
	log := newRecord()
	defer close(log.release)
	s := serve(t, polling(log))
	ann := s.connectWith(t, "user=ann")
	ann.join("room:a")
	ann.join("room:b")
	slow := s.connect(t)
	slow.send(`["1","1","room:slow","phx_join",{}]`)
	<-log.entered
	s.pollClient(t, "user=bob").open()

	var shown []string
	for c := range s.Connections() {
		version, path, since := c.Version, c.Path, c.PID.Started()
		if version != "2.0.0" || path != "/socket" || c.Since != since || c.QueueBytes != 0 || !c.PID.Alive() {
			t.Errorf("it shows %+v", c)
		}
		var channels []string
		for ch := range s.ChannelsOf(c.PID) {
			if ch.Connection != c.PID || ch.SocketID != c.SocketID || !ch.PID.Alive() || ch.Handler != reflect.TypeFor[*room]() {
				t.Errorf("it shows %+v", ch)
			}
			channels = append(channels, fmt.Sprint(ch.Topic, " by ", ch.Route, " ", ch.Joined))
		}
		if len(channels) != c.Channels {
			t.Errorf("it shows %d channels of %q, and counts %d", len(channels), c.SocketID, c.Channels)
		}
		if c.Transport == "longpoll" && c.Remote.IsValid() { // by another port each time
			c.Remote = netip.AddrPortFrom(c.Remote.Addr(), 0)
		}
		shown = append(shown, fmt.Sprintf("%s %q %v %v", c.Transport, c.SocketID, channels, c.Remote))
	}
	want := []string{
		fmt.Sprintf(`websocket "user:ann" [room:a by room:* true room:b by room:* true] %v`, ann.nc.LocalAddr()),
		fmt.Sprintf(`websocket "" [room:slow by room:* false] %v`, slow.nc.LocalAddr()),
		`longpoll "user:bob" [] 127.0.0.1:0`,
	}
	if !slices.Equal(shown, want) {
		t.Errorf("it shows\n%s\nwant\n%s", strings.Join(shown, "\n"), strings.Join(want, "\n"))
	}
}

func TestTopicsAndTheirChannelsAreShown(t *testing.T) {
	for name, history := range map[string]*ws.History{"": nil, "recorded": {}} {
		t.Run(name, func(t *testing.T) {
			socket := rooms(nil)
			socket.Channels[0].History = history
			testTopicsAreShown(t, serve(t, socket))
		})
	}
}

func testTopicsAreShown(t *testing.T, s *server) {
	ann, bob := s.connectWith(t, "user=ann"), s.connectWith(t, "user=bob")
	ann.join("room:a")
	ann.join("room:b")
	bob.join("room:a")
	// What else hears a topic is no channel of it: "user:ann" has none.
	program, err := actor.Spawn(s.sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"room:a", "room:nobody"} {
		if err := s.Subscribe(program.PID(), topic, hearer{}); err != nil {
			t.Fatal(err)
		}
	}
	topics := slices.Collect(s.Topics())
	slices.SortFunc(topics, func(a, b ws.TopicInfo) int { return strings.Compare(a.Topic, b.Topic) })
	if want := []ws.TopicInfo{{"room:a", "room:*", 2}, {"room:b", "room:*", 1}}; !slices.Equal(topics, want) {
		t.Errorf("topics %v, want %v", topics, want)
	}
	var on []string
	for c := range s.ChannelsOn("room:a") {
		on = append(on, c.SocketID)
		if i, ok := s.Connection(c.Connection); !ok || i.SocketID != c.SocketID {
			t.Errorf("the connection of %+v is %+v, %v", c, i, ok)
		}
		if !slices.ContainsFunc(slices.Collect(s.ChannelsOf(c.Connection)), func(of ws.ChannelInfo) bool { return of.PID == c.PID }) {
			t.Errorf("%v is no channel of its connection", c.PID)
		}
	}
	if want := []string{"user:bob", "user:ann"}; !slices.Equal(on, want) {
		t.Errorf("on the topic are %q, want %q", on, want)
	}
	if n := len(slices.Collect(s.Channels())); n != 3 {
		t.Errorf("%d channels, want 3", n)
	}
}

// hearer is a part of the program that hears broadcasts.
type hearer struct{}

func (hearer) Deliver(string, ws.Broadcast) {}

// A connection that ends while it is listed is shown as it was, or not at all; the walk goes
// on with those that stay, and none of those that have ended is listed from then on.
func TestConnectionsMayEndWhileTheyAreListed(t *testing.T) {
	s := serve(t, rooms(nil))
	for range 6 {
		s.connect(t).join("room:a")
	}
	shown := 0
	for c := range s.Connections() {
		shown++
		if shown%2 == 1 {
			c.PID.Exit(actor.Kill)
			<-ended(t, s.sys, c.PID)
			if n := len(slices.Collect(s.ChannelsOf(c.PID))); n != 0 {
				t.Errorf("an ended connection has %d channels", n)
			}
			if _, ok := s.Connection(c.PID); ok {
				t.Error("an ended connection is found")
			}
		}
	}
	if n := len(slices.Collect(s.Connections())); shown != 6 || n != 3 {
		t.Errorf("shown are %d connections, and then %d; want 6 and 3", shown, n)
	}
}

// ended returns what is closed when an actor has ended.
func ended(t testing.TB, sys *actor.System, pid actor.PID) <-chan struct{} {
	t.Helper()
	over := make(chan struct{})
	if !pid.Own(&epitaph{over}) {
		close(over)
	}
	return over
}

type epitaph struct{ over chan struct{} }

func (e *epitaph) Release(actor.PID, error) { close(e.over) }

// What waits for a client that does not read is counted, at its connection and in all.
func TestWaitingBytesAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, polling(nil))
		poller := s.pollClient(t, "")
		poller.token = poller.poll().Token
		poller.post(`["1","1","room:a","phx_join",{}]`)
		poller.poll()
		before := s.Stats().QueueBytes
		if err := s.Broadcast("room:a", "news", nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		of := 0
		for c := range s.Connections() {
			of += c.QueueBytes
		}
		if got := s.Stats(); before != 0 || of == 0 || of != got.QueueBytes || got.LongPolls != 1 {
			t.Errorf("%d bytes wait before, %d then, of which %d are shown", before, got.QueueBytes, of)
		}
		poller.poll()
		if got := s.Stats().QueueBytes; got != 0 {
			t.Errorf("%d bytes wait when all is read", got)
		}
	})
}

// It is the same behind a WebSocket, whether the client reads at last or is lost.
func TestWaitingBytesOfAWebSocketAreShown(t *testing.T) {
	for _, reads := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := serveInMemory(t, rooms(nil))
			c := s.connect(t)
			c.join("room:a")
			synctest.Wait()
			if got := s.Stats().QueueBytes; got != 0 {
				t.Errorf("%d bytes wait before anything is sent", got)
			}
			const news = `[null,null,"room:a","news",{}]`
			for range 3 {
				if err := s.Broadcast("room:a", "news", nil); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			of := 0
			for c := range s.Connections() {
				of += c.QueueBytes
			}
			if got := s.Stats().QueueBytes; got < 3*len(news) || of != got {
				t.Errorf("%d bytes wait, of which %d are shown; want three frames of %d bytes", got, of, len(news))
			}
			if reads {
				c.expect(news, news, news)
			} else {
				c.conn.CloseNow()
			}
			synctest.Wait()
			if got := s.Stats().QueueBytes; got != 0 {
				t.Errorf("%d bytes wait in the end; the client reads: %v", got, reads)
			}
		})
	}
}
