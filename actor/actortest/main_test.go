package actortest_test

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// trial is the testing.TB of a test that is to fail.
type trial struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	out      bytes.Buffer
	cleanups []func()
}

func (tr *trial) Helper()          {}
func (tr *trial) Cleanup(f func()) { tr.cleanups = append(tr.cleanups, f) }
func (tr *trial) Output() io.Writer {
	return &tr.out
}

func (tr *trial) Errorf(format string, args ...any) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.failures = append(tr.failures, fmt.Sprintf(format, args...))
}

func (tr *trial) Fatalf(format string, args ...any) {
	tr.Errorf(format, args...)
	panic(tr) // as good as Goexit, and the test goes on on its own goroutine
}

// try runs f, and the clean-up, as a test of their own. It returns the failures
// and the log.
func try(t *testing.T, f func(t testing.TB)) (failures, log string) {
	t.Helper()
	tr := &trial{TB: t}
	guarded := func(f func()) {
		defer func() {
			if v := recover(); v != nil && v != any(tr) {
				panic(v)
			}
		}()
		f()
	}
	guarded(func() { f(tr) })
	for _, cleanup := range slices.Backward(tr.cleanups) {
		guarded(cleanup)
	}
	return strings.Join(tr.failures, "\n"), tr.out.String()
}

// run runs the test of an example.
func run(test func(t testing.TB)) {
	failures, _ := try(new(testing.T), test)
	fmt.Println(cmp.Or(failures, "PASS"))
}

// wantParts checks that s has all parts, in order.
func wantParts(t *testing.T, s string, parts ...string) {
	t.Helper()
	rest := s
	for _, part := range parts {
		i := strings.Index(rest, part)
		if i < 0 {
			t.Errorf("%q is missing, or out of order, in:\n%s", part, s)
			return
		}
		rest = rest[i+len(part):]
	}
}

// bubble runs f in a bubble of virtual time.
func bubble(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

// do is a message that its actor runs.
type do func(*actor.Context[do]) error

func newDoer() actor.BehaviorFunc[do] {
	return func(ctx *actor.Context[do], m do) error { return m(ctx) }
}

func spawn(t testing.TB, sys *actor.System, opts ...actor.Option) actor.Ref[do] {
	t.Helper()
	ref, err := actor.Spawn(sys, newDoer, opts...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return ref
}

// telling is a message whose handler sends words to a probe.
func telling(probe *actortest.Probe[string], words ...string) do {
	return func(*actor.Context[do]) error {
		for _, w := range words {
			probe.Ref().Send(w)
		}
		return nil
	}
}

// returning is a message whose handler returns err.
func returning(err error) do { return func(*actor.Context[do]) error { return err } }

// stuck is a message whose handler does not return, and tells when it runs.
func stuck(release <-chan struct{}) (m do, runs <-chan struct{}) {
	c := make(chan struct{})
	return func(*actor.Context[do]) error {
		close(c)
		<-release
		return nil
	}, c
}
