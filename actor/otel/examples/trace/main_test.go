package main

import (
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The server starts one and never ends it.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.NewServer.func1"),
	)
}

// What a click leads to is one trace over browser, channel, actors and nodes: each span is
// below the one that has led to it.
func TestAClickIsOneTraceOverTheCluster(t *testing.T) {
	paper := new(paper)
	if err := buy(t.Context(), paper); err != nil {
		t.Fatal(err)
	}
	var got []string
	var id trace.TraceID
	for _, b := range paper.tree() {
		if b.Name() == "click" {
			id = b.SpanContext().TraceID()
		}
		if b.SpanContext().TraceID() == id && b.Name() != "mailbox" { // how long that is, is up to the machine
			got = append(got, strings.Repeat("  ", b.depth)+b.service()+": "+b.Name())
		}
	}
	want := []string{
		"browser: click",
		"  berlin: shop:* buy",
		"    berlin: main.cart add",
		"      paris: main.stock take",
		"        paris: main.shelf look",
		"  berlin: shop:* buy",
		"    berlin: main.cart add",
		"      paris: main.stock take",
		"        paris: main.shelf look",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s\nall of it\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), paper.draw())
	}
}
