package query_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// room is a channel that lets everybody in.
type room struct{}

func (*room) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

func TestSocketsLeadToChannelsAndTopics(t *testing.T) {
	e := wstest.NewEndpoint(t, ws.Socket{Path: "/socket", Channels: ws.Routes{
		ws.Topic("room:*", func() *room { return new(room) }, ws.Events[*room]{}),
	}})
	s := query.New(actortest.NewSystem(t, actortest.Silent()), query.Config{Endpoints: []*ws.Endpoint{e}})
	ann := wstest.NewClient(t, e, "/socket", ws.Identity{ID: "user:ann"})
	bob := wstest.NewClient(t, e, "/socket", ws.Identity{ID: "user:bob"})
	ann.Join("room:1", nil)
	ann.Join("room:2", nil)
	bob.Join("room:1", nil)

	all, err := s.Sockets(t.Context(), query.SocketsRequest{})
	if err != nil || all.Total != 2 || len(all.Rows) != 2 {
		t.Fatalf("sockets are %+v, %v", all, err)
	}
	some, err := s.Sockets(t.Context(), query.SocketsRequest{Filter: "ANN"})
	if err != nil || some.Total != 1 || some.Rows[0].PID != ann.PID().String() || some.Rows[0].ID != "user:ann" ||
		some.Rows[0].Channels != 2 || some.Rows[0].Path != "/socket" {
		t.Errorf("those of ann are %+v, %v", some, err)
	}
	topics, err := s.Topics(t.Context(), query.SocketsRequest{Filter: "room:1"})
	if err != nil || topics.Total != 1 || topics.Rows[0] != (query.TopicRow{Topic: "room:1", Route: "room:*", Channels: 2}) {
		t.Errorf("topics are %+v, %v", topics, err)
	}
	topic, err := s.Topic(t.Context(), query.TopicRequest{Topic: "room:2"})
	if err != nil || topic.Total != 1 || topic.Channels[0].Connection != ann.PID().String() || topic.Channels[0].Handler != "*query_test.room" {
		t.Errorf("room:2 is %+v, %v", topic, err)
	}
	if _, err := s.Sockets(t.Context(), query.SocketsRequest{Endpoint: "no such"}); err == nil {
		t.Error("an endpoint that there is not has sockets")
	}
}

// A channel whose client has lost its connection is there, and says so.
func TestATopicTellsWhatLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rooms := ws.Topic("room:*", func() *room { return new(room) }, ws.Events[*room]{})
		rooms.Linger = time.Minute
		e := wstest.NewEndpoint(t, ws.Socket{Path: "/socket", Channels: ws.Routes{rooms}})
		s := query.New(actortest.NewSystem(t, actortest.Silent()), query.Config{Endpoints: []*ws.Endpoint{e}})
		ann := wstest.NewClient(t, e, "/socket", ws.Identity{ID: "user:ann"})
		ann.Join("room:1", nil)
		for _, lingering := range []bool{false, true} {
			topic, err := s.Topic(t.Context(), query.TopicRequest{Topic: "room:1"})
			if err != nil || len(topic.Channels) != 1 || topic.Channels[0].Lingering != lingering || topic.Channels[0].ID != "user:ann" {
				t.Errorf("the topic is %+v, %v; want it to linger: %v", topic, err, lingering)
			}
			ann.Close()
			synctest.Wait()
		}
	})
}

// Those that may end a client's connection are told which actor is one.
func TestAnActorThatIsAConnectionIsSaidToBeOne(t *testing.T) {
	sys := actortest.NewSystem(t, actortest.Silent())
	e, err := ws.Start(sys, ws.Config{Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{
		ws.Topic("room:*", func() *room { return new(room) }, ws.Events[*room]{}),
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	s := query.New(sys, query.Config{Endpoints: []*ws.Endpoint{e}})
	t.Cleanup(s.Close)
	ann := wstest.NewClient(t, e, "/socket", ws.Identity{})
	ann.Join("room:1", nil)
	topic, err := s.Topic(t.Context(), query.TopicRequest{Topic: "room:1"})
	if err != nil || len(topic.Channels) != 1 {
		t.Fatalf("the topic is %+v, %v", topic, err)
	}
	for pid, want := range map[string]bool{ann.PID().String(): true, topic.Channels[0].PID: false} {
		if a, err := s.Actor(t.Context(), query.ActorRequest{PID: pid}); err != nil || a.Connection != want {
			t.Errorf("%s is %+v, %v, want a connection: %v", pid, a, err, want)
		}
	}
}
