package ws

import (
	"slices"

	"github.com/troupe-go/troupe/actor"
)

// home is the actor that is the parent of the channels which may outlive their connection. It
// does nothing: their sessions, which they are linked to, see to them.
type home struct{ endpoint *Endpoint }

// Init implements [actor.Initializer].
func (h *home) Init(ctx *actor.Context[struct{}]) error {
	ctx.TrapExit(true)
	self := actor.Self(ctx)
	h.endpoint.home.Store(&self)
	return nil
}

// Receive implements [actor.Behavior].
func (h *home) Receive(*actor.Context[struct{}], struct{}) error { return nil }

// lingers reports whether any channel may outlive its connection.
func (e *Endpoint) lingers() bool {
	return slices.ContainsFunc(e.mounts, func(s Socket) bool { return s.lingers })
}

// parentOf returns the parent of a session's channel.
func (s *session) parentOf(route *Route) actor.Self {
	if route.Linger == 0 {
		return s.ctx
	}
	if h := s.endpoint.home.Load(); h != nil {
		return *h
	}
	return s.ctx
}
