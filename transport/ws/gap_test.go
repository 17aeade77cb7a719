package ws_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws"
)

// leaky is a node's way to the others, on which a test has something missed.
type leaky struct {
	pubsub.Adapter
	pubsub.Receiver // since Join
}

func (l *leaky) Join(r pubsub.Receiver) error {
	l.Receiver = r
	return l.Adapter.Join(r)
}

// missed tells the node of messages that were lost on a topic of its endpoint's.
func (l *leaky) missed(topic string, n uint64) {
	l.Missed(pubsub.Gap{Topic: "troupe.ws/" + topic, Messages: n})
}

func (l *leaky) missedAnywhere(n uint64) { l.Missed(pubsub.Gap{Anywhere: true, Messages: n}) }

// ticker is a channel that pushes what it is told of gaps, and does on them what its topic
// is called by.
type ticker struct{ log *record }

func (h *ticker) Join(c *ws.Channel, topic string, _ ws.Payload) (any, error) {
	if topic == "gaps:join" {
		h.log.entered <- struct{}{}
		<-h.log.release
	}
	return nil, nil
}

func (h *ticker) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	switch event {
	case "listen":
		return ws.OK(nil), c.Subscribe("news")
	case "wait":
		h.log.entered <- struct{}{}
		<-h.log.release
	}
	return ws.OK(nil), nil
}

func (h *ticker) HandleInfo(c *ws.Channel, msg any) error {
	return c.Push("info", map[string]string{"event": msg.(ws.Broadcast).Event})
}

func (h *ticker) Intercepts() []string { return []string{"whisper"} }

func (h *ticker) HandleOut(c *ws.Channel, event string, _ ws.Payload) error {
	return c.Push("out", map[string]string{"event": event})
}

func (h *ticker) HandleGap(c *ws.Channel, g pubsub.Gap) error {
	switch c.Topic() {
	case "gaps:panic":
		panic("gap")
	case "gaps:goexit":
		runtime.Goexit()
	case "gaps:error":
		return errors.New("gap")
	case "gaps:stop":
		return ws.Stop
	case "gaps:block":
		h.log.entered <- struct{}{}
		<-h.log.release
	}
	return c.Push("gap", map[string]any{"topic": g.Topic, "messages": g.Messages, "anywhere": g.Anywhere})
}

func (h *ticker) Terminate(_ *ws.Channel, reason error) { h.log.terminated <- reason }

// serveGaps serves tickers, and rooms that do not want to know, on a node of which the way to
// the others is leaky.
func serveGaps(t *testing.T, log *record) (*server, *leaky) {
	t.Helper()
	way := &leaky{Adapter: new(pubsub.Hub).Node("a")}
	socket := rooms(newRecord())
	socket.MaxUnhandled = 1 << 10
	socket.Channels = append(socket.Channels, ws.Topic("gaps:*", func() *ticker { return &ticker{log: log} }, nil))
	return serveNode(t, pubsub.NewCluster(way), socket), way
}

func gapOn(channel, topic string, messages int, anywhere bool) string {
	return fmt.Sprintf(`["1",null,%q,"gap",{"topic":%q,"messages":%d,"anywhere":%v}]`, channel, topic, messages, anywhere)
}

// A channel is told of what was missed on its topics, and of what may have been; one that
// does not want to know is not, and neither is one that has ended.
func TestChannelsAreToldOfGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, way := serveGaps(t, newRecord())
		c := s.connect(t)
		c.join("gaps:1")
		c.join("room:1")
		way.missed("gaps:1", 3)
		c.expect(gapOn("gaps:1", "gaps:1", 3, false))
		way.missed("gaps:2", 1)
		way.missed("room:1", 1)
		way.missedAnywhere(2)
		c.expect(gapOn("gaps:1", "gaps:1", 2, true))
		way.missed("news", 1)
		synctest.Wait()
		c.heartbeat()

		c.send(`["1","2","gaps:1","listen",{}]`)
		c.expect(`["1","2","gaps:1","phx_reply",{"status":"ok","response":{}}]`)
		way.missed("news", 4)
		c.expect(gapOn("gaps:1", "news", 4, false))

		c.send(`["1","3","gaps:1","phx_leave",{}]`)
		c.expect(`["1","3","gaps:1","phx_reply",{"status":"ok","response":{}}]`, `["1","1","gaps:1","phx_close",{}]`)
		way.missedAnywhere(1)
		synctest.Wait()
		c.heartbeat()
	})
}

// On a topic that is recorded it is told as well, once: one that is new there, and one whose client
// comes back to what it has missed.
func TestChannelsOnRecordedTopicsAreToldOfGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		adapter := &holed{Adapter: new(pubsub.Hub).Node("a")}
		socket := rooms(newRecord())
		socket.Channels[0] = ws.Topic("room:*", func() *ticker { return &ticker{log: newRecord()} }, nil)
		socket.Channels[0].History = new(ws.History)
		s := serveNode(t, pubsub.NewCluster(adapter), socket)
		told := func(c *client, messages uint64) {
			t.Helper()
			adapter.receiver.Missed(pubsub.Gap{Topic: "troupe.ws/room:a", Messages: messages})
			want := fmt.Sprintf(`{"anywhere":false,"messages":%d,"topic":"room:a"}`, messages)
			if got := c.hear(); got.event != "gap" || got.payload != want {
				t.Fatalf("got %v, want a gap %s", got, want)
			}
		}
		c := s.connect(t)
		c.joinSince("null")
		told(c, 2)
		s.news(t, 1, 1)
		last := c.hear()
		c.conn.CloseNow()
		synctest.Wait()
		s.news(t, 2, 2)
		c = s.connect(t)
		c.joinSince(strconv.Quote(last.ref))
		if got := c.hear(); got.payload != `{"n":2}` {
			t.Fatalf("got %v, want what was missed", got)
		}
		told(c, 3)
		c.heartbeat()
	})
}

