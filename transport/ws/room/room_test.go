package room_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/room"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// Those on one topic share a room, and it is told who comes and who has gone.
func TestMembersShareARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		ann := h.join("ann", "pad:1")
		ann.AssertReply(ann.Push("add", add{7}), "ok", map[string]int{"lines": 1})
		bob, shown := h.client("bob").Join("pad:1", nil)
		if string(shown.Bytes()) != `{"lines":1}` {
			t.Errorf("shown %s", shown.Bytes())
		}
		bob.AssertPush("welcome")
		ann.AssertPush("joined", map[string]string{"who": "bob"})
		bob.AssertReply(bob.Push("add", add{8}), "ok", map[string]int{"lines": 2})
		ann.AssertPush("added", add{8})
		bob.RefutePush("added")
		bob.Push("shout", map[string]int{"x": 1})
		ann.AssertPush("shouted", map[string]int{"x": 1})
		bob.AssertPush("shouted", map[string]int{"x": 1})
		other := h.join("ann", "pad:2")
		other.AssertReply(other.Push("add", add{9}), "ok", map[string]int{"lines": 1})
		ann.RefutePush("added")

		bob.AssertReply(bob.Leave(), "ok")
		h.log.expect(t, "start pad:1", "join ann again=false of 1", "join bob again=false of 2",
			"start pad:2", "join ann again=false of 1", "leave bob shutdown: left")
		other.AssertReply(other.Leave(), "ok")
		h.log.expect(t, "leave ann shutdown: left", "end shutdown")
		if n := h.rooms.Count(); n != 1 {
			t.Errorf("%d rooms", n)
		}
	})
}

// What is wrong with a payload is found in the channel; what the room returns means what it
// means in a channel.
func TestEventsOfARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		ann, bob := h.join("ann", "pad:1"), h.join("bob", "pad:1")
		ann.AssertReply(ann.Push("add", map[string]string{"n": "x"}), "error",
			map[string]any{"reason": "invalid payload", "fields": map[string]string{"n": "must be an integer, not a string"}})
		ann.AssertReply(ann.Push("strict", map[string]int{"n": 1, "m": 2}), "error")
		ann.AssertReply(ann.Push("bytes", ws.Binary([]byte("abc"))), "ok", ws.Binary([]byte("abc")))
		ann.AssertReply(ann.Push("nonsense", nil), "error", ws.Reason("unknown event"))
		ann.Push("fail", nil)
		if err := ann.AssertCrash(); err == nil || err.Error() != "failed" {
			t.Errorf("crashed with %v", err)
		}
		bob.AssertReply(bob.Push("add", add{1}), "ok", map[string]int{"lines": 1})
		bob.AssertReply(bob.Push("quit", nil), "ok")
		bob.AssertClose()
	})
}

// A room may answer with its own map: it is read in the room's turn, before another event
// changes it.
func TestAnswersAreReadInTheRoomsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		ann, _ := h.client("ann").Join("pad:tally", nil)
		for range 50 {
			ref := ann.Push("tally", nil)
			bob, _ := h.client("bob").Join("pad:tally", nil)
			for range 5 {
				ann.Push("tally", nil)
				bob.AssertReply(bob.Push("tally", nil), "ok")
			}
			ann.AssertReply(ref, "ok")
			bob.AssertReply(bob.Leave(), "ok")
		}
		ann.AssertReply(ann.Push("tally", nil), "ok", map[string]int{"ann": 301, "bob": 250})
		ann.Push("odd", nil)
		if err := ann.AssertCrash(); err == nil || !strings.Contains(err.Error(), "unsupported type") {
			t.Errorf("crashed with %v", err)
		}
	})
}

// So is what it refuses a client with.
func TestRefusalsAreReadInTheRoomsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		ann := h.join("ann", "pad:full")
		for round := range 20 {
			for range 20 {
				ann.Push("tally", nil)
			}
			h.client("bob").JoinRefused("pad:full", nil)
			ann.AssertReply(ann.Push("tally", nil), "ok", map[string]int{"ann": 21 * (round + 1)})
		}
	})
}

func TestRefusedByTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		h.client("banned").JoinRefused("pad:1", nil, ws.Reason("banned"))
		h.log.expect(t, "start pad:1", "join banned again=false of 1", "end shutdown") // and lets go of the room
		h.client("ann").JoinRefused("pad:broken", nil, ws.Reason("join failed"))
		if n := h.rooms.Count(); n != 0 {
			t.Errorf("%d rooms", n)
		}
	})
}

// A room lingers when the last has left, as it was, and ends if nobody comes.
func TestRoomLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{Linger: time.Minute})
		ann := h.join("ann", "pad:1")
		ann.AssertReply(ann.Push("add", add{7}), "ok")
		ann.AssertReply(ann.Leave(), "ok")
		time.Sleep(59 * time.Second)
		bob, shown := h.client("bob").Join("pad:1", nil)
		if string(shown.Bytes()) != `{"lines":1}` {
			t.Errorf("shown %s", shown.Bytes())
		}
		time.Sleep(time.Hour) // while there is somebody it stays
		h.log.expect(t, "start pad:1", "join ann again=false of 1", "leave ann shutdown: left", "join bob again=false of 1")
		bob.AssertReply(bob.Leave(), "ok")
		time.Sleep(59 * time.Second)
		h.log.expect(t, "leave bob shutdown: left")
		time.Sleep(2 * time.Second)
		h.log.expect(t, "end shutdown")
		if h.rooms.Count() != 0 || h.rooms.Send("pad:1", "crash") {
			t.Error("there is a room left")
		}
		if _, shown := h.client("ann").Join("pad:1", nil); string(shown.Bytes()) != `{"lines":0}` {
			t.Errorf("shown %s", shown.Bytes())
		}
	})
}

// However a channel ends, its room hears of it.
func TestRoomHearsOfEachEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		h.join("ann", "pad:1")
		h.log.expect(t, "start pad:1", "join ann again=false of 1")
		bob := h.client("bob")
		bob.Join("pad:1", nil)
		bob.Close()
		h.log.expect(t, "join bob again=false of 2", "leave bob shutdown: connection closed")
		cid := h.client("cid")
		cid.Join("pad:1", nil)
		cid.Join("pad:1", nil)
		h.log.expect(t, "join cid again=false of 2", "leave cid shutdown: joined again", "join cid again=false of 2")
		dan := h.join("dan", "pad:1")
		dan.PID().Exit(actor.Kill)
		dan.AssertCrash()
		h.log.expect(t, "join dan again=false of 3", "leave dan killed")
	})
}

// By default a crash of the room sends its clients back: they join the restarted one.
// A room hears of its last member's end also when it ends for that.
func TestLastMembersAreToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		client := h.client("ann")
		const rooms = 100
		for i := range rooms {
			client.Join(fmt.Sprintf("pad:last%d", i), nil)
		}
		client.Close() // all of them at once
		synctest.Wait()
		h.log.mu.Lock()
		defer h.log.mu.Unlock()
		counts := map[string]int{}
		for _, line := range h.log.lines {
			counts[strings.TrimSuffix(line, fmt.Sprint(" ", ws.Closed))]++
		}
		if left, ended := counts["leave ann"], counts["end shutdown"]; left != rooms || ended != rooms {
			t.Errorf("%d rooms have ended, and %d were told that their member has gone", ended, left)
		}
	})
}

// A Leave that panics in the room's end costs neither the room's clean-up nor the next room.
func TestALeaveThatPanicsInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		ann := h.join("ann", "pad:crashleave")
		bob := h.client("bob")
		bob.Join("pad:crashleave", nil)
		h.rooms.Send("pad:crashleave", func(*pad) error {
			<-h.log.release
			return ws.Stop
		})
		bob.Close()
		synctest.Wait() // bob's channel has ended, and the room learns of it in its end
		close(h.log.release)
		h.log.expect(t, "start pad:crashleave", "join ann again=false of 1", "join bob again=false of 2",
			"leave bob shutdown: connection closed", "end normal")
		ann.AssertCrash()
		h.join("ann", "pad:crashleave")
		h.log.expect(t, "start pad:crashleave", "join ann again=false of 1")
	})
}

func TestCrashOfARoomSendsItsClientsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		ann, bob := h.join("ann", "pad:1"), h.join("bob", "pad:1")
		other := h.join("ann", "pad:2")
		ann.AssertReply(ann.Push("crash", nil), "error", ws.Reason("room has ended"))
		for _, ch := range []*wstest.Channel{ann, bob} {
			if reason := ch.AssertCrash(); reason == nil || ch.PID().Crashed() {
				t.Errorf("ended with %v: the crash is the room's", reason)
			}
		}
		again, shown := h.client("ann").Join("pad:1", nil) // waits for the restart
		if string(shown.Bytes()) != `{"lines":0}` {
			t.Errorf("shown %s", shown.Bytes())
		}
		again.AssertReply(again.Push("add", add{1}), "ok", map[string]int{"lines": 1})
		other.AssertReply(other.Push("add", add{1}), "ok", map[string]int{"lines": 1})
	})
}

// By choice its members go on with the restarted room, which knows that it had them.
func TestMembersStayOverACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{OnCrash: room.Stay})
		ann, bob := h.join("ann", "pad:1"), h.join("bob", "pad:1")
		h.log.expect(t, "start pad:1", "join ann again=false of 1", "join bob again=false of 2")
		ann.AssertReply(ann.Push("crash", nil), "error", ws.Reason("room has ended"))
		for _, ch := range []*wstest.Channel{ann, bob} {
			ch.AssertPush("welcome", map[string]bool{"again": true})
		}
		ann.AssertReply(ann.Push("add", add{1}), "ok", map[string]int{"lines": 1})
		bob.AssertPush("added", add{1})
		bob.AssertReply(bob.Leave(), "ok")
		ann.AssertReply(ann.Leave(), "ok")
		time.Sleep(time.Second)
		if n := h.rooms.Count(); n != 0 {
			t.Errorf("%d rooms are held by nobody", n)
		}
	})
}

// A room that ends by itself in good order is over for its members.
func TestRoomThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{OnCrash: room.Stay})
		ann := h.join("ann", "pad:brief") // it stops after a second
		time.Sleep(2 * time.Second)
		ann.AssertClose()
		h.log.expect(t, "start pad:brief", "join ann again=false of 1", "end normal")
		h.join("ann", "pad:brief") // a new one
		h.log.expect(t, "start pad:brief", "join ann again=false of 1")
	})
}

// Whatever is killed, clients are sent back, and find a room again.
func TestKilledRooms(t *testing.T) {
	for _, choice := range []room.OnCrash{room.Rejoin, room.Stay} {
		t.Run(choice.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := open(t, room.Config{OnCrash: choice, Linger: time.Minute})
				ann := h.join("ann", "pad:1")
				child, err := h.tree.Child(t.Context(), "rooms")
				if err != nil {
					t.Fatal(err)
				}
				child.PID.Exit(actor.Kill)
				time.Sleep(time.Second)
				if ann.PID().Alive() { // it has found the new one, or its client is to
					ann.AssertReply(ann.Push("add", add{1}), "ok", map[string]int{"lines": 1})
					ann.AssertReply(ann.Leave(), "ok")
				} else {
					ann.AssertCrash()
				}
				again := h.join("ann", "pad:1")
				again.AssertReply(again.Push("add", add{1}), "ok")
			})
		})
	}
}

func TestMembersThatAreRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		ann, bob := h.join("ann", "pad:1"), h.join("bob", "pad:1")
		ann.AssertReply(ann.Push("kick", nil), "ok")
		bob.AssertClose()
		ann.AssertReply(ann.Push("add", add{1}), "ok")
		h.log.expect(t, "start pad:1", "join ann again=false of 1", "join bob again=false of 2", "leave bob normal")
	})
}

