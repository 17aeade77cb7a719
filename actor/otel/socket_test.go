package otel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/otel"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// counter is the channel of a shop, whose events have a worker work for a second.
type counter struct{ clerk actor.Ref[work] }

func (k counter) Join(c *ws.Channel, _ string, in ws.Payload) (any, error) {
	if strings.Contains(in.String(), "refuse") {
		return nil, ws.Refuse(ws.Reason("closed"))
	}
	return nil, k.serve(c)
}

func (k counter) serve(c *ws.Channel) error {
	_, err := actor.Call(c.Context(), k.clerk, asking(nap(time.Second)))
	return err
}

func (k counter) HandleIn(c *ws.Channel, event string, _ ws.Payload) (ws.Reply, error) {
	switch event {
	case "panic":
		panic("at the counter")
	case "fail":
		return ws.NoReply, errBoom
	case "stop":
		return ws.OK(nil), ws.Stop
	case "who":
		return ws.OK(fmt.Sprint(c.SocketID(), " ", c.Assigns(), " ", c.Values().Value(identityKey{}))), nil
	case "no":
		return ws.Error(nil), nil
	}
	return ws.OK(nil), k.serve(c)
}

func (k counter) buy(c *ws.Channel, _ ws.Payload) (ws.Reply, error) { return ws.OK(nil), k.serve(c) }

// identityKey is what a program keeps for a connection besides its trace.
type identityKey struct{}

// serve returns an endpoint whose socket is traced.
func (b *bench) serve(s ws.Socket) *ws.Endpoint {
	b.Helper()
	clerk := spawn(b, worker{})
	s.Path = "/socket"
	s.Channels = ws.Routes{ws.Topic("shop:*", func() counter { return counter{clerk} }, ws.Events[counter]{"buy": counter.buy})}
	return wstest.Start(b, func(*actor.System) (*ws.Endpoint, error) {
		return ws.Start(b.sys, ws.Config{Sockets: []ws.Socket{b.tracing.Socket(s)}})
	})
}

// connect returns a client of an endpoint, with a time to answer that is enough for a clerk.
func (b *bench) connect(e *ws.Endpoint, r *ws.Request) *wstest.Client {
	b.Helper()
	c, err := wstest.Connect(b, e, "/socket", r)
	if err != nil {
		b.Fatal(err)
	}
	return c.Within(time.Minute)
}

// The parents that clients name, as the W3C's traceparent.
const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	header  = "00-" + traceID + "-b7ad6b7169203331-01"
	socket  = "00-" + traceID + "-b7ad6b7169203332-01"
	join    = "00-" + traceID + "-b7ad6b7169203333-01"
	event   = "00-" + traceID + "-b7ad6b7169203334-01"
)

type fields map[string]any

// What a client sends is a span, from when it was read to when it is handled, and what its
// handler calls is below it.
func TestWhatClientsSendIsTraced(t *testing.T) {
	traced(t, otel.Tracing{}, func(b *bench) {
		c := b.connect(b.serve(ws.Socket{}), nil)
		shop, _ := c.Join("shop:17", nil)
		shop.AssertReply(shop.Push("buy", nil), "ok")
		one, two := shop.Push("buy", nil), shop.Push("look", nil)
		shop.AssertReply(one, "ok")
		shop.AssertReply(two, "ok")
		b.expect(draw([]string{
			"connect /socket |",
			"shop:* join                       |#",
			"  otel_test.worker work           |#",
			"shop:* buy                        | #",
			"  otel_test.worker work           | #",
			"shop:* buy                        |  #",
			"  otel_test.worker work           |  #",
			"shop:* other                      |  ##",
			"  mailbox                         |  #",
			"  otel_test.worker work           |   #",
		})...)
		s := b.find("shop:* other")
		for key, want := range map[string]string{
			"troupe.socket":     "/socket",
			"troupe.route":      "shop:*",
			"troupe.topic":      "shop:17",
			"troupe.event":      "look",
			"troupe.status":     "ok",
			"troupe.actor.type": "otel_test.counter",
			"troupe.actor.pid":  shop.PID().String(),
		} {
			if got := attribute(s, key); got != want {
				t.Errorf("%s is %q, want %q", key, got, want)
			}
		}
		if s.SpanKind != trace.SpanKindServer {
			t.Errorf("kind %v", s.SpanKind)
		}
	})
}

