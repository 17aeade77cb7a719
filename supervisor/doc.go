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
// There are two kinds. A [Tree] has children with IDs and an order, and a [Strategy]
// that says which of them are restarted along with one that crashed. A [Dynamic] has any
// number of children that know nothing of each other. Both are ordinary actors, and
// either can be a child of the other.
//
// Everything else builds on these two. [Partition] describes a Tree of like children that
// share the work by key, and [PartitionDynamic] one of Dynamics. [Service], [Server] and
// [Task] are children that are not written as actors. A [Ref] from [ActorRef] stays with a
// child over its restarts, and so do a Tree from [FollowTree] and a Dynamic from
// [FollowDynamic]. [Snapshot] shows the whole tree.
//
// A supervisor's [Spec] can be changed while it runs: [Tree.StartChild] and
// [Tree.DeleteChild] add and remove a child, [Tree.ChangeChild] gives one another
// description, [Partitions.Resize] changes the number of partitions. A supervisor that is
// restarted itself begins with its Spec again.
//
// # Restarts
//
// A [Child]'s [Restart] says which ends of it call for a restart. Each round of
// restarts, however many children it takes, spends one from the supervisor's
// budget of Intensity restarts within Period. When the budget is spent the supervisor
// stops its children and ends, with a reason that wraps [actor.Shutdown] and says which
// child was the trouble. Its own supervisor then starts that part of the tree afresh.
//
// A restart that fails is tried again, at the same price, after the requests that
// already wait. There is no delay between restarts unless a child has a [Backoff].
//
// # Stopping
//
// A supervisor ends a child with an exit signal of reason [actor.Shutdown] and
// waits for it as long as the child's [Shutdown] allows. Then it kills the child.
// Go cannot interrupt a handler: if the child's handler does not return within one more
// second, the supervisor abandons the child, see [actor.PID.Abandon], and goes on.
//
// While a supervisor starts or stops a child it does nothing else; requests wait.
// A child's Init must therefore be quick, and must make no request of its own supervisor.
//
// # Examples
//
// The tests run these files:
//
//   - example_test.go: the strategies, and a dynamic supervisor;
//   - program_example_test.go: a whole program, in main and in a test;
//   - service_example_test.go: a function as a child;
//   - ref_test.go, example_call_test.go, handle_test.go: addresses that stay the same over
//     restarts;
//   - backoff_test.go: restarts that wait;
//   - task_test.go: a function that runs once;
//   - partition_test.go, resize_test.go: like children that share the work by key;
//   - change_test.go: a child with another description;
//   - snapshot_test.go: the whole tree as text;
//   - example_till_test.go: state behind a mutex, and in an actor.
//
// The program examples/supervision tells what each strategy does about a crash. The guide
// docs/guide/supervision.md is for engineers that have not used Erlang.
//
// OTP: supervisor.
// Elixir: Supervisor.
package supervisor
