package table_test

import (
	"maps"
	"runtime"
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/registry/internal/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMapHoldsWhatAMapDoes(t *testing.T) {
	var got table.Map[int, int]
	want := map[int]int{}
	check := func() {
		t.Helper()
		if !maps.Equal(maps.Collect(got.All), want) || got.Len() != len(want) {
			t.Fatalf("there are %d keys, want %d", got.Len(), len(want))
		}
	}
	const n = 1000
	for i := range n {
		got.Set(i, -i)
		want[i] = -i
	}
	check()
	for i := range n { // past several shrinks
		got.Delete(i)
		got.Delete(i)
		delete(want, i)
		check()
		if v := got.Get(i); v != 0 {
			t.Fatalf("key %d is still there", i)
		}
	}
	for range got.All {
		t.Error("an empty map has a key")
	}
}

func TestMapGivesMemoryBack(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	const n, left = 100_000, 100
	var m table.Map[int, int]
	empty := heap()
	for i := range n {
		m.Set(i, i)
	}
	full := heap()
	for i := range n - left {
		m.Delete(i)
	}
	if full-empty < 16*n || heap()-empty > (full-empty)/20 {
		t.Errorf("full %d bytes, nearly empty %d", full-empty, heap()-empty)
	}
	if m.Len() != left {
		t.Errorf("%d keys are left, want %d", m.Len(), left)
	}
}
