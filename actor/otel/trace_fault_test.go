package otel_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/otel"
)

var errBoom = errors.New("boom")

// worker does what its messages say.
type (
	work   func(c *actor.Context[work]) error
	worker struct{}
)

func (worker) Receive(c *actor.Context[work], w work) error { return w(c) }

// asking returns a call's message that does w and answers.
func asking(w work) func(actor.Reply[int]) work {
	return func(r actor.Reply[int]) work {
		return func(c *actor.Context[work]) error {
			if err := w(c); err != nil {
				return err
			}
			r.Send(1)
			return nil
		}
	}
}

func nap(d time.Duration) work {
	return func(*actor.Context[work]) error { time.Sleep(d); return nil }
}

// calling calls another with w, and returns the error of that.
func calling(to actor.Ref[work], w work) work {
	return func(c *actor.Context[work]) error {
		_, err := actor.Call(c, to, asking(w))
		return err
	}
}

// A failure is on the span of the handler that failed, and on those that it takes along.
func TestFailuresAreOnTheirSpans(t *testing.T) {
	for name, tt := range map[string]struct {
		fail  func(b *bench) work // what the second of two workers does
		want  []string
		event map[string]string // of the second's span
	}{
		"an error": {
			fail: func(*bench) work { return func(*actor.Context[work]) error { time.Sleep(time.Second); return errBoom } },
			want: []string{
				"request                           |#",
				"  otel_test.worker work !         |#",
				"    otel_test.worker work !       |#",
			},
			event: map[string]string{"exception.type": "*errors.errorString", "exception.message": "boom"},
		},
		"a panic": {
			fail: func(*bench) work {
				return func(*actor.Context[work]) error { time.Sleep(time.Second); panic("at the disco") }
			},
			want: []string{
				"request                           |#",
				"  otel_test.worker work !         |#",
				"    otel_test.worker work !       |#",
			},
			event: map[string]string{
				"exception.type": "*actor.PanicError", "exception.message": "panic: at the disco",
				"exception.stacktrace": "TestFailuresAreOnTheirSpans",
			},
		},
		"Goexit": {
			fail: func(*bench) work { return func(*actor.Context[work]) error { runtime.Goexit(); return nil } },
			want: []string{
				"request                           |",
				"  otel_test.worker work !         |",
				"    otel_test.worker work !       |",
			},
			event: map[string]string{"exception.message": actor.Goexit.Error()},
		},
		"an orderly end": {
			fail: func(*bench) work { return func(*actor.Context[work]) error { return actor.Stop } },
			want: []string{
				"request                           |",
				"  otel_test.worker work !         |", // it got no answer
				"    otel_test.worker work         |",
			},
		},
		"a kill": {
			fail: func(b *bench) work {
				return func(c *actor.Context[work]) error {
					go func() {
						time.Sleep(time.Second)
						c.PID().Exit(actor.Kill)
					}()
					<-c.Done()
					time.Sleep(time.Second) // it notices late, and nobody waits for it
					return nil
				}
			},
			want: []string{
				"request                           |#",
				"  otel_test.worker work !         |#",
				"    otel_test.worker work         |##", // the kill is not of its doing
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			traced(t, otel.Tracing{}, func(b *bench) {
				one, two := spawn(b, worker{}), spawn(b, worker{})
				b.request(func(ctx context.Context) {
					if _, err := actor.Call(ctx, one, asking(calling(two, tt.fail(b)))); err == nil {
						t.Error("no error")
					}
				})
				time.Sleep(time.Minute)
				b.expect(draw(tt.want)...)
				for _, s := range b.spans.GetSpans() {
					if s.Parent.IsValid() && attribute(s, "troupe.actor.pid") == two.PID().String() {
						expectEvent(t, s.Events, tt.event)
						if s.Status.Description != tt.event["exception.message"] {
							t.Errorf("status %q", s.Status.Description)
						}
					}
				}
			})
		})
	}
}

// draw takes the blanks off the ends of lines, as drawn has them.
func draw(lines []string) []string {
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " |")
	}
	return lines
}

func expectEvent(t *testing.T, events []sdk.Event, want map[string]string) {
	t.Helper()
	if want == nil {
		if len(events) != 0 {
			t.Errorf("events %v", events)
		}
		return
	}
	if len(events) != 1 || events[0].Name != "exception" {
		t.Fatalf("events %v", events)
	}
	got := map[string]string{}
	for _, a := range events[0].Attributes {
		got[string(a.Key)] = a.Value.Emit()
	}
	for key, text := range want {
		if !strings.Contains(got[key], text) {
			t.Errorf("%s is %q, want %q in it", key, got[key], text)
		}
	}
}

