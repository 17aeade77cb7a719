package query

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
)

// textLimit is how long a method may take that returns a text, and maxHanging how many calls of
// one may hang before there are no more.
const (
	textLimit  = 100 * time.Millisecond
	maxHanging = 16
)

// ReasonText returns the text of an exit reason, which is a user's method, bounded in length
// and time; "" for nil.
func ReasonText(ctx context.Context, reason error) string {
	if reason == nil {
		return ""
	}
	told, err := foreign.Value(ctx, &reasons, func(context.Context) (string, error) {
		return text.Cut(reason.Error(), 4*text.MaxLine), nil
	})
	if err != nil {
		return noText
	}
	return told
}

// reasons are the calls of reasons' methods.
var reasons = foreign.Calls{Limit: textLimit, Most: maxHanging}

const noText = "a reason whose text cannot be had"

// reasonText is ReasonText in a line, where something happens, which waits. While too many
// texts hang no more are asked for.
func reasonText(reason error) string {
	if reason != nil && hasPlainText(reason) {
		return text.Line(reason.Error())
	}
	return text.Line(ReasonText(context.Background(), reason))
}

// hasPlainText reports whether err is of a type of Go's own that has its text ready. It saves
// the price of a guard in the common cases.
func hasPlainText(err error) bool {
	t := reflect.TypeOf(err)
	return t == errorString || t == wrapError
}

var (
	errorString = reflect.TypeOf(errors.New(""))
	wrapError   = reflect.TypeOf(fmt.Errorf("%w", context.Canceled))
)
