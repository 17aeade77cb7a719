package entity_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/entity"
	"github.com/troupe-go/troupe/supervisor"
)

// records keeps the records of a log, each as its level, its text and the child.
type records struct {
	mu  sync.Mutex
	all []string
}

func (*records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler     { return r }
func (r *records) WithGroup(string) slog.Handler          { return r }

func (r *records) Handle(_ context.Context, record slog.Record) error {
	child := ""
	record.Attrs(func(a slog.Attr) bool {
		if a.Key == "child" {
			child = " " + a.Value.String()
		}
		return true
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, fmt.Sprint(record.Level, " ", record.Message, child))
	return nil
}

// A set reports what befalls its entities as supervisors do: one failure is one record at
// the level of an error.
func TestSetReportsAsSupervisorsDo(t *testing.T) {
	const name = ` rooms "lobby"`
	for _, test := range []struct {
		name string
		do   func(ref supervisor.Ref[do], set *entity.Set[string, do], w *world)
		want []string
	}{
		{"a crash", func(ref supervisor.Ref[do], _ *entity.Set[string, do], _ *world) {
			ref.Send(crash)
		}, []string{"ERROR actor crashed", "INFO supervisor: child terminated" + name}},
		{"a kill", func(ref supervisor.Ref[do], _ *entity.Set[string, do], _ *world) {
			ref.PID().Exit(actor.Kill)
		}, []string{"ERROR supervisor: child terminated" + name}},
		{"a crash of one that has no link", func(ref supervisor.Ref[do], _ *entity.Set[string, do], _ *world) {
			ref.Send(func(ctx *actor.Context[do]) error { ctx.Unlink(ctx.Parent()); return errBoom })
		}, []string{"ERROR actor crashed", "INFO supervisor: child terminated" + name}},
		{"a restart that fails", func(ref supervisor.Ref[do], _ *entity.Set[string, do], w *world) {
			once := false
			w.inInit("lobby", func(*actor.Context[do]) error {
				if once {
					return nil
				}
				once = true
				return (*fs.PathError)(nil) // whose text cannot be had
			})
			ref.PID().Exit(actor.Kill)
		}, []string{"ERROR supervisor: child terminated" + name, "ERROR supervisor: child did not start" + name}},
		{"a crash on the way out", func(ref supervisor.Ref[do], set *entity.Set[string, do], w *world) {
			ref.Send(func(*actor.Context[do]) error { time.Sleep(time.Second); return errBoom })
			if err := set.Stop(w.Context(), "lobby"); err != nil {
				w.Error(err)
			}
		}, []string{"ERROR actor crashed", "INFO supervisor: child did not stop in order" + name}},
		{"a stop", func(_ supervisor.Ref[do], set *entity.Set[string, do], w *world) {
			if err := set.Stop(w.Context(), "lobby"); err != nil {
				w.Error(err)
			}
		}, nil},
		{"an end of its own", func(ref supervisor.Ref[do], _ *entity.Set[string, do], _ *world) {
			ref.Send(finish)
		}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := new(records)
				w := &world{T: t, init: map[string]func(*actor.Context[do]) error{}, live: map[string]int{}}
				w.sys = actor.NewSystem(actor.Config{Logger: slog.New(log)})
				set := entity.New(entity.Config{ID: "rooms"}, func(name string) *quiet { return &quiet{w, name} })
				if _, err := set.Start(w.sys); err != nil {
					t.Fatal(err)
				}
				ref, err := set.Find(t.Context(), "lobby")
				if err != nil {
					t.Fatal(err)
				}
				test.do(ref, set, w)
				time.Sleep(time.Minute)
				synctest.Wait()
				got := slices.Clone(log.all)
				if err := w.sys.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("the log has\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(test.want, "\n\t"))
				}
			})
		})
	}
}

// quiet is a room that writes nothing down.
type quiet struct {
	w    *world
	name string
}

func (q *quiet) Init(ctx *actor.Context[do]) error {
	q.w.mu.Lock()
	init := q.w.init[q.name]
	q.w.mu.Unlock()
	if init != nil {
		return init(ctx)
	}
	return nil
}

func (*quiet) Receive(ctx *actor.Context[do], m do) error { return m(ctx) }

// A set that is told to end gives its entities their time, all at once, also those whose
// Stop has begun and waits behind their messages.
func TestEndOfASetTakesTheTimeOfItsEntities(t *testing.T) {
	inWorld(t, plain, func(w *world) {
		for _, name := range []string{"a", "b", "c"} {
			w.find(name).Send(func(*actor.Context[do]) error { time.Sleep(3 * time.Second); return nil })
		}
		for range 3 { // which are not handled
			c, _ := w.rooms.Lookup("c")
			c.Send(func(*actor.Context[do]) error { w.note("done"); time.Sleep(time.Second); return nil })
		}
		stopped := make(chan error)
		go func() { stopped <- w.rooms.Stop(w.Context(), "c") }()
		synctest.Wait()
		begun := time.Now()
		if err := w.sup.Stop(w.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		w.mu.Lock()
		slices.Sort(w.events)
		w.mu.Unlock()
		w.expect("+a", "+b", "+c", "-a: shutdown", "-b: shutdown", "-c: shutdown")
	})
}
