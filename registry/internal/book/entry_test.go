package book

import (
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// The race that a test from outside seldom hits, step by step: the holder ends
// after it has come to own the entry and before the entry is added.
func TestEntryReleasedBeforeItIsAddedStaysOut(t *testing.T) {
	for _, unique := range []bool{true, false} {
		var b Book[string]
		e := newEntry(&b, "k", Row{})
		e.Release(actor.PID{}, actor.Normal)
		if holder, ok := b.add(e, unique); ok || !holder.IsZero() {
			t.Errorf("add: %v, %v, want a refusal", holder, ok)
		}
		if n := b.Len(); n != 0 {
			t.Errorf("%d entries are left", n)
		}
	}
}
