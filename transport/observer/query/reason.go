package query

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/troupe-go/troupe/transport/observer/internal/text"
	"github.com/troupe-go/troupe/transport/observer/internal/untrusted"
)

// reasonLimit is how long the text of a reason may take.
const reasonLimit = 100 * time.Millisecond

// ReasonText returns the text of an exit reason, which is a user's method, bounded in length
// and time; "" for nil.
func ReasonText(ctx context.Context, reason error) string {
	if reason == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, reasonLimit)
	defer cancel()
	told, err := untrusted.Do(ctx, &reasons, func() (string, error) { return text.Cut(reason.Error(), 4*text.MaxLine), nil })
	if err != nil {
		return noText
	}
	return told
}

// reasons are the calls of reasons' methods.
var reasons untrusted.Calls

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
