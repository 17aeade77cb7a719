package pubsubtest_test

import (
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/registry/pubsub/pubsubtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHubKeepsWhatAnAdapterPromises(t *testing.T) {
	for _, limit := range []int{0, 64} {
		t.Run(fmt.Sprint("queue limit ", limit), func(t *testing.T) {
			pubsubtest.Run(t, func(_ *testing.T, n int) []pubsub.Adapter {
				return hubNodes(&pubsub.Hub{QueueLimit: limit}, n)
			})
		})
	}
}

func hubNodes(hub *pubsub.Hub, n int) []pubsub.Adapter {
	var nodes []pubsub.Adapter
	for i := range n {
		nodes = append(nodes, hub.Node(fmt.Sprint("node ", i)))
	}
	return nodes
}

// The test of an adapter, here of the hub.
func ExampleRun() {
	_ = func(t *testing.T) { // TestMyAdapter
		pubsubtest.Run(t, func(_ *testing.T, n int) []pubsub.Adapter {
			hub := new(pubsub.Hub) // a cluster of its own for each test
			var nodes []pubsub.Adapter
			for i := range n {
				nodes = append(nodes, hub.Node(fmt.Sprint("node ", i)))
			}
			return nodes
		})
	}
	// Output:
}
