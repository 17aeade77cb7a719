// Command trace shows a request on its way through a cluster, as one trace: from a click in
// a client over a channel and an actor to an actor on another node, and back. It starts all of
// that in one process, NATS included, and prints the trace:
//
//	go run ./trace
//
// The files: shop.go is what a program of your own would have, node.go puts it together with
// the traces, paper.go is an exporter that draws; yours sends the spans to a backend.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run has a client buy something, and draws the trace.
func run(ctx context.Context, out io.Writer) error {
	paper := new(paper)
	if err := buy(ctx, paper); err != nil {
		return err
	}
	_, err := fmt.Fprint(out, paper.draw())
	return err
}

// buy has a client buy from a shop in Berlin, whose stock is in Paris.
func buy(ctx context.Context, paper *paper) (err error) {
	bus, err := startBus()
	if err != nil {
		return err
	}
	defer bus.stop()
	paris, err := startNode(ctx, bus.url, "paris", paper)
	if err != nil {
		return err
	}
	defer paris.stop(ctx, &err)
	if err := paris.openStock(ctx); err != nil {
		return err
	}
	berlin, err := startNode(ctx, bus.url, "berlin", paper)
	if err != nil {
		return err
	}
	defer berlin.stop(ctx, &err)
	url, err := berlin.openShop(ctx)
	if err != nil {
		return err
	}
	return click(ctx, url, provider("browser", paper).Tracer("page"))
}

// click is what a page does that buys two things at once: its span goes along with each push.
func click(ctx context.Context, url string, tracer trace.Tracer) error {
	client, err := wsclient.Dial(ctx, wsclient.Config{URL: url})
	if err != nil {
		return err
	}
	defer client.Close(ctx)
	shop := client.Channel("shop:berlin", nil)
	if _, err := shop.Join(ctx); err != nil {
		return err
	}
	ctx, span := tracer.Start(ctx, "click")
	defer span.End()
	bought := make(chan error, 2)
	for _, item := range []string{"tea", "milk"} {
		payload := propagation.MapCarrier{"item": item}
		propagation.TraceContext{}.Inject(ctx, payload) // as traceparent
		go func() {
			_, err := shop.Push(ctx, "buy", payload)
			bought <- err
		}()
	}
	return errors.Join(<-bought, <-bought)
}
