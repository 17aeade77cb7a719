package ws_test

import (
	"encoding/json"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

func init() {
	ws.NewAttendant = func(sys *actor.System, cluster *pubsub.Cluster, onDiff func(string)) (ws.Attendant, error) {
		return presence.Start(sys, presence.Config{Cluster: cluster, OnDiff: func(d presence.Diff) {
			text, err := json.Marshal(map[string]any{"joins": d.Joins, "leaves": d.Leaves})
			if err != nil {
				panic(err)
			}
			onDiff(string(text))
		}})
	}
}
