// Package roll is how a supervisor outside of package supervisor tells snapshots about its
// children: Call is the message of its actor.
package roll

import "github.com/troupe-go/troupe/actor"

// Call asks a supervisor for its children, in no order.
type Call struct{ Reply actor.Reply[[]Child] }

// Child is what a supervisor knows of a child.
type Child struct {
	ID       string
	PID      actor.PID // zero if the child waits for a restart
	Restarts int
}

// New returns the request that the reply is for.
func New(reply actor.Reply[[]Child]) Call { return Call{reply} }
