package ws

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/history/historytest"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// A panic at one hearer of a message ends its channel, and nothing else: the others get
// that message, and those behind it.
func TestAHearerThatFailsIsTheOnlyOne(t *testing.T) {
	for _, stored := range []bool{false, true} {
		t.Run(fmt.Sprint(stored), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { failAtOneHearer(t, stored) })
		})
	}
}

func failAtOneHearer(t *testing.T, stored bool) {
	rooms := Topic("room:*", func() mute { return mute{} }, nil)
	rooms.History = &History{}
	if stored {
		rooms.History.Store = new(historytest.Store)
	}
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	e, err := Start(sys, Config{Sockets: []Socket{{
		Path: "/socket", Channels: Routes{rooms},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(e.Shutdown(t.Context()), sys.Shutdown(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	first, bad, last := connect(t, e, wire.V2{}), connect(t, e, wire.V2{}), connect(t, e, wire.V2{})
	bad.fails = func() { panic("bad") }
	for _, c := range []*rejoiner{first, bad, last} {
		c.join("1", Position{}, "")
	}
	for _, event := range []string{"bad", "n"} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			e.Broadcast("room:a", event, nil)
		}()
		<-done
		synctest.Wait()
	}
	for who, c := range map[string]*rejoiner{"first": first, "last": last} {
		if got := c.events(); got != "phx_reply phx_position bad n" {
			t.Errorf("the %s one got %s", who, got)
		}
	}
	if got := bad.events(); got != "phx_reply phx_position phx_error" {
		t.Errorf("the one at which it failed got %s", got)
	}
}

// Channels whose recorder has ended are sent nothing more, for it could be behind something that they
// have not got: their clients join anew.
func TestAfterTheEndOfALogNothingIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rooms := Topic("room:*", func() mute { return mute{} }, nil)
		rooms.History = &History{}
		var log bytes.Buffer
		sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		e, err := Start(sys, Config{Sockets: []Socket{{Path: "/socket", Channels: Routes{rooms}}}})
		if err != nil {
			t.Fatal(err)
		}
		clients := []*rejoiner{connect(t, e, wire.V2{}), connect(t, e, wire.V2{})}
		for _, c := range clients {
			c.join("1", Position{}, "")
		}
		r := e.recorderOn("room:a")
		e.Broadcast("room:a", "before", nil)
		r.end()
		r.tell(func() (*broadcast, bool) {
			return e.sharedAs(wire.Message{Ref: `"@e:9"`, Topic: "room:a", Event: "behind", Payload: noPayload}), true
		})
		synctest.Wait()
		for _, c := range clients {
			if got := c.events(); got != "phx_reply phx_position before phx_error" {
				t.Errorf("got %s", got)
			}
		}
		if err := errors.Join(e.Shutdown(t.Context()), sys.Shutdown(t.Context())); err != nil {
			t.Error(err)
		}
		if text := log.String(); strings.Count(text, "channel cannot go on") != 2 || strings.Contains(text, "panic") {
			t.Errorf("logged: %s", text)
		}
	})
}

func (c *rejoiner) events() string {
	var all []string
	for _, m := range c.messages() {
		all = append(all, m.event)
	}
	return strings.Join(all, " ")
}

// A line waits for all that is on its way to what has heard for it, whichever gets there first.
func TestALineWaitsForAllThatIsOnItsWay(t *testing.T) {
	for _, order := range [][2]int{{0, 1}, {1, 0}} {
		e := recording(t, &History{}, rowSize+1, wire.V2{})
		e.Broadcast("room:a", "n", nil) // all have a place
		r := e.recorderOn("room:a")
		rows := []*row{&r.audience.front, r.audience.front.behind}
		hearers := []*hearer{rows[0].seats[0], rows[1].seats[0]}
		l := hearers[0].channel.line()
		hearers[1].channel.way.Store(l)
		var done []<-chan struct{}
		for i, h := range hearers {
			rows[i].mu.Lock() // a message is on its way there
			h.leave(r)
			done = append(done, r.leaving(l))
		}
		rows[order[0]].mu.Unlock()
		if order[0] == 0 {
			<-done[0]
		} else {
			rows[1].await(rowSize - 1)
		}
		if r.leaving(l) != done[1] {
			t.Error("what is on its way still was forgotten")
		}
		rows[order[1]].mu.Unlock()
		<-done[1]
		select {
		case <-done[0]:
		default:
			t.Error("one has not waited for the other")
		}
		if r.leaving(l) != nil {
			t.Error("what has arrived is waited for")
		}
	}
}

// From the moment on that a hearer is shown nothing more, its line waits for what is on its way, and
// its recorder stays: also if what ends the hearing, and what asks for that, are two goroutines.
func TestNothingIsBetweenTheEndOfHearingAndTheWait(t *testing.T) {
	e := recording(t, &History{}, 1, wire.V2{})
	e.Broadcast("room:a", "n", nil) // it has a place
	r, a := e.recorderOn("room:a"), e.archive.Load()
	front := &r.audience.front
	h := front.seats[0]
	l := h.channel.line()
	front.mu.Lock() // a message is on its way there
	arrive := r.dismiss(h)
	if arrive == nil || r.leaving(l) == nil {
		t.Error("what is on its way is not waited for")
	}
	r.unhear(h.channel) // another one that ends it finds it gone
	if _, err := a.recorderOf(t.Context(), "room:a", r.history); err != nil {
		t.Fatal(err)
	}
	visitor{h.channel, a, r}.Release(h.pid, nil)
	a.mu.Lock()
	users := r.users
	a.mu.Unlock()
	if users != 2 {
		t.Errorf("the recorder has %d users", users)
	}
	front.mu.Unlock()
	arrive()
	if r.leaving(l) != nil || len(front.seats) > 0 {
		t.Error("it has not left")
	}
	for users > 1 {
		a.mu.Lock()
		users = r.users
		a.mu.Unlock()
		runtime.Gosched()
	}
}

// await waits until so many are in the row.
func (w *row) await(n int) {
	for {
		w.mu.Lock()
		there := len(w.seats)
		w.mu.Unlock()
		if there == n {
			return
		}
		runtime.Gosched()
	}
}

// A recorder stays as long as a message of its is on its way to a client, which it knows of, even
// if all its channels have gone.
func TestARecorderStaysWhileAMessageIsOnItsWay(t *testing.T) {
	e := recording(t, &History{}, 0, wire.V2{})
	c := connect(t, e, wire.V2{})
	c.join("1", Position{}, "")
	e.Broadcast("room:a", "n", nil)
	r, a := e.recorderOn("room:a"), e.archive.Load()
	channel := r.channels()[0].PID()
	users := func() int {
		a.mu.Lock()
		defer a.mu.Unlock()
		return r.users
	}
	r.audience.front.mu.Lock()
	c.session.ctx.Self().Send(sessionMsg{op: opHangup, with: errors.New("cut")})
	<-channel.Done()
	if n := users(); n != 1 {
		t.Errorf("the recorder has %d users", n)
	}
	r.audience.front.mu.Unlock()
	for users() > 0 {
		runtime.Gosched()
	}
}

// A message is on its way to a channel that its client leaves: it comes before the answer to that,
// so that the client can say at its next join that it has got it.
func TestNothingComesBehindTheAnswerToALeave(t *testing.T) {
	e := recording(t, &History{}, 0, wire.V2{})
	c := connect(t, e, wire.V2{})
	entered, goOn := make(chan struct{}), make(chan struct{})
	c.fails = func() {
		close(entered)
		<-goOn
	}
	c.join("1", Position{}, "")
	r := e.recorderOn("room:a")
	channel := r.channels()[0]
	var broadcast sync.WaitGroup
	broadcast.Go(func() { e.Broadcast("room:a", "bad", nil) })
	<-entered
	c.session.ctx.Self().Send(sessionMsg{op: opFrame, data: []byte(`["1","2","room:a","phx_leave",{}]`)})
	for r.leaving(channel.line()) == nil { // it shows that the channel has got that
		runtime.Gosched()
	}
	if got := c.events(); got != "phx_reply phx_position" {
		t.Errorf("while the message is on its way the client has got %s", got)
	}
	close(goOn)
	broadcast.Wait()
	<-channel.PID().Done()
	if got := c.events(); !strings.HasPrefix(got, "phx_reply phx_position bad phx_reply") {
		t.Errorf("the client has got %s", got)
	}
}

// A channel goes to a connection of another version of the protocol. What is broadcast in the
// moment before it has given up the connection before goes over that, in its version.
func TestATakeOverMixesNoVersions(t *testing.T) {
	e := started(t, &History{}, time.Minute)
	before, behind := connect(t, e, wire.V2{}), connect(t, e, wire.V1{})
	before.join("1", Position{}, "")
	channel := e.recorderOn("room:a").channels()[0]
	channel.way.Store(behind.line)
	e.Broadcast("room:a", "n", nil)
	channel.way.Store(before.line)
	if got := before.events(); got != "phx_reply phx_position n" {
		t.Errorf("over the connection before came %s", got)
	}
	if len(behind.got) > 0 {
		t.Errorf("over the other one came %q", behind.got)
	}
}

// A subscription and its attendance are made and ended together, also if others of the same owner
// subscribe and unsubscribe at once.
func TestASubscriptionHasItsAttendance(t *testing.T) {
	w := newStoreWorld(t, 0)
	defer w.stop()
	e := w.nodes[0]
	owner := e.PID()
	for n := range 200 {
		topic := fmt.Sprint("room:", n%7)
		done := make(chan error)
		for range 2 {
			go func() { done <- e.Subscribe(owner, topic, nobody{}) }()
			go func() { e.Unsubscribe(owner, topic); done <- nil }()
		}
		for range 4 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		subscriptions := 0
		for _, s := range e.topics.Subscriptions(topic) {
			if _, ok := s.(subscriber); ok {
				subscriptions++
			}
		}
		needed := 0
		if a := e.attendances.of[attender{owner, topic}]; a != nil {
			needed = a.needed
		}
		if needed != subscriptions || len(e.attendances.turns) > 0 {
			t.Fatalf("round %d: %d subscriptions, and an attendance for %d; %d turns are left", n, subscriptions, needed, len(e.attendances.turns))
		}
	}
}

// An Unsubscribe waits for a Subscribe of the same owner that is under way, or that one's
// subscription would be left without an attendance.
func TestAnUnsubscribeWaitsForASubscribe(t *testing.T) {
	w := newStoreWorld(t, 0)
	defer w.stop()
	e := w.nodes[0]
	owner, as := e.PID(), &e.attendances
	entered, goOn, made, ended := make(chan struct{}), make(chan struct{}), make(chan error), make(chan struct{})
	go func() {
		made <- e.attended(owner, "room:a", func() error {
			close(entered)
			<-goOn
			return e.topics.Subscribe(owner, "room:a", subscriber{newStranger(e, owner), nobody{}})
		})
	}()
	<-entered
	go func() {
		defer close(ended)
		e.Unsubscribe(owner, "room:a")
	}()
	for users := 0; users < 2; runtime.Gosched() {
		select {
		case <-ended:
			t.Fatal("it has not waited")
		default:
		}
		as.mu.Lock()
		if turn := as.turns[attender{owner, "room:a"}]; turn != nil {
			users = turn.users
		}
		as.mu.Unlock()
	}
	close(goOn)
	if err := <-made; err != nil {
		t.Error(err)
	}
	<-ended
	for _, s := range e.topics.Subscriptions("room:a") {
		if _, ok := s.(subscriber); ok {
			t.Error("there still is a subscription")
		}
	}
	if len(as.of) > 0 || len(as.turns) > 0 {
		t.Errorf("%d attendances and %d turns are left", len(as.of), len(as.turns))
	}
}

// failing is a subscriber that panics each time.
type failing struct{ calls *atomic.Int32 }

func (f failing) Deliver(string, Broadcast) {
	f.calls.Add(1)
	panic("failing")
}

// A subscriber that fails while its owner makes another subscription does not hold up what
// broadcasts. It is called no more, and its owner is told when it has been unsubscribed.
func TestASubscriberThatFailsHoldsNobodyUp(t *testing.T) {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	e, err := Start(sys, Config{Sockets: []Socket{{Path: "/socket", Channels: Routes{Topic("room:*", func() mute { return mute{} }, nil)}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(e.Shutdown(t.Context()), sys.Shutdown(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	owner, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	calls := new(atomic.Int32)
	if err := e.Subscribe(owner.PID(), "other", failing{calls}); err != nil {
		t.Fatal(err)
	}
	giveBack := e.attendances.awaitTurn(attender{owner.PID(), "other"}) // as a Subscribe does that waits for the network
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2 {
			e.Broadcast("other", "n", nil)
		}
	}()
	for users := 0; users < 2; runtime.Gosched() { // what ends the subscription waits for that
		e.attendances.mu.Lock()
		users = e.attendances.turns[attender{owner.PID(), "other"}].users
		e.attendances.mu.Unlock()
	}
	select {
	case <-done:
	case <-time.After(10 * time.Second): // of a test that fails
		t.Error("a broadcast waits for the other subscription")
	}
	if n := calls.Load(); n != 1 || !owner.PID().Alive() {
		t.Errorf("called %d times; its owner is alive: %v", n, owner.PID().Alive())
	}
	giveBack()
	var failure *actor.PanicError
	if <-owner.PID().Done(); !errors.As(owner.PID().Err(), &failure) {
		t.Errorf("its owner has ended with %v", owner.PID().Err())
	}
	for pid := range e.topics.Subscriptions("other") {
		t.Errorf("%v is subscribed still", pid)
	}
}

type nobody struct{}

func (nobody) Deliver(string, Broadcast) {}
