package nats

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// book is the state of a boss.
type book struct{ Lines []string }

// boss is a singleton that writes down what it is sent, and says when it begins and ends.
type boss struct {
	*stage
	tenure *Tenure
	book   book
	self   actor.Ref[string]
}

func (b *boss) Init(ctx *actor.Context[string]) error {
	b.self = ctx.Self()
	ctx.TrapExit(true)
	return b.init(ctx)
}

func (b *boss) Receive(_ *actor.Context[string], line string) error {
	switch line {
	case "panic":
		panic("the boss")
	case "lost":
		return ErrLost
	}
	b.book.Lines = append(b.book.Lines, line)
	return nil
}

func (b *boss) HandOff() (book, error) { return b.handOff(b) }

func (b *boss) Terminate(_ *actor.Context[string], reason error) {
	b.last <- b.book
	b.ended <- reason
}

// beginning is a boss that has begun.
type beginning struct {
	ref    actor.Ref[string]
	tenure *Tenure
	handed *book
}

// stage is a singleton of one node, in a tree of its own.
type stage struct {
	node      *node
	init      func(*actor.Context[string]) error
	handOff   func(*boss) (book, error)
	began     chan beginning
	ended     chan error
	restarted chan supervisor.Restarted
	last      chan book // of one that has ended
	sup       supervisor.Tree
}

