// Package flight keeps the last seconds of what a program has done, and writes them to a file
// when an actor crashes or a handler does not return: then it is too late to switch a trace
// on.
//
// A record of a crash says where a handler failed. The trace says what went on before: which
// goroutines ran, what they waited for, who woke them, what the garbage collector did, and
// since when nothing moved. go tool trace shows it.
//
//	rec, err := flight.Start(sys, flight.Config{Dir: "/var/lib/shop/flight"})
//
// [Recorder.WriteTo] is for a look at a program that just now behaves strangely. The
// recording is that of [runtime/trace.FlightRecorder] and costs what a trace does: one or two
// per cent in most programs, more where goroutines do little but wake each other. A call
// between actors that have nothing to do takes up to twice as long; BenchmarkCallRecorded
// measures that.
//
// # Examples
//
// The tests run this file:
//
//   - example_test.go: the dump of a crash.
//
// docs/guide/observability.md says what else shows a program from within.
package flight