// While a channel is busy its gaps are added up, one for each of its topics; what was
// delivered before the gap is handled, and goes to the client, before it.
func TestGapsAreAddedUpWhileAChannelIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newRecord()
		s, way := serveGaps(t, log)
		c := s.connect(t)
		c.join("gaps:1")
		c.send(`["1","2","gaps:1","listen",{}]`)
		c.expect(`["1","2","gaps:1","phx_reply",{"status":"ok","response":{}}]`)
		c.send(`["1","3","gaps:1","wait",{}]`)
		<-log.entered
		for _, topic := range []string{"gaps:1", "news"} {
			if err := errors.Join(s.Broadcast("gaps:1", "whisper", nil), s.Broadcast("news", "before", nil)); err != nil {
				t.Fatal(err)
			}
			for range 1000 {
				way.missed(topic, 2)
			}
		}
		way.missedAnywhere(1)
		if err := s.Broadcast("news", "after", nil); err != nil {
			t.Fatal(err)
		}
		log.free()
		const info, out = `["1",null,"gaps:1","info",{"event":%q}]`, `["1",null,"gaps:1","out",{"event":"whisper"}]`
		c.expect(`["1","3","gaps:1","phx_reply",{"status":"ok","response":{}}]`,
			out, fmt.Sprintf(info, "before"), gapOn("gaps:1", "gaps:1", 2001, true),
			out, fmt.Sprintf(info, "before"), gapOn("gaps:1", "news", 2001, true),
			fmt.Sprintf(info, "after"))
		c.heartbeat()
	})
}

// A gap that comes while Join runs is told behind its answer.
func TestGapsWaitForTheJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newRecord()
		s, way := serveGaps(t, log)
		c := s.connect(t)
		c.send(`["1","1","gaps:join","phx_join",{}]`)
		<-log.entered
		way.missed("gaps:join", 1) // of which Join can know
		log.free()
		c.expect(`["1","1","gaps:join","phx_reply",{"status":"ok","response":{}}]`)
		way.missed("gaps:join", 2)
		c.expect(gapOn("gaps:join", "gaps:join", 2, false))
	})
}

// What a handler does wrong on a gap costs its channel, as anywhere.
func TestFaultsOfHandleGap(t *testing.T) {
	const crashed = `["1","1",%q,"phx_error",{"reason":"channel_crash"}]`
	for topic, want := range map[string]string{
		"gaps:panic": crashed, "gaps:goexit": crashed, "gaps:error": crashed,
		"gaps:stop":  `["1","1",%q,"phx_close",{}]`,
		"gaps:block": crashed,
	} {
		t.Run(topic, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newRecord()
				s, way := serveGaps(t, log)
				c, other := s.connect(t), s.connect(t)
				c.join(topic)
				other.join("gaps:other")
				way.missed(topic, 1)
				way.missed("gaps:other", 1)
				other.expect(gapOn("gaps:other", "gaps:other", 1, false))
				other.heartbeat()
				if topic == "gaps:block" { // until it holds its connection up for an IdleTimeout
					<-log.entered
					defer log.free()
					go c.flood(topic, "x", 1000, 3)
					time.Sleep(59 * time.Second)
				}
				c.expect(fmt.Sprintf(want, topic))
			})
		})
	}
}

// A part of the program that is no channel is told as well, until it unsubscribes; one that
// fails takes nobody along.
func TestSubscribersAreToldOfGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, way := serveGaps(t, newRecord())
		owner := func() actor.PID {
			ref, err := actor.Spawn(s.sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
			if err != nil {
				t.Fatal(err)
			}
			return ref.PID()
		}
		good, bad, hanging := owner(), owner(), owner()
		var told []uint64
		hang := make(chan struct{})
		for pid, f := range map[actor.PID]onGap{
			good:    func(_ string, g pubsub.Gap) { told = append(told, g.Messages) },
			bad:     func(string, pubsub.Gap) { panic("gap") },
			hanging: func(string, pubsub.Gap) { <-hang },
		} {
			if err := s.SubscribeGaps(pid, "room:1", f); err != nil {
				t.Fatal(err)
			}
		}
		way.missed("room:1", 1)
		time.Sleep(2 * time.Second) // the patience with one that hangs
		way.missedAnywhere(2)
		synctest.Wait()
		close(hang)
		if !good.Alive() || bad.Alive() || hanging.Alive() || !slices.Equal(told, []uint64{1, 2}) {
			t.Errorf("told %v; alive: %v, %v, %v", told, good.Alive(), bad.Alive(), hanging.Alive())
		}
		s.Unsubscribe(good, "room:1")
		way.missed("room:1", 3)
		synctest.Wait()
		if len(told) != 2 {
			t.Errorf("told %v after the end of the subscription", told)
		}
		if err := s.SubscribeGaps(bad, "room:1", onGap(nil)); !errors.Is(err, actor.NoProc) {
			t.Errorf("an actor that has ended: %v", err)
		}
	})
}

// onGap is a subscriber to gaps.
type onGap func(topic string, g pubsub.Gap)

func (f onGap) Deliver(topic string, g pubsub.Gap) { f(topic, g) }
