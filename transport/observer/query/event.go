package query

// Event is something that has happened.
type Event struct {
	At       int64     `json:"at"`
	Kind     EventKind `json:"kind"`
	PID      string    `json:"pid"` // of a restart, that of the new incarnation
	Parent   string    `json:"parent,omitempty"`
	Label    string    `json:"label,omitempty"`
	Behavior string    `json:"behavior,omitempty"`
	Reason   string    `json:"reason,omitempty"`
}

// EventKind says what kind of Event one is.
type EventKind string

// The kinds of events.
const (
	EventSpawn   EventKind = "spawn"
	EventExit    EventKind = "exit"  // in good order
	EventCrash   EventKind = "crash" // any other end
	EventRestart EventKind = "restart"
	EventGaveUp  EventKind = "gaveup" // a supervisor has used up its restarts
)

func (e Event) takes(r *room) bool { return r.takes(e.PID, e.Parent, e.Label, e.Behavior, e.Reason) }

// event puts a moment into words.
func (o origin) event(m moment) Event {
	return Event{
		At: m.at, Kind: m.kind, PID: o.pidText(m.serial), Parent: o.pidText(m.parent),
		Label: m.label, Behavior: typeName(m.behavior), Reason: m.reason,
	}
}

func (o origin) events(list []moment) []Event {
	events := make([]Event, len(list))
	for i, m := range list {
		events[i] = o.event(m)
	}
	return events
}
