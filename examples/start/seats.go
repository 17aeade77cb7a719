package main

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// holdTime is for how long a seat is held.
const holdTime = 2 * time.Minute

// ErrTaken says that somebody else holds the seat.
var ErrTaken = errors.New("the seat is taken")

// hall is the actor: it knows which seat is held by whom.
type hall struct{ held map[string]string }

func newHall() *hall { return &hall{held: map[string]string{}} }

// Receive handles one message. The next one waits until it has returned, so the map
// needs no lock.
func (h *hall) Receive(c *actor.Context[request], m request) error {
	m.serve(c, h)
	return nil
}

// request is what a hall understands. A request does its work on the hall that it reaches.
type request interface {
	serve(c *actor.Context[request], h *hall)
}

// hold asks for a seat, and is answered.
type hold struct {
	seat, who string
	reply     actor.Reply[struct{}]
}

func (m hold) serve(c *actor.Context[request], h *hall) {
	if by, ok := h.held[m.seat]; ok && by != m.who {
		m.reply.Fail(ErrTaken)
		return
	}
	h.held[m.seat] = m.who
	c.SetTimer(m.seat, holdTime, release{m.seat, m.who})
	m.reply.Send(struct{}{})
}

// release gives a seat back. Nobody waits for an answer.
type release struct{ seat, who string }

func (m release) serve(c *actor.Context[request], h *hall) {
	if h.held[m.seat] == m.who {
		delete(h.held, m.seat)
		c.CancelTimer(m.seat)
	}
}

// list asks who holds what.
type list struct {
	reply actor.Reply[map[string]string]
}

func (m list) serve(_ *actor.Context[request], h *hall) { m.reply.Send(maps.Clone(h.held)) }

// Seats is the hall as its clients see it. All methods may be called from any goroutine.
type Seats struct{ ref supervisor.Ref[request] }

// newSeats returns the hall as a child of a supervisor, and what its clients use.
func newSeats() (supervisor.Child, Seats) {
	child, ref := supervisor.ActorRef("seats", newHall)
	return child, Seats{ref}
}

// Hold holds a seat for somebody, for two minutes from now. It fails with ErrTaken if
// somebody else holds it.
func (s Seats) Hold(ctx context.Context, seat, who string) error {
	_, err := supervisor.Call(ctx, s.ref, func(r actor.Reply[struct{}]) request { return hold{seat, who, r} })
	return err
}

// Release gives a seat back before its time.
func (s Seats) Release(seat, who string) { s.ref.Send(release{seat, who}) }

// List returns who holds which seat.
func (s Seats) List(ctx context.Context) (map[string]string, error) {
	return supervisor.Call(ctx, s.ref, func(r actor.Reply[map[string]string]) request { return list{r} })
}
