// Package supervisor keeps actors running: a supervisor starts its children in
// order, restarts those that crash, and stops them in reverse order.
//
//	sup, err := supervisor.Start(sys, supervisor.Spec{
//		Strategy: supervisor.RestForOne,
//		Children: []supervisor.Child{
//			supervisor.Actor("store", newStore),
//			supervisor.Actor("api", newAPI, supervisor.Transient),
//			supervisor.Supervisor("workers", workers),
//		},
//	})
//
// A [Program] is such a tree with all that main has to do for it; see [Main].
//
// There are two kinds. A [Tree], OTP's supervisor, has children with IDs and an
// order, and a [Strategy] that says who is restarted along with a child that
// crashed. A [Dynamic], Elixir's DynamicSupervisor, has any number of children
// that know nothing of each other. Both are ordinary actors, and either can be a
// child of the other.
//
// What else there is builds on these two: [Partition] describes a Tree of like
// children that share the work by key, and [PartitionDynamic] one of Dynamics; [Task]
// is a child that runs a function. A [Ref] from [Follow] stays with a child over its
// restarts, and so do a Tree from [FollowTree] and a Dynamic from [FollowDynamic].
// [Snapshot] shows it all.
//
// What is in a [Spec] can be changed while the supervisor runs: children come and go
// with [Tree.StartChild], [Tree.DeleteChild] and their like, [Tree.ChangeChild] gives
// one another description, [Partitions.Resize] changes the number of partitions. A
// supervisor that is restarted itself begins with its Spec again.
//
// # Restarts
//
// A [Child]'s [Restart] says which ends of it call for a restart. Each round of
// restarts, however many children it takes, spends one from the supervisor's
// budget of Intensity restarts within Period. When there is none left the
// supervisor stops its children and ends with reason [actor.Shutdown]: the
// trouble goes to its own supervisor, which starts that part of the tree afresh.
//
// A restart that fails is tried again, at the same price, after the requests that
// wait already. There is no delay between restarts, unless a child has a [Backoff].
//
// # Stopping
//
// A supervisor ends a child with an exit signal of reason [actor.Shutdown] and
// waits for it, as long as the child's [Shutdown] allows. Then it kills the child.
// Go cannot interrupt a handler: if the child's does not return within a second
// more, the supervisor abandons it, see [actor.PID.Abandon], and goes on.
//
// While a supervisor starts or stops a child it does nothing else; requests wait.
// So a child's Init must be quick, and must make no request of its own supervisor.
package supervisor
