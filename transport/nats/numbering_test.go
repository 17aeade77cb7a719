package nats

import (
	"fmt"
	"testing"
)

// Nodes that say hello without end have a node tell so much of its topics at a beat and no more;
// one that does is told of all of them.
func TestHellosWithoutEndAreAnsweredInParts(t *testing.T) {
	const topics = 2*retoldAtOnce + 1
	n, s := newNumbering(defaultTimes), newSubjects("x", "a")
	for i := range topics {
		n.next(fmt.Sprint(i), s)
	}
	for range defaultTimes.told {
		n.tell(func(*line) {})
	}
	told := make(map[*line]int)
	for beat := range 6 {
		n.again()
		n.again()
		count := 0
		n.tell(func(l *line) {
			count++
			told[l]++
		})
		want := retoldAtOnce
		if beat%3 == 2 {
			want = 1
		}
		if count != want {
			t.Errorf("told of %d topics at beat %d, want %d", count, beat, want)
		}
	}
	for l, times := range told {
		if times != 2 {
			t.Fatalf("%q was told %d times in two rounds", l.topic, times)
		}
	}
	if len(told) != topics {
		t.Errorf("told of %d topics, want %d", len(told), topics)
	}
}
