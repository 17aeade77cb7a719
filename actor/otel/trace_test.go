package otel_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/otel"
)

// bench is a system that is traced, with what has become of that.
type bench struct {
	*testing.T
	tracing  otel.Tracing
	sys      *actor.System
	provider *sdk.TracerProvider
	spans    *tracetest.InMemoryExporter
	log      bytes.Buffer
	start    time.Time
}

// traced runs f in a bubble, on a system with the given tracing, whose spans it keeps.
func traced(t *testing.T, tracing otel.Tracing, f func(b *bench), options ...sdk.TracerProviderOption) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t, spans: tracetest.NewInMemoryExporter(), start: time.Now()}
		b.provider = sdk.NewTracerProvider(append(options, sdk.WithSyncer(b.spans))...)
		if tracing.Provider == nil {
			tracing.Provider = b.provider
		}
		b.tracing = tracing
		b.sys = actor.NewSystem(actor.Config{
			Instruments: []actor.Instrument{tracing.Instrument()},
			Logger:      slog.New(slog.NewTextHandler(&b.log, nil)),
		})
		t.Cleanup(func() {
			if err := b.sys.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
		f(b)
	})
}

// request runs f with the context of a span that is called request.
func (b *bench) request(f func(ctx context.Context)) {
	ctx, span := b.provider.Tracer("test").Start(context.Background(), "request")
	defer span.End()
	f(ctx)
}

// expect fails the test unless the traces look like that: a line for each span, below its
// parent, with a column for each second of it, and ! for the status Error. Spans that began
// together are in the order of their names.
func (b *bench) expect(want ...string) {
	b.Helper()
	synctest.Wait()
	if got := drawn(b.spans.GetSpans(), b.start); !slices.Equal(got, want) {
		b.Errorf("got\n%s\nwant\n%s\nlog\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), &b.log)
	}
}

func drawn(spans tracetest.SpanStubs, start time.Time) (lines []string) {
	slices.SortStableFunc(spans, func(x, y tracetest.SpanStub) int {
		return cmp.Or(x.StartTime.Compare(y.StartTime), cmp.Compare(x.Name, y.Name))
	})
	var below func(trace.SpanContext, int)
	draw := func(s tracetest.SpanStub, depth int) {
		column := func(d time.Duration) int { return int(d.Round(time.Millisecond) / time.Second) }
		name := strings.Repeat("  ", depth) + s.Name
		if s.Status.Code == codes.Error {
			name += " !"
		}
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%-34s|%s%s", name,
			strings.Repeat(" ", column(s.StartTime.Sub(start))), strings.Repeat("#", column(s.EndTime.Sub(s.StartTime)))), " |"))
		below(s.SpanContext, depth+1)
	}
	below = func(parent trace.SpanContext, depth int) {
		for _, s := range spans {
			if s.Parent.IsValid() && s.Parent.SpanID() == parent.SpanID() && s.Parent.TraceID() == parent.TraceID() {
				draw(s, depth)
			}
		}
	}
	for _, s := range spans {
		if !slices.ContainsFunc(spans, func(p tracetest.SpanStub) bool { return p.SpanContext.SpanID() == s.Parent.SpanID() }) {
			draw(s, 0)
		}
	}
	return lines
}

// find returns the one span of that name.
func (b *bench) find(name string) tracetest.SpanStub {
	b.Helper()
	synctest.Wait()
	var found []tracetest.SpanStub
	for _, s := range b.spans.GetSpans() {
		if s.Name == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		b.Fatalf("%d spans %q in\n%s", len(found), name, strings.Join(drawn(b.spans.GetSpans(), b.start), "\n"))
	}
	return found[0]
}

// attribute returns the text of an attribute, "" if it is not there.
func attribute(s tracetest.SpanStub, key string) string {
	for _, a := range s.Attributes {
		if string(a.Key) == key {
			return a.Value.Emit()
		}
	}
	return ""
}

func spawn[M any](b *bench, behavior actor.Behavior[M]) actor.Ref[M] {
	b.Helper()
	ref, err := actor.Spawn(b.sys, func() actor.Behavior[M] { return behavior })
	if err != nil {
		b.Fatal(err)
	}
	return ref
}

// order asks a shop, and query what the shop asks.
type (
	order struct {
		work  time.Duration
		reply actor.Reply[int]
	}
	query struct {
		work  time.Duration
		reply actor.Reply[int]
	}
)

// stock and prices answer after a while, and shop asks them both.
type (
	stock  struct{}
	prices struct{}
	shop   struct {
		stock, prices actor.Ref[query]
	}
)

func (stock) Receive(_ *actor.Context[query], q query) error {
	time.Sleep(q.work)
	q.reply.Send(1)
	return nil
}

func (prices) Receive(c *actor.Context[query], q query) error { return stock{}.Receive(c, q) }

func (s shop) Receive(c *actor.Context[order], o order) error {
	for _, to := range []actor.Ref[query]{s.stock, s.prices} {
		if _, err := actor.Call(c, to, func(r actor.Reply[int]) query { return query{o.work, r} }); err != nil {
			return err
		}
	}
	time.Sleep(o.work)
	o.reply.Send(2)
	return nil
}

// Calls of calls are one tree, whose bars show the mailbox and the work apart.
func TestCallsOfCallsAreOneTrace(t *testing.T) {
	traced(t, otel.Tracing{}, func(b *bench) {
		s := shop{spawn(b, stock{}), spawn(b, prices{})}
		front := spawn(b, s)
		s.prices.Send(query{work: 5 * time.Second}) // prices is busy, and that is not traced
		b.request(func(ctx context.Context) {
			if _, err := actor.Call(ctx, front, func(r actor.Reply[int]) order { return order{2 * time.Second, r} }); err != nil {
				t.Error(err)
			}
		})
		b.expect(
			"request                           |#########",
			"  otel_test.shop order            |#########",
			"    otel_test.stock query         |##",
			"    otel_test.prices query        |  #####",
			"      mailbox                     |  ###",
		)
		p := b.find("otel_test.prices query")
		for key, want := range map[string]string{
			"troupe.actor.pid":    s.prices.PID().String(),
			"troupe.actor.type":   "otel_test.prices",
			"troupe.message.type": "otel_test.query",
			"troupe.handler":      "Receive",
			"troupe.sent_by":      "Call",
			"troupe.waited_ms":    "3000",
		} {
			if got := attribute(p, key); got != want {
				t.Errorf("%s is %q, want %q", key, got, want)
			}
		}
	})
}
