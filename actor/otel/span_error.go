package otel

import (
	"errors"
	"reflect"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/troupe-go/troupe/actor"
)

// How much of an error goes into a span, in bytes: SDKs have no limit by themselves.
const (
	maxText  = 1 << 10
	maxStack = 8 << 10
)

// fail notes on a span why its handler has ended the actor, in the words of OpenTelemetry's
// conventions for exceptions.
func fail(span trace.Span, err error) {
	if err == nil || actor.IsClean(err) || !span.IsRecording() {
		return
	}
	text := cut(err.Error(), maxText)
	attributes := []attribute.KeyValue{
		attribute.String("exception.type", cut(reflect.TypeOf(err).String(), maxName)),
		attribute.String("exception.message", text),
	}
	var p *actor.PanicError
	if errors.As(err, &p) {
		attributes = append(attributes, attribute.String("exception.stacktrace", cut(p.Stack.String(), maxStack)))
	}
	span.AddEvent("exception", trace.WithAttributes(attributes...))
	span.SetStatus(codes.Error, text)
}

// cut returns at most so many bytes of s, and no half of a character.
func cut(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
