package supervisor

import "github.com/troupe-go/troupe/actor"

// handle is how clients reach a supervisor: by the address of one actor, or by a Ref
// that follows a child.
type handle[M any] struct {
	fixed   actor.Ref[M]
	follows Ref[M]
}

// now returns the address of the actor that the handle stands for at present.
func (h handle[M]) now() actor.Ref[M] {
	if h.follows.seat != nil {
		return h.follows.Now()
	}
	return h.fixed
}

// FollowTree returns a child that [Supervisor] has made, and a Tree that follows it over
// its restarts, as a [Ref] from [Follow] does. Between two incarnations the methods of the
// Tree fail with [actor.NoProc]. Changes made by request are lost with a restart, because
// the next incarnation starts with the Spec.
//
// A child that is no Tree does not start.
//
// OTP: {local, Name}.
func FollowTree(c Child) (Child, Tree) {
	c, ref := follow[treeRequest](c, "a Tree")
	return c, Tree{handle[treeRequest]{follows: ref}}
}

// FollowDynamic returns a child that [DynamicSupervisor] has made, and a Dynamic that
// follows it over its restarts, see [FollowTree]. Each incarnation starts without
// children.
//
// A child that is no Dynamic does not start.
//
// OTP: {local, Name}.
func FollowDynamic(c Child) (Child, Dynamic) {
	c, ref := follow[dynamicRequest](c, "a Dynamic")
	return c, Dynamic{handle[dynamicRequest]{follows: ref}}
}
