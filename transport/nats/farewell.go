package nats

import (
	"context"
	"encoding/json"

	"github.com/troupe-go/troupe/actor/foreign"
)

// farewell says why somebody does not have a name any more. It stands in the marker that is
// left when a name goes, and for a moment in what the next holder writes over that.
type farewell struct {
	ID    string `json:"id"` // of the registration
	Class string `json:"class,omitempty"`
	Text  string `json:"text,omitempty"`
}

// Classes of farewells besides those of exit reasons: it is the node that says so. They must
// not change.
const (
	classLost   = "node:lost"   // it could not renew the lease
	classClosed = "node:closed" // it has shut down
	classFree   = "noproc"      // it has unregistered the name
)

// farewellTo returns the note on an exit reason, whose methods are users' code.
func (l *leases) farewellTo(id string, reason error) []byte {
	r, err := foreign.Value(l.giving, &l.telling, func(context.Context) (reply, error) {
		return failure(hasEnded, reason, nil), nil
	})
	switch {
	case err != nil && l.giving.Err() != nil: // the node ends, and does not wait for it
		r = reply{class: classClosed}
	case err != nil:
		r.text = "its reason cannot be told: " + err.Error()
	case r.class == "gone": // of another node, which it has called
		r.class = ""
	}
	return farewell{id, r.class, r.text}.note()
}

// bye returns the note of a node.
func (h *holding) bye(class string) []byte { return farewell{ID: h.ID, Class: class}.note() }

func (f farewell) note() []byte {
	b, err := json.Marshal(f)
	if err != nil {
		return nil // never
	}
	return b
}

// farewellIn returns what a note says; nil if it is none.
func farewellIn(note []byte) *farewell {
	f := new(farewell)
	if len(note) == 0 || json.Unmarshal(note, f) != nil {
		return nil
	}
	return f
}

// reason returns what the monitor of a registration is told; nil if it is that of another one.
func (f *farewell) reason(id string) error {
	switch {
	case f == nil || f.ID != id:
		return nil
	case f.Class == classLost:
		return ErrNoConnection
	case f.Class == classClosed:
		return errGone
	}
	return reply{class: f.Class, text: f.Text}.err(nil)
}
