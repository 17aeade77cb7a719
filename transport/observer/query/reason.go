package query

import (
	"context"
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
		return "a reason whose text cannot be had"
	}
	return told
}

// reasons are the calls of reasons' methods.
var reasons untrusted.Calls
