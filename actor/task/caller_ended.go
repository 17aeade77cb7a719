package task

import (
	"context"
	"fmt"

	"github.com/troupe-go/troupe/actor"
)

// callerEnded is the reason of a task that ends because its caller has: a clean
// one, whatever became of the caller, that only tells what that was.
func callerEnded(reason error) error {
	return fmt.Errorf("%w: caller ended: %s", actor.Shutdown, text(reason))
}

// text returns the text of an error that may be anybody's: for example that of a
// context's cause. Whatever its Error method does must not keep the task from its end, so
// after a while its type has to do.
func text(err error) string {
	switch err {
	case actor.Normal, actor.Shutdown, actor.Killed, actor.NoProc, context.Canceled, context.DeadlineExceeded:
		return err.Error() // most often
	}
	limit, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	made := make(chan string, 1)
	failure := actor.Guard(limit, func() error { made <- err.Error(); return nil })
	if failure != nil {
		return fmt.Sprintf("%T", err)
	}
	return <-made
}
