package ws

import (
	"github.com/troupe-go/troupe/actor"
)

// HandleDown implements [actor.DownHandler]: an actor that the channel monitors has
// ended.
func (a *channelActor) HandleDown(_ *actor.Context[channelMsg], down actor.Down) error {
	if a.is(flagReplaced) {
		return nil
	}
	return a.inform(down)
}

// HandleExit implements [actor.ExitHandler]: an actor that the channel is linked to has
// ended. The channel traps exits only so that its Terminate runs; a link means to it
// what it means to an actor that does not.
func (a *channelActor) HandleExit(_ *actor.Context[channelMsg], exit actor.Exit) error {
	if exit.Reason == actor.Normal {
		return nil
	}
	return exit.Reason
}
