package entity_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/entity"
	"github.com/troupe-go/troupe/supervisor"
)

// faults are what a user's function may do wrong. Release lets go what blocks.
func faults() (all map[string]func() error, release func()) {
	held := make(chan struct{})
	var typedNil *fs.PathError
	return map[string]func() error{
		"error":     func() error { return errBoom },
		"typed nil": func() error { return typedNil },
		"panic":     func() error { panic(typedNil) }, // whose text cannot be had
		"Goexit":    func() error { runtime.Goexit(); return nil },
		"block":     func() error { <-held; return nil },
	}, sync.OnceFunc(func() { close(held) })
}

// badKey is a key whose text costs something.
type badKey struct{ fault string }

// badText is what its String does.
var badText func(fault string)

func (k badKey) String() string { badText(k.fault); return k.fault }

// keyed is an entity that does what its constructor and its Init are told to.
type keyed struct{ init func() error }

func (k *keyed) Init(*actor.Context[do]) error { return k.init() }

func (*keyed) Receive(ctx *actor.Context[do], m do) error { return m(ctx) }

// Whatever a user's code does costs the one key.
func TestFaultCostsTheOneKey(t *testing.T) {
	ok := func() error { return nil }
	parts := map[string]func(fault func() error) (create func() *keyed, text func()){
		"constructor": func(fault func() error) (func() *keyed, func()) {
			return func() *keyed {
				if fault() != nil {
					return nil // a typed nil
				}
				return &keyed{ok}
			}, func() {}
		},
		"Init": func(fault func() error) (func() *keyed, func()) {
			return func() *keyed { return &keyed{fault} }, func() {}
		},
		"key's text": func(fault func() error) (func() *keyed, func()) {
			return func() *keyed { return &keyed{ok} }, func() { _ = fault() }
		},
	}
	names, _ := faults()
	for part, with := range parts {
		for name := range names {
			t.Run(part+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					all, release := faults()
					defer release()
					create, text := with(all[name])
					var broken atomic.Bool
					broken.Store(true)
					badText = func(fault string) {
						if broken.Load() && fault == "bad" {
							text()
						}
					}
					set := entity.New(plain, func(key badKey) *keyed {
						if broken.Load() && key.fault == "bad" {
							return create()
						}
						return &keyed{ok}
					})
					if _, err := set.Start(newSystem(t)); err != nil {
						t.Fatal(err)
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					_, err := set.Find(ctx, badKey{"bad"})
					if harmless := part == "key's text" && (name == "error" || name == "typed nil" || name == "panic"); harmless != (err == nil) {
						t.Errorf("the error is %T", err) // whose text may be none
					}
					if name == "block" != errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("the error is %T", err)
					}
					if _, err := set.Find(t.Context(), badKey{"good"}); err != nil {
						t.Errorf("another key: %v", err)
					}
					broken.Store(false)
					release()
					synctest.Wait()
					if _, err := set.Find(t.Context(), badKey{"bad"}); err != nil {
						t.Errorf("when it is mended: %v", err)
					}
				})
			})
		}
	}
}

// A bad Config is refused where it is started.
func TestBadConfigIsRefused(t *testing.T) {
	sys := newSystem(t)
	for want, set := range map[string]*entity.Set[string, do]{
		"newEntity": entity.New[string, do, *room](plain, nil),
		"Linger":    entity.New(entity.Config{Linger: -1}, newRoom),
		"Max":       entity.New(entity.Config{Max: -1}, newRoom),
		"Shutdown":  entity.New(entity.Config{Shutdown: -2}, newRoom),
		"Backoff":   entity.New(entity.Config{Backoff: supervisor.Backoff{Max: time.Second}}, newRoom),
	} {
		_, err := set.Start(sys)
		if spec, ok := errors.AsType[*supervisor.SpecError](err); !ok || spec.Field != want || spec.Child != "entities" {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func newRoom(string) *room { return nil }

// Max bounds the entities, and says so.
func TestMax(t *testing.T) {
	inWorld(t, entity.Config{Max: 2}, func(w *world) {
		w.find("a")
		w.find("b").Send(crash)
		_, err := w.rooms.Find(w.Context(), "c")
		w.expectError(err, supervisor.ErrMaxChildren)
		if want := `entity: find rooms "c": maximum of children reached`; err.Error() != want {
			t.Errorf("the error is %q, want %q", err, want)
		}
		w.find("a").Send(finish)
		synctest.Wait()
		w.find("c")
		w.find("b")
	})
}

// titled is an entity that says itself what it is.
type titled struct{ *room }

func (titled) ActorLabel() string { return "the one and only" }

// People see the set and the key, in snapshots, in the log of a crash and in errors.
func TestEntitiesAreKnownByTheirKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		w := &world{T: t, live: map[string]int{}}
		rooms := entity.New(entity.Config{ID: "rooms"}, func(name string) *room { return &room{w, name} })
		users := entity.New(entity.Config{ID: "users"}, func(id int) titled { return titled{&room{w, "user"}} })
		tree, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{rooms.Child(), users.Child()}})
		if err != nil {
			t.Fatal(err)
		}
		lobby, err := rooms.Find(t.Context(), "lobby")
		if err != nil {
			t.Fatal(err)
		}
		user, err := users.Find(t.Context(), 7)
		if err != nil {
			t.Fatal(err)
		}
		if got := user.PID().Label(); got != "the one and only" {
			t.Errorf("a Labeler is called %q", got)
		}
		synctest.Wait() // until both are idle, as the start of neither is when it is found
		drawing := supervisor.SnapshotOf(t.Context(), tree.PID()).String()
		for _, want := range []string{
			"─ rooms <", "  └─ rooms \"lobby\" " + lobby.String() + " idle\n",
			"─ users <", "  └─ users 7 " + user.String() + " (the one and only) idle\n",
		} {
			if !strings.Contains(drawing, want) {
				t.Errorf("the snapshot does not have %q:\n%s", want, drawing)
			}
		}
		pid := lobby.PID()
		lobby.Send(crash)
		<-pid.Done()
		if err := sys.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		for _, want := range []string{
			`msg="actor crashed"`, `label="rooms \"lobby\""`, `behavior=*entity_test.room`, `child="rooms \"lobby\""`,
		} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log does not have %s:\n%s", want, log.String())
			}
		}
	})
}
