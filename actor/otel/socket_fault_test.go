package otel_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/otel"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// deaf is a channel without calls of others.
type deaf struct{}

func (deaf) Join(*ws.Channel, string, ws.Payload) (any, error)          { return nil, nil }
func (deaf) HandleIn(*ws.Channel, string, ws.Payload) (ws.Reply, error) { return ws.OK(nil), nil }

// What belongs to the user's SDK may fail, and costs the traces and not the clients.
func TestFaultsOfTheSDKCostASocketItsTraces(t *testing.T) {
	for _, where := range []string{"sampler", "start", "exporter", "Extract", "Fields"} {
		t.Run(where, func(t *testing.T) {
			eachFault(t, func(t *testing.T, fail func()) {
				broken := &brokenSDK{where: where, fail: fail}
				broken.armed.Store(true)
				sys := actor.NewSystem(actor.Config{})
				t.Cleanup(func() {
					if err := sys.Shutdown(context.Background()); err != nil {
						t.Error(err)
					}
				})
				tracing := otel.Tracing{
					Provider:   sdk.NewTracerProvider(sdk.WithSampler(broken), sdk.WithSpanProcessor(broken)),
					Propagator: brokenPropagator{where: where, fail: fail},
				}
				e := wstest.Start(t, func(*actor.System) (*ws.Endpoint, error) {
					return ws.Start(sys, ws.Config{Sockets: []ws.Socket{tracing.Socket(ws.Socket{
						Path: "/socket", Channels: ws.Routes{ws.Topic("deaf", func() deaf { return deaf{} }, nil)},
					})}})
				})
				start := time.Now()
				c, err := wstest.Connect(t, e, "/socket", &ws.Request{Params: url.Values{"traceparent": {socket}}})
				if err != nil {
					t.Fatal(err)
				}
				c = c.Within(time.Minute)
				ch, _ := c.Join("deaf", payload(join))
				for range 3 {
					ch.AssertReply(ch.Push("say", payload(event)), "ok")
				}
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("took %v", took)
				}
				expectComplaint(t)
			})
		})
	}
}
