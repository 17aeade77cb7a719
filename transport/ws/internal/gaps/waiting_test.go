package gaps_test

import (
	"math"
	"testing"

	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws/internal/gaps"
)

// Gaps add up until they are taken, and the sum does not begin anew when it is full.
func TestGapsAddUp(t *testing.T) {
	var w gaps.Waiting
	for _, c := range []struct {
		gaps []pubsub.Gap
		want pubsub.Gap
	}{
		{[]pubsub.Gap{{Topic: "a", Messages: 2}}, pubsub.Gap{Topic: "a", Messages: 2}},
		{[]pubsub.Gap{{Topic: "a", Messages: 2}, {Topic: "a", Messages: 3}}, pubsub.Gap{Topic: "a", Messages: 5}},
		{[]pubsub.Gap{{Topic: "a", Messages: 1}, {Topic: "a", Anywhere: true, Messages: 1}, {Topic: "a"}}, pubsub.Gap{Topic: "a", Anywhere: true, Messages: 2}},
		{[]pubsub.Gap{{Topic: "a", Messages: math.MaxUint64}, {Topic: "a", Messages: 2}}, pubsub.Gap{Topic: "a", Messages: math.MaxUint64}},
	} {
		for i, g := range c.gaps {
			if first := w.Add(g); first != (i == 0) {
				t.Errorf("%+v is the first one: %v", g, first)
			}
		}
		if got := w.Take(); got != c.want {
			t.Errorf("took %+v of %+v", got, c.gaps)
		}
	}
}
