package otel_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/troupe-go/troupe/actor/otel"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// reporter is an adapter that knows of its traffic.
type reporter struct{ pubsub.Adapter }

func (reporter) Traffic() pubsub.Traffic {
	return pubsub.Traffic{Lost: 3, Unsent: 8, Malformed: 4, Reconnects: 5, Denied: 9, Waiting: 6, WaitingBytes: 7, Lag: 1500 * time.Millisecond}
}

// What goes between nodes is reported, until that is stopped.
func TestClustersAreMeasured(t *testing.T) {
	m := measure(t, new(otel.Metrics))
	var hub pubsub.Hub
	stop := m.Cluster(pubsub.NewCluster(reporter{hub.Node("here")}))
	for name, want := range map[string]int64{"message.lost": 3, "message.unsent": 8, "message.malformed": 4, "reconnects": 5, "denied": 9, "message.waiting": 6, "queue.size": 7} {
		m.expect("troupe.cluster."+name, map[string]int64{"": want})
	}
	lag := m.read()["troupe.cluster.lag"].Data.(metricdata.Gauge[float64])
	if got := lag.DataPoints[0].Value; got != 1.5 {
		t.Errorf("the lag is %v s, want 1.5", got)
	}
	stop()
	m.expect("troupe.cluster.message.lost", map[string]int64{})
}