// What the program sends to a room, and what the room monitors, comes to HandleInfo.
func TestMessagesToARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		if h.rooms.Send("pad:1", "hello") {
			t.Error("sent to a room that there is not")
		}
		ann := h.join("ann", "pad:1")
		h.rooms.Send("pad:1", "hello")
		ann.AssertPush("said", map[string]string{"what": "hello"})
		h.rooms.Send("pad:1", func(p *pad) error {
			p.room.SendAfter(time.Minute, "later")
			p.room.SendEvery(time.Hour, "often")
			return nil
		})
		ann.Within(61*time.Second).AssertPush("said", map[string]string{"what": "later"})
		for range 2 {
			ann.Within(61*time.Minute).AssertPush("said", map[string]string{"what": "often"})
		}
		watched, err := actor.Spawn(h.sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
		h.rooms.Send("pad:1", watched.PID())
		synctest.Wait()
		watched.PID().Exit(actor.Shutdown)
		h.log.expect(t, "start pad:1", "join ann again=false of 1", "down shutdown")
	})
}

// While its room does not answer a channel waits, and takes no more from its client.
func TestChannelsWaitForTheirRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		ann, bob := h.join("ann", "pad:1"), h.join("bob", "pad:1")
		wait := ann.Push("wait", nil)
		after := ann.Push("add", add{1})
		time.Sleep(time.Second)
		leave := bob.Leave() // waits for nobody
		bob.AssertReply(leave, "ok")
		ann.RefuteReply(wait, "ok")
		ann.RefuteReply(after, "ok")
		close(h.log.release)
		ann.AssertReply(wait, "ok")
		ann.AssertReply(after, "ok")
	})
}

// A push to a member that has gone meanwhile is no fault of the one that has caused it.
func TestPushToAMemberThatHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		ann := h.join("ann", "pad:1")
		bob := h.client("bob")
		bob.Join("pad:1", nil)
		told := ann.Push("tell", nil)
		bob.Close()
		synctest.Wait() // bob's channel has ended, and the room does not know of it
		close(h.log.release)
		ann.AssertReply(told, "ok")
		ann.AssertPush("told")
		ann.AssertReply(ann.Push("add", add{1}), "ok")
	})
}

// A room that does not get ready holds up neither the clients of others for ever nor the
// end of all.
func TestRoomThatDoesNotGetReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{})
		h.client("ann").Within(time.Minute).JoinRefused("pad:slow", nil, ws.Reason("join failed"))
		h.join("bob", "pad:1")
		begun := time.Now()
		if err := h.tree.Stop(t.Context()); err != nil || time.Since(begun) > time.Second {
			t.Errorf("stopped after %v: %v", time.Since(begun), err)
		}
	})
}

// A client that joins misses nothing between what it is shown and what is broadcast, and
// gets nothing twice.
func TestNothingIsMissedAtAJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{Linger: time.Minute})
		ann := h.join("ann", "pad:1")
		for round := range 30 {
			bob := h.client(fmt.Sprint("bob", round))
			for range 20 { // all are under way at once
				ann.Push("add", add{round})
			}
			ch, answer := bob.Join("pad:1", nil)
			shown, err := ws.Decode[struct{ Lines int }](answer)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			for range 20*(round+1) - shown.Lines {
				ch.AssertPush("added", add{round})
			}
			ch.RefutePush("added")
			ch.AssertReply(ch.Leave(), "ok")
		}
	})
}

// Handlers with a method that would never be called.
type (
	base       struct{}
	wrongLeave struct{ base }
	wrongStart struct{ base }
	wrongGap   struct{ base }
	wrongBack  struct{ base }
	ofPointer  struct{ base }
)

func (base) Join(*room.Member, ws.Payload) (any, error) { return nil, nil }
func (wrongLeave) Leave(*room.Member)                   {}
func (wrongBack) Resumed(*room.Member) error            { return nil }
func (wrongGap) HandleGap(*room.Room) error             { return nil }
func (wrongStart) Start(context.Context) error          { return nil }
func (*ofPointer) HandleInfo(r *room.Room, _ any) error { return nil }

func newOf[H room.Handler](string) (h H) { return h }

