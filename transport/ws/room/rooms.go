package room

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/optional"
	"github.com/troupe-go/troupe/registry/entity"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
)

// Config says how rooms are kept. The zero Config is a good one.
type Config struct {
	// ID names the rooms as a child of their supervisor and in logs, such as
	// rooms "board:1"; "rooms" if empty. Two kinds of rooms in one supervisor need two.
	ID string

	// Linger is how long a room stays when its last member has gone. If somebody joins
	// meanwhile it is as it was left. Without it a room ends at once.
	Linger time.Duration

	// OnCrash is Rejoin if not set: members join the restarted room as new ones.
	OnCrash OnCrash

	// Backoff makes the restarts of one room wait, whatever the others do: 100 ms at
	// first and 30 s at most by default. Clients that join meanwhile wait as long.
	Backoff supervisor.Backoff

	// Shutdown is how long a room may take to end; 5 s if 0.
	Shutdown supervisor.Shutdown

	// Max is how many rooms there may be; any number if 0. Topics are the clients'
	// choice: set it, or have a middleware refuse those that should not be.
	Max int
}

// OnCrash is what becomes of a room's members when it crashes.
type OnCrash uint8

const (
	// Rejoin ends their channels with an error: their clients join again by themselves,
	// are let in by the restarted room, and are shown its state.
	Rejoin OnCrash = iota
	// Stay lets their channels go on: each member joins the restarted room by itself, with
	// what it had joined with before, and Member.Again is true. The reply goes nowhere, so
	// that a client which is to see the new state must be pushed it.
	Stay
)

// String returns the choice's name.
func (o OnCrash) String() string {
	switch o {
	case Rejoin:
		return "rejoin"
	case Stay:
		return "stay"
	}
	return fmt.Sprintf("OnCrash(%d)", uint8(o))
}

// Rooms are the rooms of one kind. [New] makes them; [Rooms.Child] is their place in the
// supervision tree, before the endpoint's, and [Rooms.Topic] the route to them. They belong
// to one endpoint. Its methods may be called from any goroutine.
type Rooms[H Handler] struct {
	cfg    Config
	set    *entity.Set[string, message[H]]
	events ws.Events[*channel[H]]
	fault  error // why they cannot start

	endpoint atomic.Pointer[ws.Endpoint] // that of the members; nil: nobody has joined yet
}

// New makes rooms, and starts nothing. newRoom makes the handler of a topic's room, once
// for each start of it. The table says what rooms do on which event of their members.
// Mistakes fail the start of the [Rooms.Child].
func New[H Handler](cfg Config, newRoom func(topic string) H, events Events[H]) *Rooms[H] {
	cfg.ID = cmp.Or(cfg.ID, "rooms")
	rs := &Rooms[H]{cfg: cfg, events: make(ws.Events[*channel[H]], len(events))}
	for event, f := range events {
		rs.events[event] = ws.EventFunc[*channel[H]](f)
	}
	rs.set = entity.New(entity.Config{
		ID: cfg.ID, Linger: cfg.Linger, Backoff: cfg.Backoff, Shutdown: cfg.Shutdown, Max: cfg.Max,
	}, func(topic string) *host[H] {
		return &host[H]{rooms: rs, topic: topic, newRoom: newRoom}
	})
	rs.fault = rs.check(newRoom == nil)
	return rs
}

func (rs *Rooms[H]) check(noConstructor bool) error {
	switch {
	case noConstructor:
		return errors.New("no function that makes a room")
	case rs.cfg.OnCrash > Stay:
		return fmt.Errorf("there is no %v", rs.cfg.OnCrash)
	}
	return optional.Check(reflect.TypeFor[H](), optionalMethods...)
}

// Child returns the rooms as a child of a supervisor. It comes before the endpoint, which
// then ends before them.
func (rs *Rooms[H]) Child() supervisor.Child {
	child := rs.set.Child()
	if rs.fault != nil {
		child.Start = func(actor.Self) (actor.PID, error) {
			return actor.PID{}, fmt.Errorf("room: start %s: %w", rs.cfg.ID, rs.fault)
		}
	}
	return child
}

// Start starts the rooms under a supervisor of their own. It is for tests and small
// programs; others give [Rooms.Child] to the supervisor that they have.
func (rs *Rooms[H]) Start(sys *actor.System) (supervisor.Tree, error) {
	return supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{rs.Child()}})
}

// Topic returns the route of a pattern, see [ws.Topic], whose topics have a room each. The
// middleware is around the channels of the members.
func (rs *Rooms[H]) Topic(pattern string, use ...ws.Middleware) ws.Route {
	return ws.Topic(pattern, func() *channel[H] { return &channel[H]{rooms: rs} }, rs.events, use...)
}

// Send gives msg to the [InfoHandler] of the topic's room. It reports false if there is no
// such room now, and starts none.
func (rs *Rooms[H]) Send(topic string, msg any) bool {
	ref, ok := rs.set.Lookup(topic)
	return ok && ref.TrySend(message[H]{op: opInfo, info: msg}) == nil
}

// Count returns the number of rooms that run.
func (rs *Rooms[H]) Count() int { return rs.set.Count() }

var errOtherEndpoint = errors.New("these rooms have members of another endpoint")

// serve notes the endpoint that the rooms broadcast by.
func (rs *Rooms[H]) serve(e *ws.Endpoint) error {
	if rs.endpoint.CompareAndSwap(nil, e) || rs.endpoint.Load() == e {
		return nil
	}
	return errOtherEndpoint
}
