// Command metrics serves the metrics of its actors, sockets and presences to Prometheus: at
// http://127.0.0.1:4002/metrics. Its one route has events that are answered by an actor, and
// one that crashes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/otel"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// provider returns what has metrics collected into the registry.
func provider(registry *prometheus.Registry) (*sdk.MeterProvider, error) {
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	return sdk.NewMeterProvider(sdk.WithReader(reader)), nil
}

// tally counts what is said, in an actor.
type tally struct{ n int }

func newTally() *tally { return &tally{} }

type another struct{ reply actor.Reply[int] }

func (t *tally) Receive(_ *actor.Context[another], a another) error {
	t.n++
	a.reply.Send(t.n)
	return nil
}

// lobby is a channel whose members are present.
type lobby struct {
	who   *presence.Tracker
	tally supervisor.Ref[another]
}

func (l *lobby) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	l.who.Enter(c, c.SocketID(), nil)
	return nil, nil
}

type line struct {
	Body string `json:"body"`
}

func (l *lobby) say(c *ws.Channel, said line) (ws.Reply, error) {
	n, err := supervisor.Call(c.Context(), l.tally, func(r actor.Reply[int]) another { return another{r} })
	if err != nil {
		return ws.NoReply, err
	}
	return ws.OK(n), c.Broadcast("said", said)
}

func (l *lobby) crash(*ws.Channel, struct{}) (ws.Reply, error) {
	return ws.NoReply, errors.New("as was asked for")
}

var lobbyEvents = ws.Events[*lobby]{"say": ws.On((*lobby).say), "crash": ws.On((*lobby).crash)}

// service returns what the program runs before its web server, and what that serves.
func service(metrics *otel.Metrics, scrape http.Handler) (*ws.Endpoint, []supervisor.Child, http.Handler) {
	who := presence.New(presence.Config{})
	tally, numbers := supervisor.ActorRef("tally", newTally)
	endpoint := ws.New(ws.Config{
		Trackers: []ws.Tracker{who},
		Sockets: []ws.Socket{metrics.Socket(ws.Socket{
			Path:     "/socket",
			Channels: ws.Routes{ws.Topic("lobby:*", func() *lobby { return &lobby{who, numbers} }, lobbyEvents)},
		})},
	})
	metrics.Endpoint(endpoint)
	metrics.Presence(who)
	mux := http.NewServeMux()
	mux.Handle("/socket/", endpoint)
	mux.Handle("/metrics", scrape)
	return endpoint, []supervisor.Child{tally, who.Child(), endpoint.Child()}, mux
}

// program is the whole program, measured by metrics.
func program(addr string, metrics *otel.Metrics, scrape http.Handler) supervisor.Program {
	endpoint, children, handler := service(metrics, scrape)
	web := supervisor.Server("web", func() *http.Server {
		return &http.Server{Addr: addr, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	})
	return supervisor.Program{
		Spec:   supervisor.Spec{Children: append(children, web)},
		Config: actor.Config{Instruments: []actor.Instrument{metrics.Instrument()}},
		Drain:  endpoint.Drain,
		OnStart: func(sys *actor.System, _ supervisor.Tree) {
			sys.Watchdog(10 * time.Second)
			sys.Logger().Info("metrics", "url", "http://"+addr+"/metrics")
		},
	}
}

func main() {
	addr := flag.String("addr", "127.0.0.1:4002", "address to listen on")
	flag.Parse()
	registry := prometheus.NewRegistry()
	meters, err := provider(registry)
	if err != nil {
		fmt.Fprintln(os.Stderr, "metrics:", err)
		os.Exit(2)
	}
	supervisor.Main(program(*addr, &otel.Metrics{Provider: meters}, promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
}
