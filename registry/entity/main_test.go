package entity_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/entity"
	"github.com/troupe-go/troupe/supervisor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

// do is a message that an entity runs.
type do func(ctx *actor.Context[do]) error

// crash is a message that ends an entity.
func crash(*actor.Context[do]) error { return errBoom }

func finish(*actor.Context[do]) error { return actor.Stop }

// world is a set of rooms in a system, in a synctest bubble of its own. It writes down what
// happens to the rooms: "+lobby", "lobby fails: boom", "-lobby: boom".
type world struct {
	*testing.T
	sys   *actor.System
	rooms *entity.Set[string, do]
	sup   supervisor.Tree

	mu     sync.Mutex
	events []string
	init   map[string]func(ctx *actor.Context[do]) error // what a room does in its Init
	live   map[string]int                                // how many incarnations there are of a room
}

// room is an entity.
type room struct {
	w    *world
	name string
}

func (r *room) Init(ctx *actor.Context[do]) error {
	r.w.mu.Lock()
	r.w.live[r.name]++
	if n := r.w.live[r.name]; n > 1 {
		r.w.Errorf("there are %d incarnations of %s at once", n, r.name)
	}
	init := r.w.init[r.name]
	r.w.mu.Unlock()
	if init != nil {
		if err := init(ctx); err != nil {
			r.w.note("%s fails: %v", r.name, err)
			r.gone()
			return err
		}
	}
	r.w.note("+%s", r.name)
	ctx.PID().Own(leaver{r})
	return nil
}

func (r *room) Receive(ctx *actor.Context[do], m do) error { return m(ctx) }

func (r *room) gone() {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	r.w.live[r.name]--
}

// leaver writes down the end of a room.
type leaver struct{ *room }

func (l leaver) Release(_ actor.PID, reason error) {
	l.w.note("-%s: %v", l.name, reason)
	l.gone()
}

// inWorld runs f in a world with rooms as cfg says.
func inWorld(t *testing.T, cfg entity.Config, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, init: map[string]func(*actor.Context[do]) error{}, live: map[string]int{}}
		w.sys = newSystem(t)
		if cfg.ID == "" {
			cfg.ID = "rooms"
		}
		w.rooms = entity.New(cfg, func(name string) *room { return &room{w, name} })
		var err error
		w.sup, err = supervisor.Start(w.sys, supervisor.Spec{
			Intensity: 1000,
			Children:  []supervisor.Child{w.rooms.Child()},
		})
		if err != nil {
			t.Fatal(err)
		}
		f(w)
	})
}

// newSystem returns a silent system that is shut down when the test ends.
func newSystem(tb testing.TB) *actor.System {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := sys.Shutdown(ctx); err != nil {
			tb.Error(err)
		}
	})
	return sys
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, fmt.Sprintf(format, args...))
}

// inInit has the room do f in each Init from now on.
func (w *world) inInit(name string, f func(ctx *actor.Context[do]) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.init[name] = f
}

// expect fails the test if not exactly this has happened since the last expect, when all
// is quiet.
func (w *world) expect(want ...string) {
	w.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if got, want := fmt.Sprint(w.events), fmt.Sprint(want); got != want {
		w.Fatalf("what happened:\n got %s\nwant %s", got, want)
	}
	w.events = nil
}

// find finds a room that must be there or start.
func (w *world) find(name string) supervisor.Ref[do] {
	w.Helper()
	ref, err := w.rooms.Find(w.Context(), name)
	if err != nil {
		w.Fatal(err)
	}
	if !ref.PID().Alive() {
		w.Fatalf("Find returned a Ref to %v, which does not run", ref)
	}
	return ref
}

// hold holds a room that must be there or start.
func (w *world) hold(holder actor.PID, name string) (supervisor.Ref[do], func()) {
	w.Helper()
	ref, release, err := w.rooms.Hold(w.Context(), holder, name)
	if err != nil {
		w.Fatal(err)
	}
	return ref, release
}

// someone starts an actor that is no entity.
func (w *world) someone() actor.PID {
	w.Helper()
	ref, err := actor.Spawn(w.sys, actor.Func(func(*actor.Context[any], any) error { return nil }))
	if err != nil {
		w.Fatal(err)
	}
	return ref.PID()
}

// expectError fails the test if err does not wrap each of those.
func (w *world) expectError(err error, want ...error) {
	w.Helper()
	for _, want := range want {
		if !errors.Is(err, want) {
			w.Fatalf("got error %v, want %v", err, want)
		}
	}
}

// expectNothing fails the test if the set has anything left.
func (w *world) expectNothing() {
	w.Helper()
	synctest.Wait()
	if n := w.rooms.Count(); n != 0 {
		w.Errorf("%d rooms run", n)
	}
	if n := w.sys.Count(); n != 2 { // the two supervisors
		w.Errorf("there are %d actors:\n%v", n, supervisor.Snapshot(w.Context(), w.sys))
	}
}
