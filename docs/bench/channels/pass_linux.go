package channels

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/docs/bench/report"
)

// onePass measures n connections to a fresh server, in figures for each of them.
func onePass(ctx context.Context, subject string, n int) (samples []report.Sample, err error) {
	t, err := start(ctx, subject)
	if err != nil {
		return nil, err
	}
	defer t.stop()
	f, err := newFleet(t.addr, t.path)
	if err != nil {
		return nil, err
	}
	defer f.close()
	each := func(metric string, took time.Duration) {
		samples = append(samples, report.Sample{Metric: metric, Unit: "ns", Value: float64(took) / float64(n)})
	}
	live := func() float64 {
		m := t.memory(true)
		return float64(m.Heap + m.Stacks)
	}
	before := live()
	took, err := f.enter(ctx, n, ownTopic)
	if err != nil {
		return nil, err
	}
	each("connect and join", took)
	// A heartbeat behind them, connections are what they are when idle.
	if took, err = f.all(ctx, func(int) string { return heartbeat }); err != nil {
		return nil, err
	}
	each("heartbeat", took)
	samples = append(samples, report.Sample{Metric: "an idle connection", Unit: "B", Value: (live() - before) / float64(n)})
	if took, err = f.all(ctx, func(int) string { return joinMessage(2, commonTopic) }); err != nil {
		return nil, err
	}
	each("join a topic that all are on", took)
	for range 2 { // the first is the warm-up
		if _, took, err = f.shout(ctx, 1, commonTopic, 2); err != nil {
			return nil, err
		}
	}
	each("broadcast, until each has received it", took)
	return samples, nil
}
