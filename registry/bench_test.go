package registry_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry"
)

// go test -bench . -run '^$' ./registry

const benchKeys = 100_000

// filled returns a registry of many keys and one actor.
func filled(b *testing.B) (*registry.Registry[string], []string, actor.PID) {
	r := new(registry.Registry[string])
	pid := idle(b, newSystem(b)).PID()
	keys := make([]string, benchKeys)
	for i := range keys {
		keys[i] = fmt.Sprintf("user:%08d", i)
		register(b, r, keys[i], pid)
	}
	return r, keys, pid
}

func BenchmarkLookup(b *testing.B) {
	b.Run("one", func(b *testing.B) { // one key, as a busy room's
		r, keys, _ := filled(b)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := registry.Lookup[do](r, keys[0]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("all", func(b *testing.B) { // each time another one
		r, keys, _ := filled(b)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := registry.Lookup[do](r, keys[i%len(keys)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("one/parallel", func(b *testing.B) {
		r, keys, _ := filled(b)
		b.ReportAllocs()
		b.ResetTimer() // only Loop leaves the rest out by itself
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := registry.Lookup[do](r, keys[0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("all/parallel", func(b *testing.B) {
		r, keys, _ := filled(b)
		b.ReportAllocs()
		b.ResetTimer() // only Loop leaves the rest out by itself
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, err := registry.Lookup[do](r, keys[i%len(keys)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

func BenchmarkRegisterUnregister(b *testing.B) {
	b.Run("serial", func(b *testing.B) {
		r, _, _ := filled(b)
		pid := idle(b, newSystem(b)).PID()
		b.ReportAllocs()
		for b.Loop() {
			if err := r.Register("k", pid); err != nil {
				b.Fatal(err)
			}
			r.Unregister("k", pid)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		r, _, _ := filled(b)
		sys := newSystem(b)
		b.ReportAllocs()
		b.ResetTimer() // only Loop leaves the rest out by itself
		b.RunParallel(func(pb *testing.PB) {
			pid := idle(b, sys).PID()
			key := pid.String()
			for pb.Next() {
				if err := r.Register(key, pid); err != nil {
					b.Fatal(err)
				}
				r.Unregister(key, pid)
			}
		})
	})
}

// The memory of a million actors with a key each. What they take as idle actors is
// their own share. The registry's is what comes with the keys: its tables, the keys
// themselves, and what an actor needs to own anything.
func BenchmarkMillionKeys(b *testing.B) {
	const n, mb = 1_000_000, 1e6
	for b.Loop() {
		sys := newSystem(b)
		pids := make([]actor.PID, n)
		none := heap()
		for i := range pids {
			pids[i] = idle(b, sys).PID()
		}
		actors := heap()
		var r, other registry.Registry[string]
		for _, pid := range pids {
			register(b, &other, "k", pid)
			other.Unregister("k", pid)
		}
		owners := heap()
		began := time.Now()
		for i, pid := range pids {
			register(b, &r, fmt.Sprintf("user:%08d", i), pid)
		}
		b.ReportMetric(float64(time.Since(began).Nanoseconds())/n, "ns/key")
		keys := heap()
		b.ReportMetric(float64(keys-actors)/mb, "MB-registry")
		b.ReportMetric(float64(owners-actors)/mb, "MB-of-these-in-actors")
		b.ReportMetric(float64(actors-none)/mb, "MB-idle-actors")
		if total := keys - actors; total > 300*mb {
			b.Errorf("the registry's share is %d MB, want at most 300", total/mb)
		}
		runtime.KeepAlive(pids)
	}
}

func BenchmarkMulti(b *testing.B) {
	for _, others := range []int{0, 100, 10_000} { // under the same key
		b.Run(fmt.Sprintf("RegisterUnregister/others=%d", others), func(b *testing.B) {
			var m registry.Multi[string]
			other, pid := idle(b, newSystem(b)).PID(), idle(b, newSystem(b)).PID()
			for range others {
				add(b, &m, "k", other, nil)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := m.Register("k", pid, nil); err != nil {
					b.Fatal(err)
				}
				m.Unregister("k", pid)
			}
		})
	}
	b.Run("RegisterUnregister/parallel", func(b *testing.B) {
		var m registry.Multi[string]
		sys := newSystem(b)
		b.ReportAllocs()
		b.ResetTimer() // only Loop leaves the rest out by itself
		b.RunParallel(func(pb *testing.PB) {
			pid := idle(b, sys).PID()
			key := pid.String()
			for pb.Next() {
				if err := m.Register(key, pid, nil); err != nil {
					b.Fatal(err)
				}
				m.Unregister(key, pid)
			}
		})
	})
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("Dispatch/entries=%d", n), func(b *testing.B) {
			var m registry.Multi[string]
			pid := idle(b, newSystem(b)).PID()
			for range n {
				add(b, &m, "k", pid, nil)
			}
			sum := 0
			b.ReportAllocs()
			for b.Loop() {
				m.Dispatch("k", func(entries []registry.Entry) { sum += len(entries) })
			}
		})
	}
}

func BenchmarkRegisterUnregisterWithAListener(b *testing.B) {
	var r registry.Registry[string]
	pid := idle(b, newSystem(b)).PID()
	n := 0
	defer r.Observe(func(registry.Event[string]) { n++ })()
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Register("k", pid); err != nil {
			b.Fatal(err)
		}
		r.Unregister("k", pid)
	}
}
