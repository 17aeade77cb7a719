package query

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
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
	told := make(chan string, 1)
	err := actor.Guard(ctx, func() error {
		told <- text.Cut(reason.Error(), 4*text.MaxLine)
		return nil
	})
	if err != nil {
		return "a reason whose text cannot be had"
	}
	return <-told
}
