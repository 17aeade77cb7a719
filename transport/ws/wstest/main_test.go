package wstest_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// trial is the testing.TB of a test that is to fail.
type trial struct {
	testing.TB
	failures []string
	out      bytes.Buffer
	cleanups []func()
}

func (tr *trial) Helper()                  {}
func (tr *trial) Cleanup(f func())         { tr.cleanups = append(tr.cleanups, f) }
func (tr *trial) Output() io.Writer        { return &tr.out }
func (tr *trial) Context() context.Context { return context.Background() }

func (tr *trial) Errorf(format string, args ...any) {
	tr.failures = append(tr.failures, fmt.Sprintf(format, args...))
}

func (tr *trial) Fatalf(format string, args ...any) {
	tr.Errorf(format, args...)
	panic(tr) // as good as Goexit, and the test goes on on its own goroutine
}

// try runs f, and the clean-up, as a test of their own, and returns the failures.
func try(t *testing.T, f func(t testing.TB)) string {
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
	return strings.Join(tr.failures, "\n")
}

// run runs the test of an example.
func run(test func(t testing.TB)) {
	fmt.Println(cmp.Or(try(new(testing.T), test), "PASS"))
}

// inBubble runs f, as a test that is to fail, in a bubble of virtual time.
func inBubble(t *testing.T, f func(t testing.TB)) (failures string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { failures = try(t, f) })
	return failures
}

// bubble runs f in a bubble of virtual time.
func bubble(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

// stage is a socket with the channel that the tests talk to.
func stage(t testing.TB) *ws.Endpoint {
	return wstest.NewEndpoint(t, stageSocket(nil))
}

func ann(t testing.TB) *wstest.Client {
	t.Helper()
	return wstest.NewClient(t, stage(t), "/socket", ws.Identity{ID: "user:ann", Assigns: "ann"})
}

func annIn(t testing.TB, topic string) *wstest.Channel {
	t.Helper()
	ch, _ := ann(t).Join(topic, nil)
	return ch
}
