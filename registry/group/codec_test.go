package group_test

import (
	"errors"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/group"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// moody is a codec that does something first, where its name is asked for or when it encodes.
type moody struct {
	pubsub.JSON[string]
	name   func() string
	encode func() error
}

func (m moody) Name() string { return m.name() }

func (m moody) Encode(topic, s string) ([]byte, error) {
	if err := m.encode(); err != nil {
		return nil, err
	}
	return m.JSON.Encode(topic, s)
}

// A codec that fails costs the one that sends no more than the message, and no second longer than
// one; those on its own node get theirs.
func TestFaultOfACodecCostsTheMessageThatIsSent(t *testing.T) {
	var typedNil *fs.PathError
	good := moody{name: func() string { return "moody" }, encode: func() error { return nil }}
	for name, c := range map[string]struct {
		fault func(held chan struct{}) moody
		want  error // nil: any
	}{
		"the name is too long": {func(chan struct{}) moody {
			return moody{name: func() string { return strings.Repeat("n", 65) }}
		}, pubsub.ErrEncoding},
		"the name panics": {func(chan struct{}) moody { return moody{name: func() string { panic(typedNil) }} }, nil},
		"the name exits":  {func(chan struct{}) moody { return moody{name: func() string { runtime.Goexit(); return "" }} }, actor.Goexit},
		"the name hangs":  {func(held chan struct{}) moody { return moody{name: func() string { <-held; return "" }} }, pubsub.ErrOverloaded},
		"encoding fails": {func(chan struct{}) moody {
			return moody{name: good.name, encode: func() error { return fs.ErrInvalid }}
		}, fs.ErrInvalid},
		"encoding panics": {func(chan struct{}) moody { return moody{name: good.name, encode: func() error { panic(typedNil) }} }, nil},
		"encoding exits": {func(chan struct{}) moody {
			return moody{name: good.name, encode: func() error { runtime.Goexit(); return nil }}
		}, actor.Goexit},
		"encoding hangs": {func(held chan struct{}) moody {
			return moody{name: good.name, encode: func() error { <-held; return nil }}
		}, pubsub.ErrOverloaded},
		"its error panics": {func(chan struct{}) moody { return moody{name: good.name, encode: func() error { return typedNil }} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				held := make(chan struct{})
				defer close(held)
				bad := text
				bad.Codec = c.fault(held)
				sys, sets := newSystem(t), newSets("a", "b")
				hub(t, sys, new(pubsub.Hub), sets)
				if err := sets["b"].Serve(text); err != nil {
					t.Fatal(err)
				}
				far, there := sink(t, sys)
				join(t, sets["b"], "far", far)
				join(t, sets["b"], "both", far)
				near, here := sink(t, sys)
				join(t, sets["a"], "both", near)
				synctest.Wait()
				for group, send := range map[string]func(group.Group, string) error{"both": bad.SendAll, "far": bad.SendOne} {
					began := time.Now()
					err := send(sets["a"].Group(group), "bad")
					if err == nil || c.want != nil && !errors.Is(err, c.want) || time.Since(began) > time.Second {
						t.Errorf("to %s: %v after %v, want %v", group, err, time.Since(began), c.want)
					}
					_ = err.Error()
				}
				if err := text.SendOne(sets["a"].Group("far"), "good"); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				if got, near := drain(there), drain(here); !slices.Equal(got, []string{"good"}) || !slices.Equal(near, []string{"bad"}) {
					t.Errorf("there %q, here %q", got, near)
				}
			})
		})
	}
}

// A codec whose name cannot go along is refused where it is served, and nothing is held up by one
// whose name is never told.
func TestServeRefusesCodecsWithoutAProperName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		defer close(held)
		var s group.Set[string]
		for want, name := range map[string]func() string{
			"65 bytes":      func() string { return strings.Repeat("n", 65) },
			"out of order":  func() string { panic("out of order") },
			"Goexit":        func() string { runtime.Goexit(); return "" },
			"took too long": func() string { <-held; return "" },
		} {
			m := text
			m.Codec = moody{name: name}
			if err := s.Serve(m); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("served, %v: want %q", err, want)
			}
		}
		if err := s.Serve(text); err != nil {
			t.Errorf("after failures: %v", err)
		}
	})
}