func TestMistakesInRoomsDoNotStart(t *testing.T) {
	for name, c := range map[string]struct {
		rooms interface{ Child() supervisor.Child }
		want  string
	}{
		"no constructor": {room.New[base](room.Config{}, nil, nil), `room: start rooms: no function that makes a room`},
		"choice":         {room.New(room.Config{ID: "pads", OnCrash: 7}, newOf[base], nil), `room: start pads: there is no OnCrash(7)`},
		"linger":         {room.New(room.Config{Linger: -1}, newOf[base], nil), `Linger is negative: -1ns`},
		"Leave": {room.New(room.Config{}, newOf[*wrongLeave], nil), `room: start rooms: *room_test.wrongLeave has the method Leave(*room.Member), ` +
			`which would never be called: it must be Leave(*room.Member, error)`},
		"Start": {room.New(room.Config{}, newOf[wrongStart], nil), `room: start rooms: room_test.wrongStart has the method Start(context.Context) error, ` +
			`which would never be called: it must be Start(*room.Room) error`},
		"HandleGap": {room.New(room.Config{}, newOf[wrongGap], nil), `room: start rooms: room_test.wrongGap has the method HandleGap(*room.Room) error, ` +
			`which would never be called: it must be HandleGap(*room.Room, pubsub.Gap) error`},
		"Resumed": {room.New(room.Config{}, newOf[wrongBack], nil), `room: start rooms: room_test.wrongBack has the method Resumed(*room.Member) error, ` +
			`which would never be called: it must be Resumed(*room.Member, ws.Resumption) (any, error)`},
		"pointer": {room.New(room.Config{}, newOf[ofPointer], nil), `room: start rooms: HandleInfo is a method of *room_test.ofPointer, and would never be called: use a *room_test.ofPointer`},
	} {
		t.Run(name, func(t *testing.T) {
			sys := actor.NewSystem(actor.Config{})
			defer sys.Shutdown(context.Background())
			_, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{c.rooms.Child()}})
			if err == nil || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// The table of a room is checked like that of a channel.
func TestMistakesInARoomsTableDoNotStart(t *testing.T) {
	for event, f := range map[string]room.EventFunc[*pad]{
		"phx_leave": room.On((*pad).Add),
		"a":         room.On[*pad, add](nil),
		"b":         room.OnStrict[*pad, add](nil),
		"c":         room.OnBinary[*pad](nil),
		"d":         room.OnPayload[*pad](nil),
	} {
		rooms := room.New(room.Config{}, newOf[*pad], room.Events[*pad]{event: f})
		sys := actor.NewSystem(actor.Config{})
		defer sys.Shutdown(context.Background())
		_, err := ws.Start(sys, ws.Config{Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{rooms.Topic("pad:*")}}}})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf(`route "pad:*": event %q`, event)) {
			t.Errorf("%s: %v", event, err)
		}
	}
}

// What only shows when a room is made, or joined, fails the join.
func TestRoomsThatCannotBeJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rooms := map[string]*room.Rooms[room.Handler]{
			"nil":   room.New(room.Config{ID: "nil"}, func(string) room.Handler { return nil }, nil),
			"unset": room.New(room.Config{ID: "unset"}, func(string) room.Handler { return (*pad)(nil) }, nil),
			"wrong": room.New(room.Config{ID: "wrong"}, func(string) room.Handler { return &wrongLeave{} }, nil),
		}
		down := room.New(room.Config{ID: "down"}, newOf[base], nil) // never started
		shared := room.New(room.Config{ID: "shared"}, newOf[base], nil)
		var routes ws.Routes
		endpoint := wstest.Start(t, func(sys *actor.System) (*ws.Endpoint, error) {
			for name, rs := range rooms {
				if _, err := rs.Start(sys); err != nil {
					return nil, err
				}
				routes = append(routes, rs.Topic(name))
			}
			if _, err := shared.Start(sys); err != nil {
				return nil, err
			}
			routes = append(routes, down.Topic("down"), shared.Topic("shared"))
			return ws.Start(sys, ws.Config{Sockets: []ws.Socket{{Path: "/socket", Channels: routes}}})
		})
		client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{})
		for _, topic := range []string{"nil", "unset", "wrong", "down"} {
			client.JoinRefused(topic, nil, ws.Reason("join failed"))
		}
		client.Join("shared", nil)
		other := wstest.NewEndpoint(t, ws.Socket{Path: "/socket", Channels: routes})
		wstest.NewClient(t, other, "/socket", ws.Identity{}).JoinRefused("shared", nil, ws.Reason("join failed"))
	})
}
