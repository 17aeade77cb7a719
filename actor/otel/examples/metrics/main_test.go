package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/otel"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// everything lets all happen that is measured, and returns what Prometheus reads then.
func everything(t *testing.T) string {
	t.Helper()
	ctx := t.Context()
	registry := prometheus.NewRegistry()
	meters, err := provider(registry)
	if err != nil {
		t.Fatal(err)
	}
	scrape := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	metrics := &otel.Metrics{Provider: meters, OneIn: 1}
	_, children, handler := service(metrics, scrape)
	var hub pubsub.Hub
	metrics.Cluster(pubsub.NewCluster(hub.Node("here")))
	sys := actor.NewSystem(actor.Config{
		Instruments: []actor.Instrument{metrics.Instrument()},
		Logger:      slog.New(slog.DiscardHandler),
	})
	defer func() { _ = sys.Shutdown(context.Background()) }()
	if _, err := supervisor.Start(sys, supervisor.Spec{Children: children}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()

	client, err := wsclient.Dial(ctx, wsclient.Config{URL: "ws" + strings.TrimPrefix(server.URL, "http") + "/socket"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close(context.Background()) }()
	room := client.Channel("lobby:one", nil)
	if _, err := room.Join(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := room.Push(ctx, "say", line{"hello"}); err != nil {
		t.Error(err)
	}
	if _, err := room.Push(ctx, "dance", nil); err == nil {
		t.Error("an event that is not in the table was taken")
	}
	if err := room.Leave(ctx); err != nil {
		t.Error(err)
	}
	if err := client.Close(ctx); err != nil {
		t.Error(err)
	}
	boom := errors.New("boom")
	for _, e := range []actor.Event{
		actor.Crashed{Reason: boom}, actor.DeadLetter{Reason: actor.ErrFull}, actor.HighWater{}, actor.SlowHandler{},
		supervisor.Restarted{Reason: boom}, supervisor.GaveUp{Reason: boom},
	} {
		sys.Emit(e)
	}
	if err := sys.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	answer := httptest.NewRecorder()
	scrape.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	return answer.Body.String()
}

// Prometheus reads what the program does.
func TestPrometheusReadsTheMetrics(t *testing.T) {
	text := everything(t)
	for _, want := range []string{
		`troupe_actor_spawned_total\{troupe_actor_type="main.tally"\} 1`,
		`troupe_actor_live\{troupe_actor_type="main.tally"\} 0`,
		`troupe_actor_mailbox_wait_time_seconds_count\{troupe_actor_type="main.tally"\} 1`,
		`troupe_ws_event_duration_seconds_count\{troupe_event="say",troupe_route="lobby:\*",troupe_status="ok"\} 1`,
		`troupe_ws_event_duration_seconds_count\{troupe_event="other",troupe_route="lobby:\*",troupe_status="error"\} 1`,
		`troupe_ws_connection_accepted_total 1`,
		`troupe_ws_queue_size_bytes 0`,
		`# TYPE troupe_actor_handler_duration_seconds histogram`,
	} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).MatchString(text) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