// The span of an event is a child of the nearest one that its client has named.
func TestTracesOfClientsAreContinued(t *testing.T) {
	for name, tt := range map[string]struct {
		header, socket, join, event string
		joins, events               string // the parents that spans have then
	}{
		"nothing":               {},
		"the upgrade's header":  {header: header, joins: header, events: header},
		"the socket's params":   {socket: socket, joins: socket, events: socket},
		"header and params":     {header: header, socket: socket, joins: header, events: header},
		"the join's params":     {join: join, joins: join, events: join},
		"the event's payload":   {event: event, events: event},
		"all of them":           {header, socket, join, event, join, event},
		"malformed":             {header: "1", socket: "00-0-0-0", join: "ff-" + join[3:], event: event + "0"},
		"malformed, a good one": {header: header, join: "00-", event: "\x00\xff", joins: header, events: header},
		"of 1 MB":               {socket: strings.Repeat("a", 10<<10), join: strings.Repeat("00-", 300<<10), event: event + strings.Repeat("-1", 450<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			traced(t, otel.Tracing{}, func(b *bench) {
				r := &ws.Request{Request: httptest.NewRequest(http.MethodGet, "/", nil), Params: url.Values{}}
				if tt.header != "" {
					r.Header.Set("traceparent", tt.header)
				}
				if tt.socket != "" {
					r.Params.Set("traceparent", tt.socket)
				}
				c := b.connect(b.serve(ws.Socket{}), r)
				shop, _ := c.Join("shop:17", payload(tt.join))
				shop.AssertReply(shop.Push("buy", payload(tt.event)), "ok")
				b.expectParent("shop:* join", tt.joins)
				b.expectParent("shop:* buy", tt.events)
			})
		})
	}
}

func payload(traceparent string) fields {
	if traceparent == "" {
		return fields{"a": 1}
	}
	return fields{"a": 1, "traceparent": traceparent}
}

// expectParent fails the test unless the span has that traceparent for a parent, "" for none,
// and the worker's span below it.
func (b *bench) expectParent(name, want string) {
	b.Helper()
	s := b.find(name)
	got := ""
	if s.Parent.IsValid() {
		got = fmt.Sprintf("00-%s-%s-01", s.Parent.TraceID(), s.Parent.SpanID())
	}
	if got != want {
		b.Errorf("the parent of %q is %q, want %q", name, got, want)
	}
	for _, below := range b.spans.GetSpans() {
		if below.Parent.SpanID() == s.SpanContext.SpanID() && below.SpanContext.TraceID() == s.SpanContext.TraceID() {
			return
		}
	}
	b.Errorf("nothing is below %q", name)
}

// A payload need not be an object, or JSON, for its event to be handled.
func TestPayloadsOfAllKindsAreLookedAt(t *testing.T) {
	traced(t, otel.Tracing{}, func(b *bench) {
		c := b.connect(b.serve(ws.Socket{}), nil)
		shop, _ := c.Join("shop:17", nil)
		for _, p := range []any{
			nil, []string{"traceparent"}, "traceparent", fields{"traceparent": 1}, fields{"traceparent": fields{"traceparent": event}},
			ws.Binary([]byte(`{"traceparent":"` + event + `"}`)),
		} {
			shop.AssertReply(shop.Push("no", p), "error")
		}
		for _, s := range b.spans.GetSpans() {
			if s.Name == "shop:* other" && s.Parent.IsValid() {
				t.Errorf("a parent: %v", s.Parent)
			}
		}
	})
}

// On a public socket, a client's trace is a link, and the sampler decides.
func TestTracesOfStrangersAreLinks(t *testing.T) {
	traced(t, otel.Tracing{Public: true}, func(b *bench) {
		c := b.connect(b.serve(ws.Socket{}), &ws.Request{Params: url.Values{"traceparent": {socket}}})
		shop, _ := c.Join("shop:17", nil)
		shop.AssertReply(shop.Push("buy", payload(event)), "ok")
		b.expectParent("shop:* join", "")
		b.expectParent("shop:* buy", "")
		for name, want := range map[string]string{"shop:* join": socket, "shop:* buy": event} {
			links := b.find(name).Links
			if len(links) != 1 || !strings.Contains(want, links[0].SpanContext.SpanID().String()) {
				t.Errorf("%q has the links %v", name, links)
			}
		}
	})
}

// The program's own Identity and its values stay, and Connect can go on with the trace.
func TestTheIdentityStays(t *testing.T) {
	traced(t, otel.Tracing{}, func(b *bench) {
		e := b.serve(ws.Socket{Connect: func(r *ws.Request) (ws.Identity, error) {
			_, own := b.provider.Tracer("test").Start(r.Context(), "own")
			own.End()
			return ws.Identity{ID: "user:ann", Assigns: 17, Values: context.WithValue(context.Background(), identityKey{}, "mine")}, nil
		}})
		c := b.connect(e, &ws.Request{Params: url.Values{"traceparent": {socket}}})
		shop, _ := c.Join("shop:17", payload(join))
		shop.AssertReply(shop.Push("who", nil), "ok", "user:ann 17 mine")
		b.expectParent("shop:* join", join)
		if own, connect := b.find("own"), b.find("connect /socket"); own.Parent.SpanID() != connect.SpanContext.SpanID() {
			t.Errorf("the span of Connect is below %v", own.Parent)
		}
	})
}

