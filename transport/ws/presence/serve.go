package presence

import (
	"errors"
	"fmt"
	"slices"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// errNotTold says that the members of a channel's topic would not be told of it.
var errNotTold = errors.New("the channel's endpoint does not have this Tracker in its Config.Trackers")

// Serve has the Tracker tell the clients of an endpoint, until stop is called. It is called
// by an endpoint that has the Tracker in its Config, and implements [ws.Tracker].
func (t *Tracker) Serve(e *ws.Endpoint) (stop func()) {
	t.change(func(all []*ws.Endpoint) []*ws.Endpoint { return append(slices.Clip(all), e) })
	return func() {
		t.change(func(all []*ws.Endpoint) []*ws.Endpoint {
			i := slices.Index(all, e)
			return slices.Concat(all[:i], all[i+1:])
		})
	}
}

// change puts another list in the place of the present one, which is not changed itself:
// a teller may be reading it.
func (t *Tracker) change(next func([]*ws.Endpoint) []*ws.Endpoint) {
	for {
		old := t.endpoints.Load()
		var all []*ws.Endpoint
		if old != nil {
			all = *old
		}
		if all = next(all); t.endpoints.CompareAndSwap(old, &all) {
			return
		}
	}
}

// tells reports what is wrong if an owner is a channel whose clients are not told.
func (t *Tracker) tells(o Owner) error {
	c, ok := o.(*ws.Channel)
	if !ok {
		return nil
	}
	e := c.Endpoint()
	if told := t.endpoints.Load(); told != nil && slices.Contains(*told, e) {
		return nil
	}
	if e.PID().IsZero() { // the channel is about to end with it
		return fmt.Errorf("the endpoint is down: %w", actor.NoProc)
	}
	return errNotTold
}
