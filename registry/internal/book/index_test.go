package book

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

// REG-14: the keys share the locks evenly, so that two of them seldom meet.
func TestKeysAreSpreadOverTheShards(t *testing.T) {
	var b Book[string]
	pid := spawn(t)
	const each = 100
	for i := range each * shardCount {
		b.Add(fmt.Sprint("user:", i), pid, nil)
	}
	for i := range b.keys {
		if n := b.keys[i].n; n < each/2 || n > 2*each {
			t.Errorf("shard %d has %d keys, want about %d", i, n, each)
		}
	}
}

// REG-14: a key that is being changed holds up neither those who read it nor those
// who change keys of other shards.
func TestLockOfAShardHoldsUpOnlyChangesInIt(t *testing.T) {
	var b Book[int]
	pid := spawn(t)
	b.Add(0, pid, "value")
	sh := b.shardOf(hashOf(0))
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if row, ok := b.First(0); !ok || row != (Row{pid, "value"}) || b.FirstPID(0) != pid {
		t.Errorf("read beside a change: %v", row)
	}
	others := 0
	for key := range 10 * shardCount {
		if b.shardOf(hashOf(key)) != sh {
			b.Add(key, pid, nil)
			others++
		}
	}
	if others < 9*shardCount {
		t.Errorf("only %d keys are of other shards", others)
	}
}

// A reader without the lock finds a key that stays, whatever comes and goes beside
// it, and whichever of its entries is the oldest.
func TestReadersFindWhatStaysWhileTheIndexChanges(t *testing.T) {
	const rounds, crowd = 50, 300
	var b Book[int]
	first, second := spawn(t), spawn(t)
	b.Add(-1, first, nil)
	b.Add(-2, first, nil)
	stop := make(chan struct{})
	var reading sync.WaitGroup
	for range 2 {
		reading.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, key := range []int{-1, -2} {
					if pid := b.FirstPID(key); pid != first && (key == -1 || pid != second) {
						t.Errorf("key %d, which stays, is found with %v", key, pid)
						return
					}
				}
			}
		})
	}
	for round := range rounds {
		for i := range crowd {
			b.Add(round*crowd+i, first, nil)
		}
		b.Add(-2, second, nil)
		b.Remove(-2, first, true)
		for i := range crowd {
			b.Remove(round*crowd+i, first, true)
		}
		b.Add(-2, first, nil)
		b.Remove(-2, second, true)
	}
	close(stop)
	reading.Wait()
	if n := b.Len(); n != 2 {
		t.Errorf("%d entries are left", n)
	}
}

// The table takes keys in the slots of others that have gone, and is small again
// when they have.
func TestIndexGrowsAndShrinks(t *testing.T) {
	var x index[int]
	size := func() int {
		if tab := x.table.Load(); tab != nil {
			return len(tab.slots)
		}
		return 0
	}
	const n = 1000
	entries := make([]*entry[int], n)
	for i := range entries {
		entries[i] = &entry[int]{key: i, hash: hashOf(i)}
	}
	for range 3 {
		for i, e := range entries {
			x.add(e, byKey)
			if got := x.get(e.hash, i); got != e {
				t.Fatalf("key %d: %v", i, got)
			}
		}
		if s := size(); s < 2*n || s > 8*n {
			t.Errorf("%d keys take %d slots", n, s)
		}
		for _, e := range slices.Backward(entries) {
			x.delete(e, byKey)
			if got := x.get(e.hash, e.key); got != nil {
				t.Fatalf("key %d is left", e.key)
			}
		}
		if s := size(); s > minSlots {
			t.Errorf("no key takes %d slots", s)
		}
	}
	// One that comes and goes all the time.
	before := size()
	for i := range 10 * n {
		x.add(entries[i%2], byKey)
		x.delete(entries[i%2], byKey)
	}
	if s := size(); s > max(before, minSlots) {
		t.Errorf("no key takes %d slots after much coming and going", s)
	}
	x.add(entries[0], byKey)
	x.replace(entries[0], entries[0], byKey)
	for e := range x.all {
		if e != entries[0] {
			t.Errorf("found %v", e)
		}
	}
}

// The zero key is not taken for the mark of those that have gone, nor the other
// way round.
func TestZeroKey(t *testing.T) {
	var x index[int]
	e := &entry[int]{} // its hash is zero, as the mark's
	other := &entry[int]{key: 1}
	x.add(e, byKey)
	x.add(other, byKey) // behind it
	x.delete(e, byKey)
	if got := x.get(0, 0); got != nil {
		t.Errorf("a key that has gone is found: %v", got)
	}
	if got := x.get(0, 1); got != other {
		t.Errorf("the key behind it is %v", got)
	}
	x.add(e, byKey)
	if got := x.get(0, 0); got != e {
		t.Errorf("the key that came back is %v", got)
	}
}
