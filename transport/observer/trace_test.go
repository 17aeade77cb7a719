package observer_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// order is a message that says what it is.
type order struct{ number int }

func (o order) String() string { return fmt.Sprintf("order %d", o.number) }

type tracedPush struct {
	PID, Kind, Type, Message, Error string
	At                              int64
	Missed                          int
}

func TestATraceShowsWhatAnActorHandles(t *testing.T) {
	s := newSite(t, observer.Config{Authorize: lets(observer.Trace)})
	ref, err := actor.Spawn(s.sys, func() actor.Behavior[order] {
		return actor.BehaviorFunc[order](func(_ *actor.Context[order], o order) error {
			if o.number == 13 {
				return errors.New("out of stock")
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	v := s.open()
	trace := func(on bool) {
		ask[struct{}](v, "trace", map[string]any{"pid": ref.String(), "on": on})
	}
	trace(true)
	ref.Send(order{7})
	p := await[tracedPush](v, "traced")
	if p.PID != ref.String() || p.Message != "order 7" || p.Type != "observer_test.order" || p.Kind == "" || p.At == 0 || p.Error != "" {
		t.Errorf("it is told as %+v", p)
	}
	trace(false)
	ref.Send(order{8})
	actortest.Sync(t, ref.PID())
	trace(true)
	ref.Send(order{13})
	if p := await[tracedPush](v, "traced"); p.Message != "order 13" || p.Error != "out of stock" {
		t.Errorf("after a pause it is told as %+v", p)
	}
}

// traced starts an actor, and a page that traces it.
func traced(t *testing.T) (actor.Ref[int], *wstest.Channel) {
	t.Helper()
	sys := actortest.NewSystem(t, actortest.Silent())
	o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Trace)})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := actor.Spawn(sys, idle)
	if err != nil {
		t.Fatal(err)
	}
	_, room := join(t, o)
	trace := room.Push("trace", map[string]any{"pid": ref.String(), "on": true})
	room.AssertReply(trace, "ok")
	return ref, room
}

// A page is told of 50 messages a second, and how many it has missed; after a minute the
// trace ends by itself.
func TestATraceHasItsBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ref, room := traced(t)
		start := time.Now()
		for i := range 60 {
			ref.Send(i)
		}
		for i := range 50 {
			room.AssertPush("traced", wstest.Partial{"message": fmt.Sprint(i), "missed": 0})
		}
		room.RefutePush("traced")
		time.Sleep(time.Second) // of the bubble's
		ref.Send(60)
		room.AssertPush("traced", wstest.Partial{"message": "60", "missed": 10})
		room.Within(time.Hour).AssertPush("traceEnded", wstest.Partial{"pid": ref.String()})
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it has ended after %v", took)
		}
		ref.Send(61)
		room.RefutePush("traced")
	})
}

func TestATraceEndsAfterAThousandMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ref, room := traced(t)
		for i := range 1000 {
			ref.Send(i)
			time.Sleep(25 * time.Millisecond) // of the bubble's
		}
		room.AssertPush("traceEnded", wstest.Partial{"why": "there were a thousand messages"})
	})
}

// When the actor ends, so does its trace, at once: with the last thing that it has handled,
// and why it has ended.
func TestATraceEndsWithItsActor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Trace)})
		if err != nil {
			t.Fatal(err)
		}
		ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[order], order) error { return errors.New("out of stock") }))
		if err != nil {
			t.Fatal(err)
		}
		_, room := join(t, o)
		room.AssertReply(room.Push("trace", map[string]any{"pid": ref.String(), "on": true}), "ok")
		start := time.Now()
		ref.Send(order{1})
		room.AssertPush("traced", wstest.Partial{"message": "order 1", "error": "out of stock"})
		room.AssertPush("traceEnded", wstest.Partial{"pid": ref.String(), "why": "the actor has ended: out of stock"})
		if took := time.Since(start); took != 0 {
			t.Errorf("told after %v", took)
		}
		// A page that has not heard of it yet may end the trace.
		room.AssertReply(room.Push("trace", map[string]any{"pid": ref.String(), "on": false}), "ok")
		room.AssertReply(room.Push("trace", map[string]any{"pid": ref.String(), "on": true}), "error", wstest.Partial{"reason": "gone"})
	})
}
