package ws

import (
	"net/http"
	"net/netip"
	"sync"
)

// admission counts who is connected to an endpoint, and decides on one more.
type admission struct {
	// mu makes sure that no connection is added once closing is set, so that
	// Shutdown may wait for those there are.
	mu        sync.Mutex
	closing   bool
	conns     sync.WaitGroup
	addresses map[netip.Addr]int // connections of each; nil if no socket limits them
}

// seat is what a connection holds from before its Connect until it is closed for good.
type seat struct {
	endpoint *Endpoint
	from     netip.Addr // that it counts for, if that is valid
}

var (
	errClosing          = &StatusError{Status: http.StatusServiceUnavailable}
	errTooMany          = &StatusError{Status: http.StatusServiceUnavailable}
	errTooManyOfAddress = &StatusError{Status: http.StatusTooManyRequests}
)

// admit gives a connection from an address to s a seat, unless there are too many or
// the endpoint is shutting down.
func (e *Endpoint) admit(s *Socket, from netip.Addr) (seat, *StatusError) {
	a := &e.admission
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.addresses == nil {
		from = netip.Addr{}
	}
	switch {
	case a.closing:
		return seat{}, errClosing
	case s.MaxConnections > 0 && e.connections.Load() >= int64(s.MaxConnections):
		e.refusals.Add(1)
		return seat{}, errTooMany
	case s.MaxPerAddress > 0 && a.addresses[from] >= s.MaxPerAddress:
		e.refusals.Add(1)
		return seat{}, errTooManyOfAddress
	}
	if from.IsValid() {
		a.addresses[from]++
	}
	a.conns.Add(1)
	e.connections.Add(1)
	return seat{e, from}, nil
}

// leave is called when a connection is closed for good.
func (s seat) leave() {
	if a := &s.endpoint.admission; s.from.IsValid() {
		a.mu.Lock()
		if a.addresses[s.from]--; a.addresses[s.from] == 0 {
			delete(a.addresses, s.from)
		}
		a.mu.Unlock()
	}
	s.endpoint.connections.Add(-1)
	s.endpoint.conns.Done()
}

// refuse lets no new connections in from now on.
func (a *admission) refuse() {
	a.mu.Lock()
	a.closing = true
	a.mu.Unlock()
}

// addressOf returns what a request counts for: its peer's IPv4 address, or the /64
// network of an IPv6 address, of which one host may have all. It is not valid if the
// peer has no IP address.
func addressOf(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	addr := peer.Addr()
	if err != nil {
		addr, _ = netip.ParseAddr(r.RemoteAddr) // as some set it that look behind a proxy
	}
	if addr = addr.Unmap().WithZone(""); addr.Is6() {
		network, _ := addr.Prefix(64)
		addr = network.Addr()
	}
	return addr
}
