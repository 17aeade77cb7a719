package group

import (
	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// Child connects a set to those of the same name on the other nodes of a cluster, for as long as
// it runs as a child of a supervisor. It is all that a program needs whose groups were on one
// node:
//
//	children := []supervisor.Child{node.Child(), group.Child(&workers, node.Cluster(), "workers"), …}
//
// Then [Set.Members] and events tell of the members of all nodes, and a [Message] reaches them.
// The child has the ID "group " with the name, and comes behind the cluster's and before those
// whose actors join. Its start fails if the name is empty, has a slash, or is another set's on
// this node; if the set has another Child that runs; and with [pubsub.ErrNoRoster] if the
// cluster's adapter does not know the other nodes. Child panics if s or c is nil.
//
// Each node decides on its own members, and nobody has to agree: a join counts here at once, and
// on the others when they hear of it, mostly within a millisecond. So two nodes may list
// different members for a moment. What one node tells another one is numbered: what gets lost is
// noticed and asked for. What holds, in each failure:
//
//   - A member ends or leaves: it is gone here before anybody hears of its end, and on the other
//     nodes as soon as they are told. What was sent to it meanwhile is lost, or reaches another
//     member if it was for one.
//   - A node crashes (kill -9, power), hangs or is cut off: its members are here until the adapter
//     takes it for down, which is five seconds with nats.Adapter; then all leave at once. If the
//     program is restarted before, its former members leave when the new one is heard of.
//   - SIGTERM: its members leave when they end, and what is left when its Child does.
//   - A cut heals, or the node that hung goes on: it has members again when it is heard of, which
//     takes no second, and is asked for all of them. They are other [Member]s than before. If it
//     was too short for the node to be down, what was missed is asked for, and the rest stays.
//   - This node is the one that is cut off, or NATS is down: it has only members of its own, after
//     the same five seconds, and works on with these. When it is back it learns of all others.
//   - This node is paused (SIGSTOP): it takes nobody for down when it wakes, for it knows that it
//     has not listened. The others take it for down meanwhile, as if it was cut off.
//   - The cluster's child crashes and is restarted: as a cut. This Child is, too: then the members
//     of other nodes leave here, and this node's leave there, and all are asked for again.
//   - A node does not keep up: it has what it has heard of, and asks again. That no members are
//     lost for good does not rest on that a message arrives: nodes compare numbers every ten
//     seconds.
//
// A node is believed in what it says of its own members, and in nothing else. It can have others
// remember up to 256 MiB; one that says more, or what cannot be, has no members there. Other nodes
// are not told of groups with names over 4 KiB.
//
// OTP: pg:start_link/1.
func Child[G ~string](s *Set[G], c *pubsub.Cluster, name string) supervisor.Child {
	if s == nil || c == nil {
		panic("group: Child: the set or the cluster is nil")
	}
	return supervisor.Actor("group "+name, func() actor.Behavior[replicaMessage] { return newReplica(s, c, name) })
}

func newReplica[G ~string](s *Set[G], c *pubsub.Cluster, name string) *replica[G] {
	r := &replica[G]{set: s, cluster: c, name: name}
	r.post = post[G]{
		set: s, nodes: new(pubsub.PubSub[packet]),
		name: func(g G) string { return string(g) }, group: func(name string) G { return G(name) },
		gaps: gaps{&s.counts.lost},
	}
	r.post.encoding.Limit, r.post.encoding.Most = openFor, openMost
	return r
}
