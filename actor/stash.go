package actor

import "fmt"

// stashLimit is how many messages an actor may put aside.
const stashLimit = 100_000

// Stash puts m, the message that is being handled, aside until Unstash. It is the
// counterpart of a selective receive: a message that cannot be handled now does not have
// to be. It returns [ErrFull] when 100,000 messages have been stashed; most likely the
// actor has forgotten to unstash. Stashed messages are lost when the actor ends.
func (c *Context[M]) Stash(m M) error {
	x := c.cell().makeRare()
	if len(x.stash) >= stashLimit {
		return fmt.Errorf("actor: stash: %w", errStashForgotten)
	}
	x.stash = append(x.stash, stashed[M]{m, c.carries()})
	return nil
}

// stashed is a message that has been put aside, with what it carries.
type stashed[M any] struct {
	message M
	carries *carried
}

// Unstash puts all stashed messages back, in the order in which they were
// stashed and before everything that waits in the mailbox.
func (c *Context[M]) Unstash() {
	if x := c.cell().rare; x != nil && len(x.stash) > 0 {
		x.replay = append(x.replay, x.stash)
		x.stash = nil
	}
}
