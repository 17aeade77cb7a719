package ws

import (
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
)

// Each is told when what was set for it last has come, at that moment, unless it has ended; and
// nothing is left of those that have.
func TestExpiriesAreToldInTime(t *testing.T) {
	for seed := range long.Rounds(20, 500) {
		synctest.Test(t, func(t *testing.T) { setAndEnd(t, rand.New(rand.NewPCG(uint64(seed), 17))) })
	}
}

func setAndEnd(t *testing.T, rnd *rand.Rand) {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	defer sys.Shutdown(t.Context())
	var es expiries
	var due sync.Map // actor.PID → time.Time: what is set
	may := func() bool { return true }
	check := func(_ *actor.Context[sessionMsg], m sessionMsg) error {
		if at, set := due.LoadAndDelete(m.channel); !es.take(m.channel, may) || !set || !at.(time.Time).Equal(time.Now()) {
			t.Errorf("%v is told at %v of %v", m.channel, time.Now(), at)
		}
		if es.take(m.channel, may) {
			t.Errorf("%v is taken twice", m.channel)
		}
		return nil
	}
	session, err := actor.Spawn(sys, actor.Func(check))
	if err != nil {
		t.Fatal(err)
	}
	var channels []actor.PID
	for range 20 {
		ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
		channels = append(channels, ref.PID())
	}
	for range 200 {
		pid := channels[rnd.IntN(len(channels))]
		switch rnd.IntN(10) {
		case 0:
			es.set(pid, session, time.Time{})
			due.Delete(pid)
		case 1:
			if rnd.IntN(4) == 0 {
				pid.Exit(actor.Kill)
				due.Delete(pid)
			}
		case 2, 3, 4:
			time.Sleep(time.Duration(rnd.IntN(60)) * time.Second)
		default:
			at := time.Now().Add(time.Duration(rnd.IntN(200)) * time.Second)
			if pid.Alive() { // otherwise it has no effect
				due.Store(pid, at)
			}
			es.set(pid, session, at)
		}
		synctest.Wait()
	}
	time.Sleep(5 * time.Minute)
	synctest.Wait()
	due.Range(func(pid, at any) bool {
		t.Errorf("%v was not told at %v", pid, at)
		return true
	})
	if len(es.due) != 0 {
		t.Errorf("%d wait", len(es.due))
	}
	for _, pid := range channels {
		pid.Exit(actor.Kill)
	}
	synctest.Wait()
	if len(es.of) != 0 {
		t.Errorf("%d are left", len(es.of))
	}
}

// set is a time as if the clock had been set since it was made: its monotonic reading is
// another than what it says.
func set(at time.Time, by time.Duration) time.Time {
	type layout struct {
		_         uint64
		monotonic int64
		_         *time.Location
	}
	(*layout)(unsafe.Pointer(&at)).monotonic += int64(by)
	return at
}

// An Identity that was made of time.Now holds until then by the wall clock, also if that was
// set, or the machine slept.
func TestIdentitiesExpireByTheWallClock(t *testing.T) {
	for _, by := range []time.Duration{-4 * time.Hour, 0, 4 * time.Hour} { // not in a bubble, where times have one reading
		future, past := Identity{Expires: set(time.Now().Add(2*time.Hour), by)}, Identity{Expires: set(time.Now().Add(-time.Second), by)}
		if left := future.left(); future.hasExpired() || left > 2*time.Hour || left < time.Hour {
			t.Errorf("set by %v: %v are left", by, left)
		}
		if !past.hasExpired() {
			t.Errorf("set by %v: it holds still, for %v", by, past.left())
		}
	}
}

// parting is a transport that has its client come back when it ends.
type parting struct {
	transport
	back func()
}

func (p parting) Release(actor.PID, error) { p.back() }

// A client that sees its connection gone may come back at once.
func TestThereIsRoomWhenAConnectionIsGone(t *testing.T) {
	u := &users{most: 1}
	if err := u.enter("ann"); err != nil {
		t.Fatal(err)
	}
	s := &session{line: line{id: "ann", socket: &Socket{users: u}}}
	s.transport = parting{back: func() {
		if err := u.enter("ann"); err != nil {
			t.Error(err)
		}
	}}
	s.releaseTransport(actor.PID{}, nil)
}

// A Channel.Expire that knows the session before still, while the channel goes to another one that
// has found no expiry to take along, sets it for the one and then for the other.
func TestAnExpiryIsToldToTheSessionThatItWasSetForLast(t *testing.T) {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(t.Context())
	told := make(chan string, 1)
	session := func(name string) actor.Ref[sessionMsg] {
		ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[sessionMsg], sessionMsg) error {
			told <- name
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	var es expiries
	before, after, channel := session("before"), session("after"), session("channel").PID()
	es.move(channel, after)
	at := time.Now()
	es.set(channel, before, at.Add(time.Hour))
	es.set(channel, after, at)
	if name := <-told; name != "after" {
		t.Errorf("the session %s was told", name)
	}
}
