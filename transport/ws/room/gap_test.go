package room_test

import (
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/room"
	"github.com/troupe-go/troupe/transport/ws/wstest"
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

// wary is a pad that shows its members what it is told of gaps, and does on them what its
// topic is called by.
type wary struct {
	pad
	log *log
}

func (w *wary) Join(m *room.Member, in ws.Payload) (any, error) { return nil, nil }

func (w *wary) Start(r *room.Room) error {
	w.log.note("start")
	if r.Topic() == "pad:hears" {
		return room.SubscribeTo(w.said, r, "news")
	}
	return nil
}

func (w *wary) HandleGap(r *room.Room, g pubsub.Gap) error {
	switch r.Topic() {
	case "pad:panic":
		panic("gap")
	case "pad:goexit":
		runtime.Goexit()
	case "pad:error":
		return errors.New("gap")
	case "pad:stop":
		return ws.Stop
	}
	return r.Broadcast("gap", map[string]any{"topic": g.Topic, "messages": g.Messages})
}

// openWary is open with rooms that want to hear of gaps, on a node with a leaky way to others.
func openWary(t *testing.T) (*wstest.Client, *log, *leaky) {
	t.Helper()
	log := &log{release: make(chan struct{})}
	way := &leaky{Adapter: new(pubsub.Hub).Node("a")}
	cluster, said := pubsub.NewCluster(way), new(pubsub.PubSub[string])
	rooms := room.New(room.Config{Linger: time.Second}, func(string) *wary {
		return &wary{pad{log: log, said: said}, log}
	}, room.Events[*wary]{"wait": room.On(func(w *wary, m *room.Member, in struct{}) (ws.Reply, error) { return w.Wait(m, in) })})
	endpoint := wstest.Start(t, func(sys *actor.System) (*ws.Endpoint, error) {
		if _, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{supervisor.Actor("cluster", cluster.Behavior), rooms.Child()}}); err != nil {
			return nil, err
		}
		if err := said.Connect(cluster, "said", pubsub.JSON[string]{}); err != nil {
			return nil, err
		}
		return ws.Start(sys, ws.Config{Cluster: cluster, Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{rooms.Topic("pad:*")}}}})
	})
	return wstest.NewClient(t, endpoint, "/socket", ws.Identity{}), log, way
}

// A room is told of what was missed on its topic and on those that it has subscribed to, once
// however many members it has, and added up while it is busy; one without members as well, and
// one that has crashed when it is back.
func TestRoomsAreToldOfGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, log, way := openWary(t)
		join := func() *wstest.Channel { ch, _ := client.Join("pad:hears", nil); return ch }
		ch := join()
		expect := func(topic string, n int) {
			t.Helper()
			ch.AssertPush("gap", map[string]any{"topic": topic, "messages": n})
		}
		missed := func(topic string, n uint64) { way.Missed(pubsub.Gap{Topic: topic, Messages: n}) }
		missed("troupe.ws/pad:hears", 1)
		expect("pad:hears", 1)
		missed("said/news", 2)
		expect("news", 2)
		missed("said/other", 1)
		missed("troupe.ws/pad:other", 1)
		ch.RefutePush("gap")

		waits := ch.Push("wait", nil)
		synctest.Wait()
		for range 100 {
			missed("troupe.ws/pad:hears", 3)
		}
		way.Missed(pubsub.Gap{Anywhere: true, Messages: 1})
		close(log.release)
		ch.AssertReply(waits, "ok")
		expect("pad:hears", 301)
		expect("news", 1)

		ch.AssertReply(ch.Leave(), "ok")
		synctest.Wait()
		missed("said/news", 2) // it lingers, and nobody hears what it says
		synctest.Wait()
		ch = join()
		missed("troupe.ws/pad:hears", 4)
		expect("pad:hears", 4)
		ch.RefutePush("gap")
		log.expect(t, "start", "leave  shutdown: left")
	})
}

// What a room does wrong on a gap is its crash, or its end.
func TestFaultsOfARoomOnAGap(t *testing.T) {
	for topic, end := range map[string]string{
		"pad:panic": "panic: gap", "pad:goexit": "handler called runtime.Goexit", "pad:error": "gap", "pad:stop": "normal",
	} {
		t.Run(topic, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, log, way := openWary(t)
				ch, _ := client.Join(topic, nil)
				way.Missed(pubsub.Gap{Topic: "troupe.ws/" + topic, Messages: 1})
				if topic == "pad:stop" {
					ch.AssertClose()
					log.expect(t, "start", "end "+end)
					return
				}
				ch.AssertCrash()
				time.Sleep(time.Minute) // it is restarted, and nobody comes
				log.expect(t, "start", "end "+end, "start", "end shutdown")
			})
		})
	}
}
