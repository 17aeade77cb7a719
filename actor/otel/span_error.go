package otel

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// How much of an error goes into a span, in bytes: SDKs have no limit by themselves.
const (
	maxText  = 1 << 10
	maxStack = 8 << 10
)

// errorPatience bounds the wait for the methods of an error.
const errorPatience = time.Second

// fail notes on a span that something has failed with err, in the words of OpenTelemetry's
// conventions for exceptions. An orderly end is no failure, and
// neither is a refusal.
func fail(span trace.Span, err error) {
	if err == nil || !span.IsRecording() {
		return
	}
	told := &failure{err: err}
	// The methods of the error are its users' code: they cost the text at most.
	ctx, cancel := context.WithTimeout(context.Background(), errorPatience)
	defer cancel()
	if actor.Guard(ctx, told.describe) != nil {
		told = &failure{text: "an error without a text"} // the other may still be written to
	}
	if told.clean {
		return
	}
	attributes := []attribute.KeyValue{
		attribute.String("exception.type", cut(reflect.TypeOf(err).String(), maxName)),
		attribute.String("exception.message", told.text),
	}
	if told.stack != "" {
		attributes = append(attributes, attribute.String("exception.stacktrace", told.stack))
	}
	span.AddEvent("exception", trace.WithAttributes(attributes...))
	span.SetStatus(codes.Error, told.text)
}

// failure is what a span says of an error.
type failure struct {
	err         error
	clean       bool // it is none
	text, stack string
}

// describe asks the error.
func (f *failure) describe() error {
	if f.clean = actor.IsClean(f.err); f.clean {
		return nil
	}
	var refused *ws.RefusedError
	var invalid *ws.InputError
	if f.clean = errors.As(f.err, &refused) || errors.As(f.err, &invalid); f.clean {
		return nil
	}
	var p *actor.PanicError
	var u *unreturned
	if errors.As(f.err, &p) {
		f.stack = cut(p.Stack.String(), maxStack)
	} else if errors.As(f.err, &u) {
		f.stack = cut(u.stack.String(), maxStack)
	}
	f.text = cut(f.err.Error(), maxText)
	return nil
}

// cut returns at most so many bytes of s, and no half of a character.
func cut(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
