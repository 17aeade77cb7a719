package otel

import (
	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// install is the Install of the instrument.
func (m *Metrics) install(sys *actor.System) {
	for _, d := range []*definition{highWater, slowHandlers} {
		m.tables[d].get(key{}) // 0 from the start, so that the first one is an increase
	}
	sys.Observe(m.observe)
	m.add(func(f figures) {
		f(abandoned, int64(sys.Abandoned()))
		f(stuck, int64(len(sys.Stuck())))
	})
}

// observe counts an event of a system.
func (m *Metrics) observe(e actor.Event) {
	switch e := e.(type) {
	case actor.Spawned:
		k := key{behavior: e.Behavior}
		m.count(actorSpawned, k)
		m.count(actorsLive, k)
	case actor.Exited:
		m.count(actorEnded, key{e.Behavior, values(endClass(e))})
		m.tables[actorsLive].get(key{behavior: e.Behavior}).n.Add(-1)
	case actor.Crashed:
		m.count(actorCrashed, key{e.Behavior, values(classOf(e.Reason))})
	case actor.DeadLetter:
		m.count(deadLetters, key{values: values(classOf(e.Reason))})
	case actor.HighWater:
		m.count(highWater, key{})
	case actor.SlowHandler:
		m.count(slowHandlers, key{})
	case supervisor.Restarted:
		m.count(restarted, key{values: values(classOf(e.Reason))})
	case supervisor.GaveUp:
		m.count(gaveUp, key{values: values(classOf(e.Reason))})
	}
}

// endClass returns the class of the reason of an end.
func endClass(e actor.Exited) string {
	if !e.Crashed() && e.Reason != actor.Normal {
		return "shutdown" // or what wraps it
	}
	return classOf(e.Reason)
}
