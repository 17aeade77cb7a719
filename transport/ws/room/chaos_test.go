package room_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws/room"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// Clients come, draw, leave and are cut off while rooms crash, stop and are killed, in any
// order. Afterwards each client that is in is a member of its room, and hears what is
// broadcast there; and when all have gone no room is left.
func TestRoomsSurviveWhateverHappens(t *testing.T) {
	for seed := range uint64(long.Rounds(10, 30)) {
		for _, choice := range []room.OnCrash{room.Rejoin, room.Stay} {
			t.Run(fmt.Sprint("seed ", seed, " ", choice), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { chaos(t, rand.New(rand.NewPCG(seed, 14)), choice) })
			})
		}
	}
}

// tolerant is a test that does not fail when a join is refused, as by a room that crashes
// with the request: a client tries again then.
type tolerant struct{ testing.TB }

func (tolerant) Fatalf(string, ...any) { runtime.Goexit() }

// tryJoin returns the channel, or nil if it was refused.
func tryJoin(t *testing.T, c *wstest.Client, topic string) (ch *wstest.Channel) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		ch, _ = c.For(tolerant{t}).Join(topic, nil)
	}()
	<-done
	if ch == nil {
		return nil
	}
	if ch = ch.For(t); ch.PID().IsZero() {
		expectRejoin(t, ch)
	}
	return ch
}

// expectRejoin allows the error that a client was told on a channel of which there is nothing
// left to be looked at, because its room ended as soon as it was in: package wstest cannot see
// that the channel's own end was clean. If it was closed instead there is nothing to allow.
func expectRejoin(t *testing.T, ch *wstest.Channel) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		ch.For(tolerant{t}).Within(0).AssertCrash()
	}()
	<-done
}

func chaos(t *testing.T, rnd *rand.Rand, choice room.OnCrash) {
	h := open(t, room.Config{OnCrash: choice, Linger: time.Second})
	topics := []string{"pad:1", "pad:2", "pad:3"}
	type member struct {
		*wstest.Channel
		client *wstest.Client
	}
	var members []member
	alive := func(f func(member)) {
		if len(members) == 0 {
			return
		}
		if m := members[rnd.IntN(len(members))]; m.PID().Alive() {
			f(m)
		}
	}
	for step := range 60 {
		topic := topics[rnd.IntN(len(topics))]
		switch rnd.IntN(12) {
		case 0, 1, 2, 3:
			c := h.client(fmt.Sprint("client", step)).Within(time.Minute) // a restart may have to be waited for
			if ch := tryJoin(t, c, topic); ch != nil {
				members = append(members, member{ch, c})
			}
		case 4, 5:
			alive(func(m member) { m.Push("add", add{step}) })
		case 6:
			alive(func(m member) { m.Leave() })
		case 7:
			alive(func(m member) { m.client.Close() })
		case 8:
			h.rooms.Send(topic, "crash")
		case 9:
			h.rooms.Send(topic, "stop")
		case 10:
			alive(func(m member) { m.Push("crash", nil) })
		case 11:
			if child, err := h.tree.Child(t.Context(), "rooms"); err == nil && rnd.IntN(4) == 0 {
				child.PID.Exit(actor.Kill)
			}
		}
		if rnd.IntN(2) == 0 {
			synctest.Wait()
		}
	}
	time.Sleep(time.Minute) // restarts and their back-off are over
	in := map[string]int{}
	for _, ch := range members {
		if ch.PID().Alive() {
			in[ch.Topic()]++
		}
	}
	for _, topic := range topics {
		have := 0
		h.rooms.Send(topic, func(p *pad) error { have = p.room.Len(); return nil })
		synctest.Wait()
		if have != in[topic] {
			t.Errorf("%s has %d members, and %d channels", topic, have, in[topic])
		}
		h.rooms.Send(topic, "hello")
	}
	for _, ch := range members {
		if ch.PID().Alive() {
			ch.AssertPush("said", map[string]string{"what": "hello"})
			ch.client.Close()
		} else if ch.PID().Crashed() {
			t.Errorf("crashed with %v", ch.PID().Err())
		}
	}
	time.Sleep(2 * time.Second)
	if n := h.rooms.Count(); n != 0 {
		t.Errorf("%d rooms are left", n)
	}
}
