package nats

import (
	"errors"
	"log/slog"
	"testing"
	"time"
)

// dumb is an exit reason that says nothing until it is closed.
type dumb chan struct{}

func (d dumb) Error() string {
	<-d
	return "dumb"
}

// A node that ends in a hurry does not wait for what a reason says: its own end is one.
func TestNodeThatEndsWaitsForNoReason(t *testing.T) {
	l, reason := newLeases(nil, time.Second, slog.New(slog.DiscardHandler), nil), make(dumb)
	defer close(reason)
	defer l.stop()
	l.hurry()
	if told := farewellIn(l.farewellTo("id", reason)).reason("id"); !errors.Is(told, errGone) {
		t.Errorf("a monitor is told %v", told)
	}
}
