package view_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/registry"
	"github.com/troupe-go/troupe/registry/entity"
	"github.com/troupe-go/troupe/registry/group"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/registry/view"
	"github.com/troupe-go/troupe/supervisor/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func idle(t *testing.T, sys *actor.System, opts ...actor.Option) actor.PID {
	t.Helper()
	ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[string], string) error { return nil }), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return ref.PID()
}

// expect checks what a table shows.
func expect(t *testing.T, table view.Table, filter string, limit, total int, want ...[]string) {
	t.Helper()
	rows, n, err := table.Rows(t.Context(), filter, limit)
	if err != nil || n != total || len(rows) != len(want) || len(want) > 0 && !reflect.DeepEqual(rows, want) {
		t.Errorf("%s, %q, %d: got %q of %d, %v; want %q of %d", table.Name, filter, limit, rows, n, err, want, total)
	}
	for _, row := range rows {
		if len(row) != len(table.Columns) {
			t.Errorf("%s: %d cells for %d columns", table.Name, len(row), len(table.Columns))
		}
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTablesShowWhatThereIs(t *testing.T) {
	sys := actortest.NewSystem(t)
	var rooms registry.Registry[string]
	var tags registry.Multi[int]
	var teams group.Set[string]
	var events pubsub.PubSub[string]
	a, b := idle(t, sys, actor.Name("first")), idle(t, sys)
	ok(t, rooms.RegisterValue("Attic", a, 7))
	ok(t, rooms.Register("cellar", b))
	ok(t, tags.Register(1, a, "x"))
	ok(t, tags.Register(1, b, nil))
	ok(t, teams.Join("red", a))
	ok(t, teams.Join("red", b))
	ok(t, events.Subscribe(a, "news", deaf{}))
	attic, cellar := []string{"Attic", a.String(), "first", "7"}, []string{"cellar", b.String(), "", ""}

	table := view.Registry("rooms", &rooms)
	expect(t, table, "", 10, 2, attic, cellar)
	expect(t, table, "at", 10, 1, attic)
	expect(t, table, b.String(), 10, 1, cellar)
	expect(t, table, "attics", 10, 0)
	expect(t, table, "", 0, 2)
	expect(t, table, "A", 0, 2)
	expect(t, table, "", -1, 2)
	expect(t, view.Multi("tags", &tags), a.String(), 10, 1, []string{"1", a.String(), "first", "x"})
	expect(t, view.Groups("teams", &teams), "", 10, 1, []string{"red", "2", "2"})
	expect(t, view.Topics("events", &events), "", 10, 1, []string{"news", "1"})
}

// deaf is a subscriber that takes nothing.
type deaf struct{}

func (deaf) Deliver(string, string) {}

func TestTablesShowEntitiesAndPools(t *testing.T) {
	sys := actortest.NewSystem(t)
	rooms := entity.New(entity.Config{}, func(string) actor.Behavior[string] {
		return actor.BehaviorFunc[string](func(*actor.Context[string], string) error { return nil })
	})
	_, err := rooms.Start(sys)
	ok(t, err)
	ref, err := rooms.Find(t.Context(), "lobby")
	ok(t, err)
	expect(t, view.Entities("rooms", rooms), "lob", 5, 1, []string{"lobby", ref.PID().String(), "0", "0"})
	mails := pool.New(pool.Config{ID: "mails", Min: 1}, actor.Func(func(*actor.Context[string], string) error { return nil }))
	table := view.Pools("pools", mails)
	expect(t, table, "", 5, 1, []string{"mails", "0", "0s", "0", "0", "0", "0", "0", "0"})
	_, err = mails.Start(sys)
	ok(t, err)
	expect(t, table, "mail", 5, 1, []string{"mails", "0", "0s", "1", "0", "0", "0", "0", "0"})
	expect(t, table, "jobs", 5, 0)
}

// A table of many rows is not walked to its end for a few of them, and a long text is cut.
func TestTablesAreBounded(t *testing.T) {
	sys := actortest.NewSystem(t)
	pid, asked := idle(t, sys), 0
	var many registry.Registry[counted]
	for i := range 1000 {
		ok(t, many.Register(counted{i, &asked}, pid))
	}
	rows, total, err := view.Registry("many", &many).Rows(t.Context(), "", 3)
	if len(rows) != 3 || total != 1000 || err != nil || asked > 4 {
		t.Errorf("%d rows of %d, %v, %d keys asked", len(rows), total, err, asked)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	asked = 0
	if _, _, err = view.Registry("many", &many).Rows(ctx, "none", 3); !errors.Is(err, context.Canceled) || asked >= 1000 {
		t.Errorf("when nobody waits: %v, %d keys asked", err, asked)
	}
	var long registry.Registry[string]
	ok(t, long.Register(strings.Repeat("ü", 1000), pid))
	rows, _, _ = view.Registry("long", &long).Rows(t.Context(), "", 1)
	if key := rows[0][0]; len(key) > 256 || !utf8.ValidString(key) || !strings.HasSuffix(key, "ü…") {
		t.Errorf("%d bytes: %q", len(key), key)
	}
}

// counted is a key that counts how often it is shown.
type counted struct {
	n     int
	asked *int
}

func (c counted) String() string { *c.asked++; return fmt.Sprint("key ", c.n) }
