package ws_test

import (
	"regexp"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
)

// slowDesk lets nobody in until release is closed.
type slowDesk struct{ release <-chan struct{} }

func (d *slowDesk) Join(*ws.Channel, string, ws.Payload) (any, error) {
	<-d.release
	return nil, nil
}

var pidText = regexp.MustCompile(`<0\.\d+>`)

// A snapshot says which connection a session stands for, and which channel of it a
// channel: with its handler, whether Join runs still or is over, in one line however the
// client calls a topic.
func TestASnapshotShowsClientsAndTheirChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		socket := rooms(nil)
		socket.Channels = append(socket.Channels,
			ws.Topic("slow", func() *slowDesk { return &slowDesk{release} }, nil),
			ws.Topic("any", func() ws.Handler { return new(desk) }, nil))
		s := serveInMemory(t, socket)
		ann := s.connectWith(t, "user=ann")
		for _, topic := range []string{"room:a", "room:b", "any"} {
			ann.join(topic)
		}
		synctest.Wait()
		bob := s.connectWith(t, "")
		bob.join("room:a\nb")
		bob.send(`["9","9","slow","phx_join",{}]`)
		synctest.Wait()

		var sessions string
		for _, n := range supervisor.SnapshotOf(t.Context(), s.PID()).Children {
			for _, session := range n.Children {
				sessions += pidText.ReplaceAllString(session.String(), "<>")
			}
		}
		if want := `<> (/socket websocket user:ann) supervisor idle
├─ <> (room:a *ws_test.room) idle
├─ <> (room:b *ws_test.room) idle
└─ <> (any *ws_test.desk) idle
<> (/socket websocket) supervisor idle
├─ <> (room:a\nb *ws_test.room) idle
└─ <> (slow *ws_test.slowDesk) running
`; sessions != want {
			t.Errorf("got\n%s\nwant\n%s", sessions, want)
		}
		labels := map[string]int{}
		for _, pid := range s.sys.Actors() {
			if info, ok := pid.Info(); ok && info.Label != "" {
				labels[info.Label]++
			}
		}
		// Those seven, and the endpoint's own children, which are labelled with their IDs.
		if len(labels) != 9 || labels["sockets"] != 1 || labels["closing"] != 1 || labels["room:a *ws_test.room"] != 1 || labels["/socket websocket user:ann"] != 1 {
			t.Errorf("labels %v", labels)
		}
		close(release)
	})
}

// The label is asked for while clients join, leave and crash: the race detector says
// whether that may be.
func TestLabelsAreAskedForBesideTheChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, rooms(nil))
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
					supervisor.Snapshot(t.Context(), s.sys)
				}
			}
		}()
		c := s.reader(t, "2.0.0")
		for range 50 {
			c.send(`["1","1","room:a","phx_join",{}]`)
			<-c.got
			c.send(`["1","2","room:a","crash",{}]`)
			<-c.got
		}
		close(stop)
		<-stopped
	})
}
