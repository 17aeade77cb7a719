package otel_test

import (
	"context"
	"fmt"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/otel"
	"github.com/troupe-go/troupe/transport/ws"
)

// question asks for a number.
type question struct{ reply actor.Reply[int] }

func ask(r actor.Reply[int]) question { return question{r} }

// database knows it, and desk asks the database.
type (
	database struct{}
	desk     struct{ database actor.Ref[question] }
)

func (database) Receive(_ *actor.Context[question], q question) error {
	q.reply.Send(42)
	return nil
}

func (d desk) Receive(c *actor.Context[question], q question) error {
	n, err := actor.Call(c, d.database, ask)
	q.reply.Send(n)
	return err
}

// A call that is made with the context of a span, and the calls that its handler makes with
// its own, are one trace.
func ExampleTracing() {
	memory := tracetest.NewInMemoryExporter() // a program has one that sends them somewhere
	provider := sdk.NewTracerProvider(sdk.WithSyncer(memory))

	tracing := otel.Tracing{Provider: provider}
	sys := actor.NewSystem(actor.Config{Instruments: []actor.Instrument{tracing.Instrument()}})

	data, err := actor.Spawn(sys, func() actor.Behavior[question] { return database{} })
	if err != nil {
		fmt.Println(err)
		return
	}
	front, err := actor.Spawn(sys, func() actor.Behavior[question] { return desk{data} })
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, request := provider.Tracer("example").Start(context.Background(), "GET /number") // otelhttp does that
	fmt.Println(actor.Call(ctx, front, ask))
	request.End()

	if err := sys.Shutdown(context.Background()); err != nil { // all spans have ended
		fmt.Println(err)
	}
	names := map[any]string{}
	for _, s := range memory.GetSpans() {
		names[s.SpanContext.SpanID()] = s.Name
	}
	for _, s := range memory.GetSpans() {
		if s.Name != "mailbox" {
			fmt.Printf("%s, from %q\n", s.Name, names[s.Parent.SpanID()])
		}
	}
	// Unordered output:
	// 42 <nil>
	// otel_test.database question, from "otel_test.desk question"
	// otel_test.desk question, from "GET /number"
	// GET /number, from ""
}

// The events of a socket's clients begin traces, or go on with those of the clients.
func ExampleTracing_Socket() {
	tracing := otel.Tracing{Public: true} // strangers connect
	socket := tracing.Socket(ws.Socket{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("shop:*", func() counter { return counter{} }, nil)},
	})
	fmt.Println(socket.Path)
	// Output: /socket
}