// One that gives up waiting has a span that ends before that of the one it asked.
func TestATimeoutLeavesTheOtherSpan(t *testing.T) {
	traced(t, otel.Tracing{}, func(b *bench) {
		one, two := spawn(b, worker{}), spawn(b, worker{})
		b.request(func(ctx context.Context) {
			_, err := actor.Call(ctx, one, asking(func(c *actor.Context[work]) error {
				limited, cancel := context.WithTimeout(c, time.Second)
				defer cancel()
				_, err := actor.Call(limited, two, asking(nap(3*time.Second)))
				return err
			}))
			if err == nil {
				t.Error("no error")
			}
		})
		time.Sleep(time.Minute)
		b.expect(
			"request                           |#",
			"  otel_test.worker work !         |#",
			"    otel_test.worker work         |###",
		)
	})
}

// One that is killed while it asks, or whose mailbox dies with it, leaves no span open.
func TestADeadAskerLeavesNoSpanOpen(t *testing.T) {
	open := &openSpans{}
	traced(t, otel.Tracing{}, func(b *bench) {
		one, two := spawn(b, worker{}), spawn(b, worker{})
		b.request(func(ctx context.Context) {
			if err := one.SendContext(ctx, calling(two, nap(3*time.Second))); err != nil {
				t.Error(err)
			}
			if err := one.SendContext(ctx, nap(time.Second)); err != nil { // never handled
				t.Error(err)
			}
			time.Sleep(time.Second)
			one.PID().Exit(actor.Kill)
		})
		time.Sleep(time.Minute)
		b.expect(
			"request                           |#",
			"  otel_test.worker work !         |#",
			"    otel_test.worker work         |###",
		)
		if n := open.n.Load(); n != 0 {
			t.Errorf("%d spans are open", n)
		}
	}, sdk.WithSpanProcessor(open))
}

// openSpans counts the spans that have begun and have not ended.
type openSpans struct{ n atomic.Int64 }

func (o *openSpans) OnStart(context.Context, sdk.ReadWriteSpan) { o.n.Add(1) }
func (o *openSpans) OnEnd(sdk.ReadOnlySpan)                     { o.n.Add(-1) }
func (o *openSpans) Shutdown(context.Context) error             { return nil }
func (o *openSpans) ForceFlush(context.Context) error           { return nil }

// evasive is an error that can be asked once.
type evasive struct {
	asked *atomic.Int32
	then  func()
}

func (e evasive) Error() string {
	if e.asked.Add(1) > 1 {
		e.then()
	}
	return "evasive"
}

// The methods of an error cost the text on the span, and no later trace.
func TestErrorsThatCannotBeAskedCostTheirText(t *testing.T) {
	gate := make(chan struct{})
	for name, then := range map[string]func(){
		"panics":       func() { panic("in Error") },
		"calls Goexit": runtime.Goexit,
		"hangs":        func() { <-gate },
		"is long":      nil,
	} {
		t.Run(name, func(t *testing.T) {
			traced(t, otel.Tracing{}, func(b *bench) {
				gate = make(chan struct{})
				defer close(gate)
				one, two := spawn(b, worker{}), spawn(b, worker{})
				err := error(evasive{new(atomic.Int32), then})
				if then == nil {
					err = errors.New(strings.Repeat("é", 1<<20) + "\xff")
				}
				b.request(func(ctx context.Context) {
					if err := one.SendContext(ctx, func(*actor.Context[work]) error { return err }); err != nil {
						t.Error(err)
					}
					<-one.PID().Done()
					synctest.Wait()
					if _, err := actor.Call(ctx, two, asking(nap(time.Second))); err != nil {
						t.Error(err)
					}
				})
				time.Sleep(time.Minute)
				failed := 0
				for _, s := range b.spans.GetSpans() {
					if s.Status.Code == codes.Error {
						failed++
						if n := len(s.Status.Description); n == 0 || n > 1<<10 {
							t.Errorf("a text of %d bytes", n)
						}
					}
				}
				if n := len(b.spans.GetSpans()); n != 3 || failed != 1 {
					t.Errorf("%d spans, %d of which failed, want 3 and 1\n%s", n, failed, &b.log)
				}
			})
		})
	}
}

