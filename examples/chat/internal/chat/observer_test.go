package chat

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

var quiet = slog.New(slog.DiscardHandler)

// runs runs the chat on an address of its own until the test ends, and returns that when
// all is there.
func runs(t *testing.T) (addr string) {
	t.Helper()
	for tries := 1; ; tries++ { // below the ports that the system gives others until the chat listens
		addr = fmt.Sprint("127.0.0.1:", 11_000+rand.IntN(19_000))
		l, err := net.Listen("tcp", addr)
		if err == nil {
			l.Close()
			break
		}
		if tries == 100 { // it is not that they are all taken
			t.Fatal(err)
		}
	}
	p := programOf(t, func() Config { return Config{} })(addr)
	p.Config.Logger = quiet
	started, ended := make(chan struct{}), make(chan error, 1)
	begin := p.OnStart
	p.OnStart = func(sys *actor.System, root supervisor.Tree) {
		begin(sys, root)
		close(started)
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-started:
	case err := <-ended:
		ended <- err
		t.Fatal("the chat has not started")
	}
	return addr
}

// joins joins a topic of a socket, until the test ends, and waits for the events that the
// server sends then.
func joins(t *testing.T, url, topic string, params func() any, events ...string) *wsclient.Channel {
	t.Helper()
	client, err := wsclient.Start(wsclient.Config{URL: url, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(context.Background()) })
	c := client.Channel(topic, params)
	came := make(chan struct{}, len(events))
	for _, event := range events {
		var once sync.Once
		c.On(event, func(wsclient.Message) { once.Do(func() { came <- struct{}{} }) })
	}
	if _, err := c.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range events {
		<-came
	}
	return c
}

func TestObserverShowsWhoIsInTheLobby(t *testing.T) {
	addr := runs(t)
	joins(t, "ws://"+addr+"/socket", "room:lobby", func() any { return Visitor{"ann"} }, "presence_state")
	inside := joins(t, "ws://"+addr+"/observer/socket", "observer", nil)
	answer, err := inside.Push(t.Context(), "topics", query.SocketsRequest{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	topics, err := ws.Decode[query.Topics](answer)
	want := query.TopicRow{Topic: "room:lobby", Route: "room:*", Channels: 1, Presence: 1}
	if err != nil || !slices.Contains(topics.Rows, want) {
		t.Errorf("the topics are %+v, %v, want %+v among them", topics.Rows, err, want)
	}
}
