package otel_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor/otel"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// parlor is a channel.
type parlor struct{}

func (*parlor) Join(_ *ws.Channel, topic string, _ ws.Payload) (any, error) {
	switch topic {
	case "parlor:private":
		return nil, ws.Refuse(ws.Reason("private"))
	case "parlor:broken":
		return nil, errors.New("no chairs")
	}
	return nil, nil
}

func (*parlor) say(*ws.Channel, struct{}) (ws.Reply, error)   { return ws.OK(nil), nil }
func (*parlor) muse(*ws.Channel, struct{}) (ws.Reply, error)  { return ws.NoReply, nil }
func (*parlor) sulk(*ws.Channel, struct{}) (ws.Reply, error)  { return ws.Error(nil), nil }
func (*parlor) nod(*ws.Channel, struct{}) (ws.Reply, error)   { return ws.Status("nodded", nil), nil }
func (*parlor) leave(*ws.Channel, struct{}) (ws.Reply, error) { return ws.OK(nil), ws.Stop }
func (*parlor) shout(*ws.Channel, struct{}) (ws.Reply, error) { panic("at the top of the voice") }

// parlors is a socket of parlors.
func parlors() ws.Socket {
	return ws.Socket{Path: "/socket", Channels: ws.Routes{ws.Topic("parlor:*", func() *parlor { return &parlor{} }, ws.Events[*parlor]{
		"say": ws.On((*parlor).say), "muse": ws.On((*parlor).muse), "sulk": ws.On((*parlor).sulk),
		"nod": ws.On((*parlor).nod), "leave": ws.On((*parlor).leave), "shout": ws.On((*parlor).shout),
	})}}
}

// What happens on a socket is measured by routes, events and what has come of them.
func TestSocketsAreMeasured(t *testing.T) {
	m := measure(t, new(otel.Metrics))
	told := make(chan ws.Observation, 100)
	socket := parlors()
	socket.Observe = func(o ws.Observation) { told <- o }
	endpoint := wstest.NewEndpoint(t, m.Socket(socket))
	m.Endpoint(endpoint)
	client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{})
	client.JoinRefused("parlor:private", nil)
	client.JoinRefused("parlor:broken", nil)
	for i, event := range []string{"say", "sulk", "nod", "leave"} {
		room, _ := client.Join(fmt.Sprint("parlor:", i), nil)
		room.Push("muse", nil)
		room.AssertReply(room.Push("dance", nil), "error")
		room.Push(event, nil)
		if event == "leave" {
			room.AssertClose()
		}
	}
	room, _ := client.Join("parlor:loud", nil)
	room.Push("shout", nil)
	if room.AssertCrash() == nil {
		t.Error("no crash")
	}
	client.Close()
	for range 1 + 7 + 13 + 5 + 1 { // connected, joined, handled, ended, disconnected
		<-told
	}
	m.expect("troupe.ws.connect.duration", map[string]int64{"/socket ok websocket": 1})
	m.expect("troupe.ws.connection.closed", map[string]int64{"1006 /socket": 1})
	m.expect("troupe.ws.join.duration", map[string]int64{"parlor:* ok": 5, "parlor:* refused": 1, "parlor:* crash": 1})
	m.expect("troupe.ws.event.duration", map[string]int64{
		"muse parlor:* none": 4, "other parlor:* error": 4, "say parlor:* ok": 1, "sulk parlor:* error": 1,
		"nod parlor:* other": 1, "leave parlor:* ok": 1, "shout parlor:* crash": 1,
	})
	m.expect("troupe.ws.event.wait_time", map[string]int64{"parlor:*": 13})
	m.expect("troupe.ws.channel.ended", map[string]int64{"normal parlor:*": 1, "panic parlor:*": 1, "shutdown parlor:*": 3})
	m.expect("troupe.ws.connection.accepted", map[string]int64{"": 1})
	m.expect("troupe.ws.channel.joined", map[string]int64{"": 5})
	m.expect("troupe.ws.channel.refused", map[string]int64{"": 2})
	m.expect("troupe.ws.channel.failed", map[string]int64{"": 1})
}

// What lingers is counted, and so is what has come back, and what had no room to stay.
func TestWhatLingersIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := measure(t, new(otel.Metrics))
		socket := parlors()
		socket.Channels[0].Linger, socket.MaxLingering = time.Minute, 2
		endpoint := wstest.NewEndpoint(t, m.Socket(socket))
		m.Endpoint(endpoint)
		counts := func(open, lingering, resumed, refused int64) {
			t.Helper()
			synctest.Wait()
			for name, want := range map[string]int64{
				"open": open, "lingering": lingering, "resumed": resumed, "linger_refused": refused,
			} {
				if got := m.series("troupe.ws.channel." + name)[""]; got != want {
					t.Errorf("%s: %d, want %d", name, got, want)
				}
			}
		}
		client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{})
		_, reply := client.Join("parlor:1", nil)
		client.Join("parlor:2", nil)
		client.Join("parlor:3", nil)
		counts(3, 0, 0, 0)
		client.Close()
		counts(2, 2, 0, 1)
		var welcome struct {
			Token string `json:"resume_token"`
		}
		if err := json.Unmarshal(reply.Bytes(), &welcome); err != nil {
			t.Fatal(err)
		}
		client = wstest.NewClient(t, endpoint, "/socket", ws.Identity{})
		client.Join("parlor:1", map[string]string{"resume_token": welcome.Token})
		counts(2, 1, 1, 1)
		time.Sleep(time.Minute) // nobody comes back to the other
		counts(1, 0, 1, 1)
		m.expect("troupe.ws.channel.joined", map[string]int64{"": 3})
		m.expect("troupe.ws.channel.ended", map[string]int64{"shutdown parlor:*": 2})
	})
}

// Whatever clients and programs make up, no metric has more than 200 series.
func TestSeriesOfSocketsAreBounded(t *testing.T) {
	m := measure(t, new(otel.Metrics))
	var told int
	socket := m.Socket(ws.Socket{Path: "/socket", Observe: func(ws.Observation) { told++ }})
	const n = 10_000
	var end ws.Disconnected
	for i := range n {
		end.Code++
		made := fmt.Sprint("made up ", i)
		end.Path, end.Transport = made, made
		for _, o := range []ws.Observation{
			ws.Connected{Path: made, Transport: made, Version: made, SocketID: made},
			end,
			ws.Joined{Topic: made, Route: "room:*", SocketID: made},
			ws.Joined{Topic: made, Route: made, Err: errors.New(made)},
			ws.Handled{Topic: made, Route: "room:*", Event: made, Status: made},
			ws.Handled{Topic: made, Route: made, Event: made, Known: true, Status: made},
			ws.Ended{Topic: made, Route: "room:*", Reason: errors.New(made)},
			ws.Ended{Topic: made, Route: made, Reason: errors.New(made)},
		} {
			socket.Observe(o)
		}
	}
	if told != 8*n {
		t.Errorf("the socket's own Observe was called %d times, want %d", told, 8*n)
	}
	for name := range m.read() {
		if series := m.series(name); len(series) > 200 {
			t.Errorf("%s has %d series", name, len(series))
		}
	}
	if got := m.series("troupe.ws.event.duration")["other room:* other"]; got != n {
		t.Errorf("%d events made up by clients, want %d", got, n)
	}
}
