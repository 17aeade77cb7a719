package room_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/room"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pad is a room in which clients count together. Its events do what they are named.
type pad struct {
	log   *log
	said  *pubsub.PubSub[string]
	room  *room.Room
	lines []int
	tally map[string]int
}

type add struct {
	N int `json:"n"`
}

func (p *pad) Start(r *room.Room) error {
	p.room, p.tally = r, map[string]int{}
	p.log.note("start %s", r.Topic())
	switch r.Topic() {
	case "pad:broken":
		return errors.New("the store is down")
	case "pad:hears":
		return room.SubscribeTo(p.said, r, r.Topic())
	case "pad:brief":
		r.SendAfter(time.Second, "stop")
	case "pad:slow":
		<-r.Context().Done()
		return r.Context().Err()
	}
	return nil
}

func (p *pad) Join(m *room.Member, in ws.Payload) (any, error) {
	p.log.note("join %s again=%v of %d", m.SocketID(), m.Again(), m.Room().Len())
	switch {
	case m.SocketID() == "banned":
		return nil, ws.Refuse(ws.Reason("banned"))
	case m.Room().Topic() == "pad:full" && m.Room().Len() > 1:
		return nil, ws.Refuse(p.tally)
	case m.Room().Topic() == "pad:crashjoin":
		panic("join")
	case m.Room().Topic() == "pad:tally":
		return p.tally, nil
	}
	return map[string]any{"lines": len(p.lines)}, errors.Join(
		m.Push("welcome", map[string]bool{"again": m.Again()}), m.BroadcastFrom("joined", map[string]string{"who": m.SocketID()}))
}

// Resumed does what its topic is named.
func (p *pad) Resumed(m *room.Member, r ws.Resumption) (any, error) {
	p.log.note("resumed %s of %d: missed %d, complete %v", m.SocketID(), m.Room().Len(), r.Missed, r.Complete)
	switch m.Room().Topic() {
	case "stay:banned":
		return nil, ws.Stop
	case "stay:refused":
		return nil, ws.Refuse(p.tally)
	case "stay:crash":
		panic("crash")
	}
	return p.tally, m.Push("back", nil)
}

func (p *pad) Leave(m *room.Member, reason error) {
	p.log.note("leave %s %v", m.SocketID(), reason)
	if m.Room().Topic() == "pad:crashleave" {
		panic("leave")
	}
}

func (p *pad) Terminate(_ *room.Room, reason error) { p.log.note("end %v", reason) }

func (p *pad) HandleInfo(r *room.Room, msg any) error {
	switch msg := msg.(type) {
	case actor.Down:
		p.log.note("down %v", msg.Reason)
	case actor.PID:
		r.Context().Monitor(msg)
	case func(*pad) error:
		return msg(p)
	case string:
		switch msg {
		case "stop":
			return ws.Stop
		case "crash":
			panic("crash")
		}
		return r.Broadcast("said", map[string]string{"what": msg})
	}
	return nil
}

func (p *pad) Add(m *room.Member, in add) (ws.Reply, error) {
	p.lines = append(p.lines, in.N)
	return ws.OK(map[string]int{"lines": len(p.lines)}), m.BroadcastFrom("added", in)
}

// Tally counts, and returns the map that it counts in.
func (p *pad) Tally(m *room.Member, _ struct{}) (ws.Reply, error) {
	p.tally[m.SocketID()]++
	return ws.OK(p.tally), nil
}

// Odd answers with what is no JSON.
func (p *pad) Odd(*room.Member, struct{}) (ws.Reply, error) { return ws.OK(func() {}), nil }

func (p *pad) Shout(m *room.Member, in ws.Payload) (ws.Reply, error) {
	return ws.NoReply, m.Broadcast("shouted", in)
}

func (p *pad) Bytes(m *room.Member, data []byte) (ws.Reply, error) {
	return ws.OK(ws.Binary(data)), nil
}

func (p *pad) Crash(*room.Member, struct{}) (ws.Reply, error) { panic("crash") }

func (p *pad) Fail(*room.Member, struct{}) (ws.Reply, error) {
	return ws.NoReply, errors.New("failed")
}

func (p *pad) Quit(*room.Member, struct{}) (ws.Reply, error) { return ws.OK(nil), ws.Stop }

func (p *pad) Wait(*room.Member, struct{}) (ws.Reply, error) {
	<-p.log.release
	return ws.OK(nil), nil
}

// Tell waits, and tells all by one.
func (p *pad) Tell(m *room.Member, _ struct{}) (ws.Reply, error) {
	<-p.log.release
	var errs []error
	for each := range m.Room().Members() {
		errs = append(errs, each.Push("told", nil))
	}
	return ws.OK(nil), errors.Join(errs...)
}

// Kick removes all others.
func (p *pad) Kick(m *room.Member, _ struct{}) (ws.Reply, error) {
	for other := range m.Room().Members() {
		if other != m {
			other.Remove()
		}
	}
	return ws.OK(nil), nil
}

var padEvents = room.Events[*pad]{
	"add": room.On((*pad).Add), "tally": room.On((*pad).Tally), "odd": room.On((*pad).Odd), "strict": room.OnStrict((*pad).Add), "shout": room.OnPayload((*pad).Shout),
	"bytes": room.OnBinary((*pad).Bytes), "crash": room.On((*pad).Crash), "fail": room.On((*pad).Fail),
	"quit": room.On((*pad).Quit), "wait": room.On((*pad).Wait), "tell": room.On((*pad).Tell), "kick": room.On((*pad).Kick),
}

// log is what the tests hear from rooms.
type log struct {
	mu      sync.Mutex
	lines   []string
	release chan struct{}
}

func (l *log) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

// expect waits until all is quiet and expects what was noted since it was last asked.
func (l *log) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if fmt.Sprintf("%q", l.lines) != fmt.Sprintf("%q", want) {
		t.Errorf("got  %q\nwant %q", l.lines, want)
	}
	l.lines = nil
}

// house is an endpoint with rooms, in a bubble.
type house struct {
	*ws.Endpoint
	t     *testing.T
	rooms *room.Rooms[*pad]
	tree  supervisor.Tree // of the rooms
	sys   *actor.System
	log   *log
	said  pubsub.PubSub[string] // what rooms may subscribe to
}

func open(t *testing.T, cfg room.Config) *house {
	t.Helper()
	h := &house{t: t, log: &log{release: make(chan struct{})}}
	h.rooms = room.New(cfg, func(string) *pad { return &pad{log: h.log, said: &h.said} }, padEvents)
	h.Endpoint = wstest.Start(t, func(sys *actor.System) (*ws.Endpoint, error) {
		h.sys = sys
		var err error
		if h.tree, err = h.rooms.Start(sys); err != nil {
			return nil, err
		}
		stay := h.rooms.Topic("stay:*")
		stay.Linger = time.Minute
		return ws.Start(sys, ws.Config{Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{h.rooms.Topic("pad:*"), stay}}}})
	})
	return h
}

func (h *house) client(id string) *wstest.Client {
	h.t.Helper()
	return wstest.NewClient(h.t, h.Endpoint, "/socket", ws.Identity{ID: id, Assigns: id})
}

// join connects a client and has it join, and takes its welcome.
func (h *house) join(id, topic string) *wstest.Channel {
	h.t.Helper()
	ch, _ := h.client(id).Join(topic, nil)
	ch.AssertPush("welcome", map[string]bool{"again": false})
	return ch
}