// stand has the node stand by for "boss".
func stand(t *testing.T, n *node, edit func(*stage, *Singleton[string, book]), opts ...supervisor.ChildOption) *stage {
	t.Helper()
	s := &stage{
		node: n, began: make(chan beginning, 10), ended: make(chan error, 10),
		restarted: make(chan supervisor.Restarted, 10), last: make(chan book, 10),
		init:    func(*actor.Context[string]) error { return nil },
		handOff: func(b *boss) (book, error) { return b.book, nil },
	}
	single := Singleton[string, book]{Names: n.Names, Name: "boss"}
	single.New = func(tenure *Tenure, handed *book) actor.Behavior[string] {
		return &boss{stage: s, tenure: tenure, book: *cmp.Or(handed, new(book))}
	}
	if edit != nil {
		edit(s, &single)
	}
	create := single.New
	single.New = func(tenure *Tenure, handed *book) actor.Behavior[string] {
		ref, _ := n.holder("boss")
		s.began <- beginning{ref, tenure, handed}
		return create(tenure, handed)
	}
	t.Cleanup(n.sys.Observe(func(e actor.Event) {
		if r, ok := e.(supervisor.Restarted); ok {
			s.restarted <- r
		}
	}))
	// Both times are long, unless a test says otherwise.
	n.leases.talk = patience
	opts = append([]supervisor.ChildOption{supervisor.Shutdown(5 * patience)}, opts...)
	var err error
	s.sup, err = supervisor.Start(n.sys, supervisor.Spec{Children: []supervisor.Child{single.Child(opts...)}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stop stops the tree as SIGTERM does, and returns how long that took.
func (s *stage) stop(t *testing.T) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	began := time.Now()
	if err := s.sup.PID().Stop(ctx, actor.Shutdown); err != nil {
		t.Error(err)
	}
	return time.Since(began)
}

// expectRestarts checks how many there were that were not waited for.
func expectRestarts(t *testing.T, want int, stages ...*stage) {
	t.Helper()
	for _, s := range stages {
		if n := len(s.restarted); n != want {
			t.Errorf("%d restarts on %q, want %d", n, s.node.ps.Node(), want)
		}
	}
}

func (b beginning) expectHanded(t *testing.T, want ...string) {
	t.Helper()
	switch {
	case len(want) == 0 && b.handed != nil:
		t.Errorf("handed %q, want nothing", b.handed.Lines)
	case len(want) > 0 && (b.handed == nil || strings.Join(b.handed.Lines, "+") != strings.Join(want, "+")):
		t.Errorf("handed %v, want %q", b.handed, want)
	}
}

// twoNodes returns two nodes, the first of which has the boss, and what has begun there.
func twoNodes(t *testing.T, lease time.Duration) (a, b *stage, first beginning) {
	t.Helper()
	s, cluster := startServer(t), prefix()
	config := NamesConfig{Lease: lease}
	na, nb := newNode(t, s, cluster, "a", config), newNode(t, s, cluster, "b", config)
	a = stand(t, na, nil)
	first = await(t, a.began)
	first.expectHanded(t)
	return a, stand(t, nb, nil), first
}

// send sends a line to the boss, wherever it is now.
func (s *stage) send(t *testing.T, lines ...string) {
	t.Helper()
	r := s.node.lookup(t, "boss")
	for _, line := range lines {
		if err := r.TrySend(line); err != nil {
			t.Fatal(err)
		}
	}
}

// settled returns when the actor has handled what was sent on its own node.
func (b beginning) settled(t *testing.T) {
	t.Helper()
	if err := b.ref.PID().Inspect(t.Context(), func(any) {}); err != nil {
		t.Fatal(err)
	}
}

// A stop hands the name and the state to the node that stands by, at once; so does the next
// stop. What waits in the mailbox is handled before.
func TestSingletonThatIsStoppedHandsOffItsState(t *testing.T) {
	a, b, holder := twoNodes(t, time.Hour) // nothing that it could wait for comes sooner
	least := time.Hour
	var lines []string
	for i := range 5 {
		if !holder.tenure.Valid() || len(b.began) != 0 {
			t.Fatal("the other one has begun")
		}
		lines = append(lines, fmt.Sprint(i))
		a.send(t, lines[i])
		holder.settled(t)
		began := time.Now()
		a.stop(t)
		next := await(t, b.began)
		least = min(least, time.Since(began))
		next.expectHanded(t, lines...)
		if err := await(t, a.ended); !errors.Is(err, actor.Shutdown) {
			t.Errorf("it ended with %v", err)
		}
		if holder.tenure.Valid() || next.tenure.Token() <= holder.tenure.Token() {
			t.Errorf("token %d after %d", next.tenure.Token(), holder.tenure.Token())
		}
		expectRestarts(t, 0, a, b)
		a, b, holder = b, stand(t, a.node, nil), next
	}
	t.Logf("the fastest hand-off took %v", least) // it must be less than 100 ms, if the machine has time
}

// What waits when the child is stopped is in the state that is handed off, and nothing is
// handled that is not.
func TestHandOffComesBehindWhatWaits(t *testing.T) {
	s, cluster := startServer(t), prefix()
	na, nb := newNode(t, s, cluster, "a", NamesConfig{}), newNode(t, s, cluster, "b", NamesConfig{})
	a := stand(t, na, func(s *stage, _ *Singleton[string, book]) {
		s.handOff = func(b *boss) (book, error) {
			_ = b.self.TrySend("late")
			return b.book, nil
		}
	})
	first := await(t, a.began)
	first.settled(t)
	b := stand(t, nb, nil)
	for i := range 3 {
		first.ref.Send(fmt.Sprint(i))
	}
	a.stop(t)
	await(t, b.began).expectHanded(t, "0", "1", "2")
	if ended := await(t, a.last); len(ended.Lines) != 3 {
		t.Errorf("the first ended with %q, which was not handed off", ended.Lines)
	}
}

// A crash is the child's, as any child's, and the next one begins without a state.
func TestSingletonThatCrashesSpendsARestart(t *testing.T) {
	a, b, first := twoNodes(t, 0)
	a.send(t, "one", "panic")
	var p *actor.PanicError
	if err := await(t, a.ended); !errors.As(err, &p) {
		t.Errorf("ended with %v, want a panic", err)
	}
	next := either(t, a, b)
	next.expectHanded(t)
	if next.tenure.Token() <= first.tenure.Token() || first.tenure.Valid() {
		t.Error("the tenure of the one that crashed goes on")
	}
	if r := await(t, a.restarted); !errors.As(r.Reason, &p) {
		t.Errorf("restarted for %v, want the panic", r.Reason)
	}
	expectRestarts(t, 0, a, b)
}

// either returns what begins on one of two nodes: the first to ask.
func either(t *testing.T, a, b *stage) (next beginning) {
	t.Helper()
	select {
	case next = <-a.began:
	case next = <-b.began:
	case <-time.After(patience):
		t.Fatal("nobody has begun")
	}
	return next
}

// A node that is cut off loses the name. Its actor ends, another node has one within a lease
// and a second, and the node stands by again.
func TestSingletonThatIsCutOffStandsByAgain(t *testing.T) {
	t.Parallel()
	a, b, first := twoNodes(t, shortLease)
	a.send(t, "one")
	first.settled(t)
	a.node.wire.cut()
	began := time.Now()
	second := await(t, b.began)
	t.Logf("taken over after %v", time.Since(began))
	second.expectHanded(t)
	if first.tenure.Valid() {
		t.Error("two are valid")
	}
	if reason := await(t, a.ended); !errors.Is(reason, ErrLost) {
		t.Errorf("ended with %v, want ErrLost", reason)
	}
	a.node.wire.mend()
	b.send(t, "two")
	second.settled(t)
	b.stop(t)
	await(t, a.began).expectHanded(t, "two")
	expectRestarts(t, 0, a, b)
}

// However the name is taken away, the actor ends for want of it, and that is no restart; also
// if the program is to be told of losses.
func TestLossOfTheNameIsNoRestart(t *testing.T) {
	for name, lose := range map[string]func(*testing.T, *stage, beginning){
		"taken away in the bucket": func(t *testing.T, a *stage, _ beginning) {
			if err := a.node.kv(t).Purge(t.Context(), keyOf("boss")); err != nil {
				t.Fatal(err)
			}
			a.node.leases.find("boss").renew(t.Context())
		},
		"unregistered": func(t *testing.T, a *stage, b beginning) {
			if err := a.node.Unregister(t.Context(), "boss", b.ref.PID()); err != nil {
				t.Fatal(err)
			}
		},
		"told by the actor": func(t *testing.T, a *stage, _ beginning) { a.send(t, "lost") },
	} {
		for _, told := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " told=", told), func(t *testing.T) {
				var config NamesConfig
				if told {
					config.Lost = func(string, actor.PID) {}
				}
				a := stand(t, newNode(t, startServer(t), prefix(), "a", config), nil)
				for range 3 { // more than a budget has
					b := await(t, a.began)
					b.expectHanded(t)
					b.settled(t)
					lose(t, a, b)
					await(t, a.ended)
					await(t, b.ref.PID().Done())
				}
				await(t, a.began)
				expectRestarts(t, 0, a)
			})
		}
	}
}