// What belongs to the user's SDK may fail, and costs the traces and not the actors.
func TestFaultsOfTheSDKCostTheTraces(t *testing.T) {
	gate := make(chan struct{})
	faults := map[string]func(){
		"panics":       func() { panic("in the SDK") },
		"calls Goexit": runtime.Goexit,
		"hangs":        func() { <-gate },
	}
	for fault, fail := range faults {
		for _, where := range []string{"sampler", "start", "exporter"} {
			t.Run(where+" "+fault, func(t *testing.T) {
				broken := &brokenSDK{where: where, fail: fail}
				options := []sdk.TracerProviderOption{sdk.WithSpanProcessor(broken)}
				if where == "sampler" {
					options = append(options, sdk.WithSampler(broken))
				}
				traced(t, otel.Tracing{}, func(b *bench) {
					gate = make(chan struct{})
					defer close(gate)
					a := spawn(b, worker{})
					b.request(func(ctx context.Context) {
						broken.armed.Store(true)
						for range 3 {
							if _, err := actor.Call(ctx, a, asking(nap(0))); err != nil {
								t.Error(err)
							}
						}
						time.Sleep(time.Minute)
						broken.armed.Store(false)
					})
					if n := strings.Count(b.log.String(), "instrument failed and was taken off"); n != 1 {
						t.Errorf("%d records\n%s", n, &b.log)
					}
				}, options...)
			})
		}
	}
}

// brokenSDK is a sampler and a processor of spans that fail once armed.
type brokenSDK struct {
	openSpans
	where string
	fail  func()
	armed atomic.Bool
}

func (s *brokenSDK) at(where string) {
	if s.armed.Load() && s.where == where {
		s.fail()
	}
}

func (s *brokenSDK) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	s.at("sampler")
	return sdk.AlwaysSample().ShouldSample(p)
}

func (s *brokenSDK) Description() string                        { return "broken" }
func (s *brokenSDK) OnStart(context.Context, sdk.ReadWriteSpan) { s.at("start") }
func (s *brokenSDK) OnEnd(sdk.ReadOnlySpan)                     { s.at("exporter") }

// Of a request that is not sampled nothing goes along, unless that is asked for: then what
// handlers begin by themselves is not sampled either.
func TestSamplingFollowsTheParent(t *testing.T) {
	sampler := sdk.ParentBased(named{"sampled", "own"})
	for _, tt := range []struct {
		request   string
		unsampled bool
		want      []string
	}{
		{"sampled", false, []string{"otel_test.worker work", "own", "sampled"}},
		{"other", false, []string{"own"}}, // own is a new trace, which the sampler is asked for
		{"other", true, nil},
	} {
		t.Run(fmt.Sprint(tt.request, " ", tt.unsampled), func(t *testing.T) {
			traced(t, otel.Tracing{Unsampled: tt.unsampled}, func(b *bench) {
				a := spawn(b, worker{})
				ctx, span := b.provider.Tracer("test").Start(context.Background(), tt.request)
				var got trace.SpanContext
				_, err := actor.Call(ctx, a, asking(func(c *actor.Context[work]) error {
					got = trace.SpanContextFromContext(c)
					_, own := b.provider.Tracer("test").Start(c, "own")
					own.End()
					return nil
				}))
				if err != nil {
					t.Error(err)
				}
				span.End()
				synctest.Wait()
				var names []string
				for _, s := range b.spans.GetSpans() {
					names = append(names, s.Name)
				}
				slices.Sort(names)
				if !slices.Equal(names, tt.want) {
					t.Errorf("spans %q, want %q", names, tt.want)
				}
				follows := got.TraceID() == span.SpanContext().TraceID() && got.IsSampled() == span.SpanContext().IsSampled()
				if want := tt.unsampled || tt.request == "sampled"; follows != want {
					t.Errorf("the handler has %+v of %+v", got, span.SpanContext())
				}
			}, sdk.WithSampler(sampler))
		})
	}
}

// named samples the traces whose first span has such a name.
type named []string

func (n named) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	if slices.Contains(n, p.Name) {
		return sdk.AlwaysSample().ShouldSample(p)
	}
	return sdk.NeverSample().ShouldSample(p)
}

func (n named) Description() string { return "named" }
