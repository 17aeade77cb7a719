package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// recorder is a receiver that keeps what it is told.
type recorder struct {
	hold func(topic string) // called with each message, if not nil

	mu       sync.Mutex
	received map[string]int // messages, by topic
	data     map[string][]string
	last     string // of the data
	gaps     []pubsub.Gap
	events   []actor.Event
	changed  chan struct{}
}

func newRecorder() *recorder {
	return &recorder{received: make(map[string]int), data: make(map[string][]string), changed: make(chan struct{}, 1)}
}

func (r *recorder) note(f func()) {
	r.mu.Lock()
	f()
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *recorder) Receive(_, topic string, data []byte) {
	if r.hold != nil {
		r.hold(topic)
	}
	r.note(func() {
		r.received[topic]++
		if r.last = string(data); len(data) < 100 {
			r.data[topic] = append(r.data[topic], r.last)
		}
	})
}

func (r *recorder) Missed(g pubsub.Gap) { r.note(func() { r.gaps = append(r.gaps, g) }) }
func (r *recorder) Emit(e actor.Event)  { r.note(func() { r.events = append(r.events, e) }) }
func (r *recorder) count(topic string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.received[topic]
}

// until waits until f says so, which is asked whenever there is something new.
func (r *recorder) until(t *testing.T, what string, f func() bool) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		r.mu.Lock()
		ok := f()
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-r.changed:
		case <-limit.C:
			t.Fatalf("%s: got %v, gaps %v, events %v", what, r.received, r.gaps, r.events)
		}
	}
}

// event waits for an event.
func (r *recorder) event(t *testing.T, what string, is func(actor.Event) bool) {
	t.Helper()
	r.until(t, what, func() bool {
		for i, e := range r.events {
			if is(e) {
				r.events = r.events[i+1:]
				return true
			}
		}
		return false
	})
}

func member(name string, state MemberState, back bool) func(actor.Event) bool {
	return func(e actor.Event) bool {
		m, ok := e.(MemberChanged)
		return ok && m.Member.Name == name && m.Member.State == state && m.Back == back
	}
}

func inState(s State) func(actor.Event) bool {
	return func(e actor.Event) bool {
		c, ok := e.(StateChanged)
		return ok && c.State == s
	}
}

// quick are times for tests. What tests wait for comes soon; what fails a node that is held up
// for a moment is as far away as the end of patience. So is the time after which a node is down:
// see fallSilent. A living twin that is to be noticed needs patience, too.
var quick = times{
	beat: 5 * time.Millisecond, gap: patience, down: patience, forget: time.Hour, ask: 40 * time.Millisecond, answer: patience, leave: patience,
	linger: 20 * time.Millisecond, known: patience, told: 200, lines: 12_000,
}

// fallSilent has another node, which is cut off, be down for this one as if it had been silent for
// so long.
func fallSilent(t *testing.T, a *Adapter, other string) {
	t.Helper()
	beat := time.NewTicker(quick.beat)
	defer beat.Stop()
	a.mu.RLock()
	ps, limit := &a.now.peers, time.Now().Add(patience)
	a.mu.RUnlock()
	for down := false; !down; <-beat.C {
		ps.mu.Lock()
		if p := ps.list[other]; p != nil {
			p.heard = time.Now().Add(-2 * quick.down)
			down = p.State == Down
		}
		ps.mu.Unlock()
		if time.Now().After(limit) {
			t.Fatalf("%s is not down for %s: %+v", other, a.Name, a.Members())
		}
	}
}

// adapter returns a node that has not joined yet, on a connection of its own.
func adapter(t *testing.T, s *server.Server, cluster, name string, options ...nats.Option) *Adapter {
	t.Helper()
	return &Adapter{
		Conn: connect(t, s, append(options, nats.ReconnectWait(time.Millisecond), nats.MaxReconnects(-1))...),
		Name: name, Prefix: cluster, Logger: slog.New(slog.DiscardHandler), times: quick,
	}
}

