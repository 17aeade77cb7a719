// Package roll is how a supervisor outside of package supervisor tells others about its
// children and their restarts: Call is the message of its actor. R is what a restart is told
// as, which package supervisor knows and this one does not.
package roll

import "github.com/troupe-go/troupe/actor"

// Call asks a supervisor for its children, in the order of their starts.
type Call[R any] struct {
	From, Limit int       // those from that place on, at most so many
	Of          actor.PID // whose restarts to tell; zero for none
	Reply       actor.Reply[Answer[R]]
}

// Answer is what a supervisor answers.
type Answer[R any] struct {
	Total    int // all children
	Children []Child
	Restarts []R // that have led to the actor asked for, oldest first
}

// Child is what a supervisor knows of a child.
type Child struct {
	ID       string
	PID      actor.PID // zero if the child waits for a restart
	Restarts int
}
