// Package nats makes a cluster of Troupe's nodes, with NATS between them. NATS knows
// who is there, moves the messages and decides who is first; nothing of that is
// home-made.
//
// A [Node] makes the program a node of the cluster, with a connection of its own, and a
// [pubsub.PubSub] is connected through it to those of the other nodes, so that a broadcast
// reaches the subscribers of all of them:
//
//	node, err := nats.Join(ctx, nats.Config{URL: url, Name: "berlin"})
//	defer node.Close()
//	node.Child() // comes first among the children of the program's supervisor
//
//	var rooms pubsub.PubSub[string]
//	err := rooms.Connect(node.Cluster(), "rooms", pubsub.JSON[string]{})
//
// An [Adapter] does the same on a connection that the program has already. The package has
// permissions for nats-server, permissions.conf, by which no node can speak in another one's
// name.
//
// Order, back-pressure and what else it promises are in [pubsub.Adapter].
//
// [Names] are names for actors, each of which has one holder in the cluster. A
// [Remote] is the address of such an actor from anywhere:
//
//	names, err := nats.StartNames(ctx, js, &rooms, nats.NamesConfig{})
//	tenure, err := names.Register(ctx, "lobby", ref)
//	lobby, err := names.Lookup(ctx, "lobby") // on any node
//	err = lobby.TrySend("hello")
//	stop, err := nats.MonitorTo(ctx, lobby, me, func(reason error) Msg { return Down(reason) })
//
// A [Singleton] is an actor of which one runs in the cluster, as a child of a supervisor on each
// node. When its node is stopped, another one goes on with its state; after a crash of the
// node, without:
//
//	boss := nats.Singleton[Msg, State]{Names: names, Name: "boss", New: newBoss}
//	boss.Child()
//
// A [Method] is a call with an answer, the same for an actor of this node and for one of
// another:
//
//	var Count = nats.Method[Msg, Query, int]{Name: "count", Make: newCount}
//
//	err = names.Serve(Count)                  // on the nodes that have such actors
//	n, err := Count.Call(ctx, lobby, Query{}) // on any node
//
// [Method.Call] says what its error means, in each failure. There are no links from node to
// node: monitor, and decide.
//
// # In a split
//
// A node that is cut off from NATS goes on by itself, and tries to connect again as
// its connection's options say. What it broadcasts meanwhile is kept, up to the
// connection's limit, or lost; what the others broadcast, it does not get. Nothing
// arrives twice.
//
// Its names are its own until their leases end. It cannot renew them. A tenth of a lease
// before the bucket gives a name away, the node ends the holder, or tells of the loss, as
// [NamesConfig.Lost] says. So there is no clash to be resolved when the split heals, as
// there is with OTP's global: the node that was cut off has lost. Monitors fire with
// [ErrNoConnection] on both sides, at most one lease after the last sign of life. If NATS
// itself is split, the nodes are cut off that do not reach the majority of its servers.
// With one server, there is no majority to lose.
//
// # One holder
//
// [Names.Register] returns a [Tenure]. Its Valid says whether the holder may act as the only
// one, also after its program was paused; its doc comment has what holds in each failure. A
// program can still be paused between the question and the act. So a holder's writes carry
// [Tenure.Token], and what is written to refuses one that is smaller than it has seen.
//
// The bucket is in memory. When NATS loses it, the next node that notices makes it again, at
// most a third of a lease after NATS is back. Then no name is granted for a lease, by when all
// former holders have stopped, or have claimed the name that they still have. The same holds
// for a bucket that is new: the first name waits for a lease.
//
// This rests on the following, and on nothing else:
//
//   - The speeds of the nodes' and servers' clocks differ by less than a tenth, and no server's
//     clock is set forward while a name is held. Otherwise two may be Valid; their tokens still
//     differ.
//   - The nodes' clocks are less than a lease apart, or the node that makes the bucket again has
//     seen the last name granted in the former one. Otherwise tokens may shrink with the bucket.
//   - What NATS has acknowledged is lost with all of the bucket, or not at all. A bucket on
//     several servers can come back without its last writes if most of them restart within
//     moments.
//   - A node that shortens its Lease does not make the bucket again alone: one that has seen the
//     longer lease is there, or no holder of that time. The nodes remember the longest, so that
//     leases can differ in a rolling change.
//
// On Linux a monotonic clock stands still while the machine is suspended. So Valid asks the
// wall clock as well; on a virtual machine whose clocks both stood still, only the token helps.
//
// # Examples
//
// The examples are in example_test.go, example_singleton_test.go, example_call_test.go,
// example_codec_test.go, example_group_test.go, example_history_test.go and
// example_observers_test.go: a cluster, names in it, one actor for all nodes, calls, their values
// as messages of protobuf, groups, a history for all nodes, and a page of the observer that shows
// all nodes.
package nats
