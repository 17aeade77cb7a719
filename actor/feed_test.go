package actor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
)

// shelf is a source of messages.
type shelf struct {
	mu      sync.Mutex
	left    []string
	handled int
}

func (s *shelf) Next() (string, actor.Carried, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.left) == 0 {
		return "", actor.Carried{}, false
	}
	m := s.left[0]
	s.left = s.left[1:]
	return m, actor.Carried{}, true
}

func (s *shelf) Handled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handled++
}

func (s *shelf) expect(t *testing.T, left, handled int) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.left) != left || s.handled != handled {
		t.Errorf("%d are left and %d were handled, want %d and %d", len(s.left), s.handled, left, handled)
	}
}

// reader notes what it handles, and fails as told.
type reader struct{ seen []string }

var errTorn = errors.New("torn")

func (r *reader) Receive(ctx *actor.Context[string], m string) error {
	r.seen = append(r.seen, m)
	switch m {
	case "stop":
		return actor.Stop
	case "fail":
		return errTorn
	case "panic":
		panic("torn")
	}
	return nil
}

func spawnReader(t *testing.T, opts ...actor.Option) (*reader, actor.Ref[string]) {
	t.Helper()
	r := new(reader)
	ref, err := actor.Spawn(newSystem(t), func() *reader { return r }, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return r, ref
}

// What is fetched is handled until there is no more; a failure leaves the rest where it
// is, and does not count as handled.
func TestFeedUntilThereIsNoMore(t *testing.T) {
	for _, c := range []struct {
		messages      []string
		left, handled int
		end           error
	}{
		{messages: []string{"a", "b", "c"}, handled: 3},
		{messages: []string{"a", "stop", "c"}, left: 1, handled: 2, end: actor.Normal},
		{messages: []string{"a", "fail", "c"}, left: 1, handled: 1, end: errTorn},
		{messages: []string{"panic", "c"}, left: 1, end: &actor.PanicError{}},
	} {
		t.Run(fmt.Sprint(c.messages), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, ref := spawnReader(t)
				s := &shelf{left: slices.Clone(c.messages)}
				actor.Feed(ref, s)()
				s.expect(t, c.left, c.handled)
				err := ref.PID().Err()
				_, panicked := errors.AsType[*actor.PanicError](err)
				if _, want := c.end.(*actor.PanicError); panicked != want || !want && err != c.end {
					t.Errorf("the actor's end is %v, want %v", err, c.end)
				}
			})
		})
	}
}

// A message that was sent before the wake is handled before what is fetched, and one that
// comes meanwhile has its turn.
func TestFeedTakesTurnsWithTheMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, ref := spawnReader(t, actor.Mailbox(mailbox.Bounded(1, mailbox.Fail)))
		pid := ref.PID()
		s := &shelf{left: []string{"1", "2"}}
		wake := actor.Feed(ref, s)
		if err := pid.Suspend(t.Context()); err != nil {
			t.Fatal(err)
		}
		ref.Send("before")
		wake()
		s.expect(t, 2, 0) // a suspended actor fetches nothing
		if err := pid.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.expect(t, 0, 2)
		ref.Send("after")
		synctest.Wait()
		if want := []string{"before", "1", "2", "after"}; !slices.Equal(r.seen, want) {
			t.Errorf("it has handled %q, want %q", r.seen, want)
		}
	})
}

// What an actor does not fetch is not lost with it, and a wake of the dead does nothing.
func TestFeedLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, ref := spawnReader(t)
		s := &shelf{left: []string{"a"}}
		wake := actor.Feed(ref, s)
		if err := ref.PID().Stop(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		wake()
		s.expect(t, 1, 0)
		actor.Feed(actor.Ref[string]{}, s)()
		s.expect(t, 1, 0)
	})
}

// What is fetched is seen by those that trace the actor.
func TestFeedIsTraced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, ref := spawnReader(t)
		var traced []any
		err := ref.PID().Trace(t.Context(), func(e actor.Trace) { traced = append(traced, e.Message) })
		if err != nil {
			t.Fatal(err)
		}
		s := &shelf{left: []string{"a"}}
		actor.Feed(ref, s)()
		s.expect(t, 0, 1)
		if err := ref.PID().Trace(context.Background(), nil); err != nil || !slices.Equal(traced, []any{"a"}) {
			t.Errorf("traced %v, %v", traced, err)
		}
	})
}
