package ws

import (
	"errors"

	"github.com/troupe-go/troupe/actor"
)

// HandleDown implements [actor.DownHandler]: an actor that the channel monitors has
// ended.
func (a *channelActor) HandleDown(_ *actor.Context[channelMsg], down actor.Down) error {
	if h, ok := a.handler.(InfoHandler); ok && !a.replaced.Load() {
		return h.HandleInfo(&a.Channel, down)
	}
	return nil
}

// HandleExit implements [actor.ExitHandler]: an actor that the channel is linked to has
// ended. The channel traps exits only so that its Terminate runs; a link means to it
// what it means to an actor that does not.
func (a *channelActor) HandleExit(_ *actor.Context[channelMsg], exit actor.Exit) error {
	if errors.Is(exit.Reason, actor.Normal) {
		return nil
	}
	return exit.Reason
}
