package book

import (
	"context"
	"fmt"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

func spawn(t *testing.T) actor.PID {
	sys := actor.NewSystem(actor.Config{})
	ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.Shutdown(context.Background()) })
	return ref.PID()
}

// expectSilence checks that changes cost nothing for those who listened.
func expectSilence(t *testing.T, b *Book[string]) {
	t.Helper()
	for i := range b.keys {
		sh := &b.keys[i]
		if sh.listening || sh.telling != nil || sh.news != nil && len(sh.news.pending) > 0 {
			t.Fatalf("shard %d is listening: %v, telling: %v", i, sh.listening, sh.telling != nil)
		}
	}
}

func TestNoListenerLeavesNoCost(t *testing.T) {
	var b Book[string]
	pid := spawn(t)
	stopAll := b.Listen(true, func(Change[string]) {}, nil)
	stopA := b.ListenTo("k", func(Change[string]) {}, nil)
	stopB := b.ListenTo("k", func(Change[string]) {}, nil)
	b.Add("k", pid, nil)
	stopA()
	stopAll()
	if !b.shardOf(hashOf("k")).listening {
		t.Error("one listener is left, and nobody listens")
	}
	stopB()
	expectSilence(t, &b)
	if n := b.shardOf(hashOf("k")).news.one.Len(); n != 0 {
		t.Errorf("%d keys are left that somebody listens to", n)
	}
}

// The first call comes while the listener is still being listed in other shards.
func TestListenerThatPanicsAtOnceIsCalledOnce(t *testing.T) {
	var b Book[string]
	pid := spawn(t)
	for i := range 200 {
		b.Add(fmt.Sprint(i), pid, nil)
	}
	calls := 0
	stop := b.Listen(true, func(Change[string]) { calls++; panic("listener") }, nil)
	b.Add("one more", pid, nil)
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
	expectSilence(t, &b)
	stop()

	b.ListenTo("7", func(Change[string]) { calls++; panic("listener") }, nil)
	b.Remove("7", pid, false)
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
	expectSilence(t, &b)
}

// A change that waits is not told to one who has stopped since.
func TestStoppedListenerIsNotTold(t *testing.T) {
	var b Book[string]
	pid := spawn(t)
	var stop func()
	defer b.Listen(false, func(Change[string]) { stop() }, nil)()
	stop = b.Listen(false, func(Change[string]) { t.Error("told after stop") }, nil)
	b.Add("k", pid, nil)
}

// A row that was found once and left keeps no hold on others that go their own
// ways.
func TestRemovalsOfOneAfterTheOtherLeaveTheRest(t *testing.T) {
	var b Book[string]
	pid, other := spawn(t), spawn(t)
	for i := range 5 {
		b.Add("k", pid, i)
	}
	b.Remove("k", pid, true)
	b.Add("k", other, "other")
	for i := 1; i < 5; i++ {
		var values []any
		b.Each("k", func(row Row) { values = append(values, row.Value) })
		if len(values) != 6-i || values[0] != i {
			t.Errorf("before removal %d there are %v", i, values)
		}
		if !b.Remove("k", pid, true) {
			t.Error("nothing to remove")
		}
	}
	if b.Remove("k", pid, true) {
		t.Error("removed once too often")
	}
	if row, ok := b.First("k"); !ok || row.PID != other || b.Len() != 1 {
		t.Errorf("left is %v, of %d", row, b.Len())
	}
}