// NATS has lost the bucket when the child is stopped: its state stands in the new one. That the next
// one gets it is in TestStateGoesOnInANewBucket.
func TestStateIsHandedToANewBucket(t *testing.T) {
	a, b, first := twoNodes(t, time.Hour) // no lease ends while the machine is held up
	a.send(t, "one")
	first.settled(t)
	js, err := jetstream.New(a.node.conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteKeyValue(t.Context(), bucketOf(a.node.leases)); err != nil {
		t.Fatal(err)
	}
	a.stop(t)
	e, err := a.node.kv(t).Get(t.Context(), stateKey("boss"))
	if err != nil {
		t.Fatal(err)
	}
	var r record
	if err := json.Unmarshal(e.Value(), &r); err != nil || r.Token != first.tenure.Token() || string(r.State) != `{"Lines":["one"]}` {
		t.Errorf("the record is %s, %v", e.Value(), err)
	}
	if e.Revision() <= first.tenure.Token() {
		t.Errorf("revision %d after %d", e.Revision(), first.tenure.Token())
	}
	b.stop(t) // before its names, as a program does
}

// A description that cannot work does not start, and says why.
func TestSingletonThatCannotWorkDoesNotStart(t *testing.T) {
	s := startServer(t)
	n := newNode(t, s, prefix(), "a", NamesConfig{})
	create := func(*Tenure, *book) actor.Behavior[string] { return nil }
	for want, single := range map[string]Singleton[string, book]{
		"Names is nil":         {Name: "x", New: create},
		"New is nil":           {Name: "x", Names: n.Names},
		"MaxState is negative": {Name: "x", Names: n.Names, New: create, MaxState: -1},
		"65 bytes":             {Name: "x", Names: n.Names, New: create, State: named{name: strings.Repeat("n", 65)}},
		"Goexit":               {Name: "x", Names: n.Names, New: create, State: named{fault: runtime.Goexit}},
	} {
		_, err := supervisor.Start(n.sys, supervisor.Spec{Children: []supervisor.Child{single.Child()}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("start: %v, want %q", err, want)
		}
	}
}

// named is a codec with a name, of which it may fail to tell.
type named struct {
	pubsub.JSON[book]
	name  string
	fault func()
}

func (n named) Name() string {
	if n.fault != nil {
		n.fault()
	}
	return n.name
}

// mute has a method that looks like that of a HandOffer.
type mute struct{}

func (mute) Receive(*actor.Context[string], string) error { return nil }
func (mute) HandOff() string                              { return "" }

// What New does wrong is a crash of the child.
func TestNewThatFailsIsACrash(t *testing.T) {
	for want, create := range map[string]func(*Tenure, *book) actor.Behavior[string]{
		"New has returned nil":    func(*Tenure, *book) actor.Behavior[string] { return nil },
		"method HandOff() string": func(*Tenure, *book) actor.Behavior[string] { return mute{} },
		"the boss":                func(*Tenure, *book) actor.Behavior[string] { panic("the boss") },
	} {
		s := startServer(t)
		n := newNode(t, s, prefix(), "a", NamesConfig{})
		crashed := make(chan error, 10)
		t.Cleanup(n.sys.Observe(func(e actor.Event) {
			if e, ok := e.(supervisor.GaveUp); ok {
				crashed <- e.Reason
			}
		}))
		stand(t, n, func(_ *stage, s *Singleton[string, book]) { s.New = create })
		if err := await(t, crashed); !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("crashed with %v, want %q", err, want)
		}
	}
}
