package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// paper is an exporter that keeps the spans, and draws them.
type paper struct {
	mu    sync.Mutex
	spans []sdk.ReadOnlySpan
}

// ExportSpans implements [sdk.SpanExporter].
func (p *paper) ExportSpans(_ context.Context, spans []sdk.ReadOnlySpan) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spans = append(p.spans, spans...)
	return nil
}

// Shutdown implements [sdk.SpanExporter].
func (p *paper) Shutdown(context.Context) error { return nil }

// tree returns the spans, each behind its parent, with how deep they are.
func (p *paper) tree() (tree []branch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	slices.SortStableFunc(p.spans, func(a, b sdk.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	var grow func(parent trace.SpanID, depth int)
	grow = func(parent trace.SpanID, depth int) {
		for _, s := range p.spans {
			if s.Parent().SpanID() == parent {
				tree = append(tree, branch{s, depth})
				grow(s.SpanContext().SpanID(), depth+1)
			}
		}
	}
	grow(trace.SpanID{}, 0)
	return tree
}

// branch is a span in a tree.
type branch struct {
	sdk.ReadOnlySpan
	depth int
}

// service returns the name of the service that made the span.
func (b branch) service() string {
	name, _ := b.Resource().Set().Value("service.name")
	return name.AsString()
}

const width = 40

// draw draws the tree of each trace, with bars to the scale of the whole.
func (p *paper) draw() string {
	tree := p.tree()
	var text strings.Builder
	var start time.Time
	var whole time.Duration
	for _, b := range tree {
		if b.depth == 0 { // a trace begins
			start, whole = b.StartTime(), b.EndTime().Sub(b.StartTime())
			fmt.Fprintf(&text, "\ntrace %s, %v\n", b.SpanContext().TraceID(), whole.Round(10*time.Microsecond))
		}
		column := func(t time.Time) int { return min(max(int(t.Sub(start)*width/max(whole, 1)), 0), width) }
		from, to := column(b.StartTime()), column(b.EndTime())
		bar := strings.Repeat(" ", from) + strings.Repeat("█", max(to-from, 1))
		name := strings.Repeat("  ", b.depth) + b.Name()
		fmt.Fprintf(&text, "%-8s %-30s %-*s %v\n", b.service(), name, width+1, bar, b.EndTime().Sub(b.StartTime()).Round(10*time.Microsecond))
	}
	return text.String()
}
