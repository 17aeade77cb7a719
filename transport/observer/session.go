package observer

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// session is one page of somebody's, from its socket's connection on.
type session struct {
	id      string
	remote  string
	gate    *gate
	request *http.Request // that opened the socket, to ask again with
	every   time.Duration // how often

	mu    sync.Mutex // held while Authorize is asked: the latest answer counts
	stand atomic.Pointer[standing]
}

// standing is what a session may do, and until when that holds if nothing confirms it.
type standing struct {
	grant Grant
	until time.Time
}

func newSession(id string, g *gate, r *http.Request, every time.Duration, grant Grant) *session {
	s := &session{id: id, remote: r.RemoteAddr, gate: g, every: every}
	// The request's own context ends when its handler has handed the connection over.
	s.request = r.Clone(context.WithoutCancel(r.Context()))
	s.request.Body = http.NoBody
	s.hold(grant)
	return s
}

func (s *session) hold(grant Grant) {
	s.stand.Store(&standing{grant, time.Now().Add(s.every + 2*authorizeLimit)})
}

// grant returns what the session may do now. It is the zero Grant once it is over.
func (s *session) grant() Grant {
	now := time.Now()
	at := s.stand.Load()
	if at == nil || at.grant.over(now) || !now.Before(at.until) {
		return Grant{}
	}
	return at.grant
}

// confirm asks Authorize again, and returns what the session may do by that. A session that
// has been refused once is over.
func (s *session) confirm() (Grant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stand.Load() == nil {
		return Grant{}, errOver
	}
	grant, err := s.gate.check(s.request)
	if err != nil {
		s.stand.Store(nil)
		return Grant{}, err
	}
	s.hold(grant)
	return grant, nil
}

// next is how long it is until Authorize has to be asked again.
func (s *session) next() time.Duration {
	at := s.stand.Load()
	if at == nil || at.grant.Expires.IsZero() {
		return s.every
	}
	return min(s.every, max(time.Until(at.grant.Expires), 0))
}
