// Package pubsubtest checks that an implementation of [pubsub.Adapter] keeps what
// the interface promises, and [pubsub.Router] if it is one.
//
// # Examples
//
// The examples are in hub_test.go: the checks, run on a hub.
package pubsubtest

import (
	"testing"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// Run runs the suite, each test on a cluster of its own.
//
// The function makes one: n nodes with different names, none of which has joined
// yet. It may register with t.Cleanup what is to happen after all of them have
// left. The names must not have been in use for another cluster that it can reach,
// and no more than this cluster must hear of what is sent.
//
// The suite expects a network that works: a message is lost only to a full queue.
// It takes queues for at least 64 messages.
func Run(t *testing.T, cluster func(t *testing.T, n int) []pubsub.Adapter) {
	for _, test := range []struct {
		name  string
		nodes int
		run   func(t *testing.T, nodes []*node)
	}{
		{"names differ and stay", 3, names},
		{"broadcast reaches all others and does not come back", 3, broadcast},
		{"send reaches one node", 3, send},
		{"topic and data arrive as they were sent", 2, fidelity},
		{"received data does not change", 2, retained},
		{"order of one sender, nothing lost", 3, order},
		{"order under pressure, at most once", 3, pressure},
		{"receive may broadcast and send", 2, reentrant},
		{"a node that does not take its messages holds up nobody", 3, stalled},
		{"node that does not exist", 3, unknown},
		{"node that has left", 3, gone},
		{"leave passes on what was accepted", 2, leavePassesOn},
		{"leave waits for receive, as long as it may", 2, leaveWaits},
		{"senders beside nodes that leave", 4, churn},
		{"a node that has left joins again", 3, rejoin},
		{"join fails until a leave is over", 2, joinTooEarly},
		{"senders beside nodes that leave and join again", 3, comeAndGo},
	} {
		t.Run(test.name, func(t *testing.T) {
			nodes := wrap(t, cluster(t, test.nodes))
			join(t, nodes...)
			meet(t, "t", nodes...)
			test.run(t, nodes)
		})
	}
	t.Run("life", func(t *testing.T) { life(t, wrap(t, cluster(t, 2))) })
	t.Run("router", func(t *testing.T) { routed(t, wrap(t, cluster(t, 3))) })
	t.Run("newcomer", func(t *testing.T) { newcomer(t, wrap(t, cluster(t, 3))) })
}
