// Package otel shows what a program of actors does in OpenTelemetry.
//
// [Tracing] makes a span of each handler that a traced request leads to, whatever package
// the behavior is from, so that calls of calls are one tree, with the time in the mailbox
// and that in the handler apart:
//
//	tracing := otel.Tracing{}
//	sys := actor.NewSystem(actor.Config{Instruments: []actor.Instrument{tracing.Instrument()}})
//
// [Tracing.Socket] does that for what the clients of a WebSocket endpoint send, and [Tracing.Headers]
// takes traces to other processes.
//
// [Metrics] counts and measures, by types and never by actors:
//
//	var metrics otel.Metrics
//	sys := actor.NewSystem(actor.Config{Instruments: []actor.Instrument{metrics.Instrument()}})
//
// It is a module of its own, for the core has no such dependencies. Exporters are yours, as
// in every program with OpenTelemetry; without one, nothing is recorded.
//
// # Examples
//
// The program trace, in the directory examples, draws the trace of a click over two nodes.
// Traces of calls and of a socket are in example_test.go, metrics in example_metrics_test.go.
package otel
