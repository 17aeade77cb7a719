package actor_test

import (
	"bytes"
	"context"
	"log/slog"
	"reflect"
	"regexp"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// profiledSystem is a silent system whose runners carry labels.
func profiledSystem(tb testing.TB, on bool) *actor.System {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler), ProfileLabels: on})
	tb.Cleanup(func() {
		if err := sys.Shutdown(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return sys
}

// labelsAt returns the labels "behavior" of the goroutines that are in a function.
func labelsAt(tb testing.TB, function string) (labels []string) {
	tb.Helper()
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		tb.Fatal(err)
	}
	for group := range strings.SplitSeq(profile.String(), "\n\n") {
		if strings.Contains(group, function) {
			label := ""
			if m := behaviorLabel.FindStringSubmatch(group); m != nil {
				label = m[1]
			}
			labels = append(labels, label)
		}
	}
	return labels
}

var behaviorLabel = regexp.MustCompile(`# labels: \{.*"behavior":"([^"]*)"`)

// stayHere blocks where labelsAt finds it.
//
//go:noinline
func stayHere(entered chan<- struct{}, release <-chan struct{}) {
	entered <- struct{}{}
	<-release
}

// wrappedScript says that it is something else.
type wrappedScript struct{ script }

func (*wrappedScript) Wrapped() reflect.Type { return reflect.TypeFor[idle]() }

// Whatever handler runs, on whichever goroutine, it runs under the type of its behavior, as
// a Wrapper shows it; and under none if that was not asked for.
func TestRunnersCarryProfileLabels(t *testing.T) {
	entered, release, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
	stay := func(*doContext) error {
		stayHere(entered, release)
		left <- struct{}{}
		return nil
	}
	cases := map[string]struct {
		run  func(sys *actor.System)
		want string
	}{
		"Receive": {func(sys *actor.System) { start(t, sys, &script{}).Send(stay) }, "*actor_test.script"},
		"Init":    {func(sys *actor.System) { go actor.Spawn(sys, behave(&scriptInit{init: stay})) }, "*actor_test.scriptInit"},
		"Wrapper": {func(sys *actor.System) { start(t, sys, &wrappedScript{}).Send(stay) }, "actor_test.idle"},
		"Go": {func(sys *actor.System) {
			start(t, sys, &script{}).Send(func(ctx *doContext) error {
				ctx.Go(func(context.Context) { _ = stay(nil) })
				return nil
			})
		}, "*actor_test.script"},
		"sent by another": {func(sys *actor.System) {
			to := start(t, sys, &wrappedScript{})
			start(t, sys, &script{}).Send(func(*doContext) error { to.Send(stay); return nil })
		}, "actor_test.idle"},
	}
	for name, test := range cases {
		for _, on := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				test.run(profiledSystem(t, on))
				await(t, entered)
				want := test.want
				if !on {
					want = ""
				}
				if got := labelsAt(t, "actor_test.stayHere"); len(got) != 1 || got[0] != want {
					t.Errorf("labels %q, want %q", got, want)
				}
				release <- struct{}{}
				await(t, left)
			})
		}
	}
}

// A goroutine that runs one actor after the other, as in a burst, changes its labels.
func TestProfileLabelsInABurst(t *testing.T) {
	sys := profiledSystem(t, true)
	const each = 300
	entered, release := make(chan struct{}, 2*each), make(chan struct{})
	stay := func(*doContext) error { stayHere(entered, release); return nil }
	var refs []actor.Ref[do]
	for range each {
		refs = append(refs, start(t, sys, &script{}), start(t, sys, &wrappedScript{}))
	}
	for _, ref := range refs {
		ref.Send(returning(nil))
	}
	for _, ref := range refs {
		ref.Send(stay)
	}
	for range refs {
		await(t, entered)
	}
	for _, label := range labelsAt(t, "actor_test.stayHere") {
		if label != "*actor_test.script" && label != "actor_test.idle" {
			t.Errorf("labels %q", label)
		}
	}
	close(release)
}

// What a wake-up pays for the labels: the two are to be compared.
func BenchmarkProfileLabels(b *testing.B) {
	for name, behavior := range map[string]actor.Behavior[do]{"off": &script{}, "on": &script{}, "wrapper": &wrappedScript{}} {
		b.Run(name, func(b *testing.B) {
			ref := start(b, profiledSystem(b, name != "off"), behavior)
			ran := make(chan struct{}, 1)
			f := func(*doContext) error { ran <- struct{}{}; return nil }
			b.ReportAllocs()
			for b.Loop() {
				ref.Send(f)
				<-ran
			}
		})
	}
}