// What becomes of what a client sends is on the span; a refusal is no fault.
func TestOutcomesAreOnTheSpans(t *testing.T) {
	for event, tt := range map[string]struct {
		status, fault string
	}{
		"buy":   {"ok", ""},
		"no":    {"error", ""},
		"stop":  {"ok", ""},
		"fail":  {"", "boom"},
		"panic": {"", "it crashed"},
	} {
		t.Run(event, func(t *testing.T) {
			traced(t, otel.Tracing{}, func(b *bench) {
				c := b.connect(b.serve(ws.Socket{}), nil)
				shop, _ := c.Join("shop:17", nil)
				ref := shop.Push(event, nil)
				switch event {
				case "fail", "panic":
					if err := shop.AssertCrash(); err == nil {
						t.Error("no crash")
					}
				default:
					shop.AssertReply(ref, tt.status)
				}
				name := "shop:* other"
				if event == "buy" {
					name = "shop:* buy"
				}
				s := b.find(name)
				if got := attribute(s, "troupe.status"); got != tt.status {
					t.Errorf("status %q, want %q", got, tt.status)
				}
				if got := s.Status.Description; !strings.Contains(got, tt.fault) || tt.fault == "" && got != "" {
					t.Errorf("fault %q, want %q", got, tt.fault)
				}
				if event == "panic" {
					expectEvent(t, s.Events, map[string]string{"exception.stacktrace": "counter.HandleIn"})
				}
			})
		})
	}
	t.Run("refused", func(t *testing.T) {
		traced(t, otel.Tracing{}, func(b *bench) {
			e := b.serve(ws.Socket{Connect: func(r *ws.Request) (ws.Identity, error) {
				if r.Params.Get("refuse") != "" {
					return ws.Identity{}, errBoom
				}
				return ws.Identity{}, nil
			}})
			if _, err := wstest.Connect(b, e, "/socket", &ws.Request{Params: url.Values{"refuse": {"1"}}}); !errors.Is(err, errBoom) {
				t.Errorf("connected: %v", err)
			}
			s := b.find("connect /socket")
			if attribute(s, "troupe.status") != "refused" || s.Status.Description != "" {
				t.Errorf("%v %v", s.Attributes, s.Status)
			}
			b.spans.Reset()
			b.connect(e, nil).JoinRefused("shop:17", fields{"refuse": true})
			s = b.find("shop:* join")
			if attribute(s, "troupe.status") != "refused" || s.Status.Description != "" {
				t.Errorf("%v %v", s.Attributes, s.Status)
			}
		})
	})
}

// Unsampled events leave no span and nothing with those that are called.
func TestUnsampledEventsLeaveNothing(t *testing.T) {
	traced(t, otel.Tracing{}, func(b *bench) {
		c := b.connect(b.serve(ws.Socket{}), nil)
		shop, _ := c.Join("shop:17", nil)
		shop.AssertReply(shop.Push("buy", nil), "ok")
		shop.AssertReply(shop.Push("buy", payload(event)), "ok") // that has been decided by the client
		b.expect(draw([]string{
			"shop:* buy                        |  #",
			"  otel_test.worker work           |  #",
		})...)
	}, sdk.WithSampler(sdk.ParentBased(sdk.NeverSample())))
}

// A client that polls is traced as one with a WebSocket.
func TestClientsThatPollAreTraced(t *testing.T) {
	traced(t, otel.Tracing{}, func(b *bench) {
		e := b.serve(ws.Socket{LongPoll: true})
		address := "/socket/longpoll?vsn=2.0.0"
		do := func(method, body, parent string) (answer struct {
			Token    string
			Messages []json.RawMessage
		}) {
			r := httptest.NewRequest(method, address, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-ndjson")
			if parent != "" {
				r.Header.Set("traceparent", parent)
			}
			w := httptest.NewRecorder()
			e.ServeHTTP(w, r)
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatalf("%s %s: %d %s", method, body, w.Code, w.Body)
			}
			return answer
		}
		address += "&token=" + do(http.MethodGet, "", header).Token
		do(http.MethodPost, `["1","1","shop:17","phx_join",{}]`, "")
		do(http.MethodGet, "", "")
		do(http.MethodPost, `["1","2","shop:17","buy",{}]`, "")
		if got := do(http.MethodGet, "", ""); len(got.Messages) != 1 {
			t.Errorf("polled %s", got.Messages)
		}
		b.expectParent("shop:* join", header)
		b.expectParent("shop:* buy", header)
	})
}