// enter has it join, until the test ends.
func enter(t *testing.T, a *Adapter) *recorder {
	t.Helper()
	r := newRecorder()
	enterAs(t, a, r)
	return r
}

func enterAs(t *testing.T, a *Adapter, r *recorder) {
	t.Helper()
	if err := a.Join(r); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Leave(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// Nodes know of each other: one that joins, leaves, is cut off, or is back.
func TestMembersAreKnown(t *testing.T) {
	s, cluster := startServer(t), prefix()
	wire := new(wire)
	a, b := adapter(t, s, cluster, "a"), adapter(t, s, cluster, "b", nats.SetCustomDialer(wire))
	inA, inB := enter(t, a), enter(t, b)
	inA.event(t, "b has joined", member("b", Up, false))
	inB.event(t, "a was there", member("a", Up, false))
	if m := a.Members(); len(m) != 1 || m[0].Name != "b" || m[0].State != Up {
		t.Errorf("members %+v", m)
	}
	wire.cut()
	inB.event(t, "it knows", inState(Away))
	fallSilent(t, a, "b")
	inA.event(t, "b is cut off", member("b", Down, false))
	if b.State() != Away || a.State() != Connected {
		t.Errorf("states %v, %v", a.State(), b.State())
	}
	wire.mend()
	inA.event(t, "b is back", member("b", Up, true))
	inB.event(t, "it knows", inState(Connected))
	if err := b.Leave(t.Context()); err != nil {
		t.Error(err)
	}
	inA.event(t, "b leaves", member("b", Leaving, false))
	if m := b.Members(); m != nil || b.State() != Apart {
		t.Errorf("the one that has left knows %v, and is %v", m, b.State())
	}
	enter(t, b)
	inA.event(t, "b has joined again", member("b", Up, false))
}

// A node that has been held up does not take the others' silence for its own.
func TestOwnPauseIsNotTheOthersSilence(t *testing.T) {
	var events []actor.Event
	ps := peers{ticked: time.Now(), node: "a", times: defaultTimes, list: make(map[string]*peer), emit: func(e actor.Event) { events = append(events, e) }}
	now := time.Now()
	ps.tick(now)
	if _, _, err := ps.told("b", beat{incarnation: 1}, false); err != nil {
		t.Fatal(err)
	}
	ps.tick(now.Add(time.Second))
	ps.tick(now.Add(time.Minute)) // it was paused
	ps.tick(now.Add(time.Minute + time.Second))
	if len(events) != 1 {
		t.Errorf("events %+v", events)
	}
	for i := range 6 {
		ps.tick(now.Add(time.Minute + time.Duration(i+2)*time.Second))
	}
	if len(events) != 2 || !member("b", Down, false)(events[1]) {
		t.Errorf("events %+v", events)
	}
}

// A node that was there all the time and is heard only now has said what was not heard. One
// that is late with its answer, or has told all others before it answers, has not.
func TestOnlyANodeThatDidNotAnswerIsStrange(t *testing.T) {
	for _, c := range []struct {
		name    string
		kind    byte
		direct  bool
		after   time.Duration
		strange bool
	}{
		{"tells all, before it can have answered", beatHere, false, time.Second, false},
		{"has not answered, and tells all", beatHere, false, time.Minute, true},
		{"answers late", beatHere, true, time.Minute, false},
		{"joins later", beatHello, false, time.Minute, false},
		{"leaves at once", beatLeaves, false, time.Minute, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ps := peers{
				node: "a", times: defaultTimes, joined: time.Now().Add(-c.after),
				list: make(map[string]*peer), emit: func(actor.Event) {}, suspect: func() {},
			}
			for i, want := range []bool{c.strange, false} {
				_, strange, err := ps.told("b", beat{incarnation: 1, kind: c.kind}, c.direct)
				if err != nil || strange != want {
					t.Errorf("beat %d: strange %v, want %v; %v", i, strange, want, err)
				}
			}
		})
	}
}

// A name that a living node has is refused. That of one that has left, was killed or does not
// answer is free.
func TestLivingTwinIsRefused(t *testing.T) {
	s, cluster := startServer(t), prefix()
	gate := &sluice{waiting: make(chan struct{}, 1), open: make(chan struct{})}
	a, twin := adapter(t, s, cluster, "a", nats.SetCustomDialer(gate)), adapter(t, s, cluster, "a")
	inA := enter(t, a)
	twin.times.ask = patience
	for range 2 {
		if err := twin.Join(newRecorder()); !errors.Is(err, ErrNameTaken) {
			t.Fatalf("joined beside a living node of its name: %v", err)
		}
	}
	gate.shut.Store(true) // it hangs
	twin.times.ask = quick.ask
	inTwin := enter(t, twin)
	gate.shut.Store(false)
	close(gate.open)
	twinSeen := func(e actor.Event) bool { return e == TwinSeen{"a", "a"} }
	inA.event(t, "it has a twin", twinSeen)
	inTwin.event(t, "so has that one", twinSeen)
	for _, x := range []*Adapter{a, twin} {
		if err := x.Leave(t.Context()); err != nil {
			t.Error(err)
		}
	}
	enter(t, twin)
}

// One connection is in one use once: another adapter would get what is for the first.
func TestSameUseOfAConnectionIsRefused(t *testing.T) {
	s, cluster := startServer(t), prefix()
	a := adapter(t, s, cluster, "a", nats.NoEcho())
	enter(t, a)
	for name, other := range map[string]*Adapter{
		"another adapter uses": {Conn: a.Conn, Name: "a", Prefix: cluster},
		"another node uses":    {Conn: a.Conn, Name: "b", Prefix: cluster},
	} {
		if err := other.Join(newRecorder()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("joined, %v: want %q", err, name)
		}
	}
	enter(t, &Adapter{Conn: a.Conn, Name: "a", Prefix: prefix(), Logger: a.Logger, times: quick})
	if err := a.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	enter(t, &Adapter{Conn: a.Conn, Name: "b", Prefix: cluster, Logger: a.Logger, times: quick})
}

// What a node has sent does not come back to it, and takes nobody's room.
func TestOwnMessagesTakeNoRoom(t *testing.T) {
	s := startServer(t)
	for name, options := range map[string][]nats.Option{"own connection": {nats.NoEcho()}, "shared connection": nil} {
		t.Run(name, func(t *testing.T) {
			a := adapter(t, s, prefix(), "a", options...)
			a.times.ask = patience
			in := enter(t, a)
			for i := range 3000 {
				if err := a.Broadcast("t", nil); err != nil && !errors.Is(err, pubsub.ErrOverloaded) {
					t.Fatal(i, err)
				}
			}
			if err := a.Leave(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := a.Conn.Stats().InMsgs; options != nil && n > 1 { // that nobody has its name
				t.Errorf("%d messages have come back", n)
			}
			if got := a.Traffic(); got.Lost > 0 || in.count("t") > 0 {
				t.Errorf("%+v, received %d", got, in.count("t"))
			}
		})
	}
}

// A node whose connection is closed says so, and fails to broadcast.
func TestNodeThatIsGoneSaysSo(t *testing.T) {
	s := startServer(t)
	a := adapter(t, s, prefix(), "a")
	in := enter(t, a)
	a.Conn.Close()
	in.event(t, "it is gone", inState(Gone))
	if err := a.Broadcast("t", nil); !errors.Is(err, pubsub.ErrNotJoined) || a.State() != Gone {
		t.Errorf("broadcast: %v in state %v", err, a.State())
	}
	if err := a.Send("b", "t", nil); !errors.Is(err, pubsub.ErrNotJoined) {
		t.Errorf("send: %v", err)
	}
}

// A node leaves in time, whatever its server does.
func TestNodeLeavesInTime(t *testing.T) {
	s := startServer(t)
	t.Run("away", func(t *testing.T) {
		wire := new(wire)
		a := adapter(t, s, prefix(), "a", nats.SetCustomDialer(wire))
		in := enter(t, a)
		wire.cut()
		in.event(t, "it knows", inState(Away))
		if err := a.Broadcast("t", nil); err != nil {
			t.Error(err)
		}
		if err := a.Leave(t.Context()); err != nil { // not after the time that it has
			t.Error(err)
		}
		wire.mend()
	})
	t.Run("stalled", func(t *testing.T) {
		gate := &sluice{waiting: make(chan struct{}, 1), open: make(chan struct{})}
		a := adapter(t, s, prefix(), "a", nats.SetCustomDialer(gate))
		a.times.leave = 50 * time.Millisecond
		enter(t, a)
		gate.shut.Store(true)
		if err := a.Broadcast("t", make([]byte, 100_000)); err != nil {
			t.Error(err)
		}
		await(t, gate.waiting)
		done, cancel := context.WithCancel(t.Context())
		cancel()
		if err := a.Leave(done); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that is done: %v", err)
		}
		if err := a.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		close(gate.open)
	})
}

// A state that there is not has a text as well: it may come from anywhere.
func TestStatesHaveTexts(t *testing.T) {
	for want, state := range map[string]fmt.Stringer{
		"apart": Apart, "connected": Connected, "away": Away, "gone": Gone, "up": Up, "leaving": Leaving, "down": Down,
	} {
		if got := state.String(); got != want {
			t.Errorf("it is %q, want %q", got, want)
		}
	}
	for _, state := range []fmt.Stringer{State(-1), State(4), MemberState(-1), MemberState(3)} {
		if got := state.String(); got != "invalid" {
			t.Errorf("it is %q, want invalid", got)
		}
	}
}

// A node that waits for its server to join can be asked how it is, and left.
func TestNodeThatJoinsAnswers(t *testing.T) {
	s := startServer(t)
	gate := &sluice{waiting: make(chan struct{}, 1), open: make(chan struct{})}
	a := adapter(t, s, prefix(), "a", nats.SetCustomDialer(gate))
	gate.shut.Store(true)
	joined := make(chan error, 1)
	go func() { joined <- a.Join(newRecorder()) }()
	await(t, gate.waiting)
	answered := make(chan error, 1)
	go func() {
		if a.State() != Apart || a.Members() != nil || a.Broadcast("t", nil) == nil || a.Join(newRecorder()) == nil {
			answered <- errors.New("it is taken for a member")
			return
		}
		answered <- a.Leave(t.Context())
	}()
	if err := await(t, answered); err != nil {
		t.Error(err)
	}
	gate.shut.Store(false)
	close(gate.open)
	if err := await(t, joined); err != nil {
		t.Fatal(err)
	}
	if err := a.Leave(t.Context()); err != nil {
		t.Error(err)
	}
}

// Whatever others say hello, a node sends what it has to.
func TestGreetingsDoNotHoldUpMessages(t *testing.T) {
	s, cluster := startServer(t), prefix()
	a, b := adapter(t, s, cluster, "a"), adapter(t, s, cluster, "b")
	enter(t, a)
	in := enter(t, b)
	done := make(chan struct{})
	var greeting sync.WaitGroup
	for range 2 {
		greeting.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
					a.now.out.greet(strconv.Itoa(i))
				}
			}
		})
	}
	defer greeting.Wait()
	defer close(done)
	for range 20 {
		if err := a.Broadcast("t", nil); err != nil {
			t.Fatal(err)
		}
	}
	in.until(t, "all have come", func() bool { return in.received["t"] == 20 })
}

// A beat that cannot be right changes nothing.
func TestImpossibleBeatIsNotBelieved(t *testing.T) {
	l := series{whole: true}
	if _, err := l.upTo(numbers{5, 0, 2 * maxJump}); err == nil || l.last != (numbers{}) {
		t.Errorf("%v, and it is taken for the truth: %v", err, l.last)
	}
	if lacking, err := l.upTo(numbers{5}); err != nil || lacking != (numbers{5}) || l.last != (numbers{5}) {
		t.Errorf("lacking %v, last %v: %v", lacking, l.last, err)
	}
}
