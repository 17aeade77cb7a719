package supervisor

import "github.com/troupe-go/troupe/actor"

// handle is how clients get at a supervisor: the address of one actor, or a Ref to
// the child that it is.
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

// FollowTree returns the child, which [Supervisor] has made, and with it a Tree that
// follows it over its restarts, as a [Ref] from [Follow] does. Between two
// incarnations it is nobody: its methods fail with [actor.NoProc]. What they asked
// an incarnation for is forgotten with it, since the next one starts with its Spec.
//
// A child that is no Tree does not start. OTP: supervisors by their names.
func FollowTree(c Child) (Child, Tree) {
	c, ref := follow[treeRequest](c, "a Tree")
	return c, Tree{handle[treeRequest]{follows: ref}}
}

// FollowDynamic returns the child, which [DynamicSupervisor] has made, and with it a
// Dynamic that follows it, see [FollowTree]. The next incarnation starts without
// children.
//
// A child that is no Dynamic does not start. Elixir: DynamicSupervisors by their
// names.
func FollowDynamic(c Child) (Child, Dynamic) {
	c, ref := follow[dynamicRequest](c, "a Dynamic")
	return c, Dynamic{handle[dynamicRequest]{follows: ref}}
}
