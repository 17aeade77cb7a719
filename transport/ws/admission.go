package ws

import (
	"net/http"
	"net/netip"
	"sync"
)

// admission counts the connections of an incarnation, and decides on one more.
type admission struct {
	// mu makes sure that no connection is added once closing is set, so that those that
	// there are can be waited for.
	mu        sync.Mutex
	closing   bool
	conns     sync.WaitGroup
	addresses map[netip.Addr]int // connections of each; nil if no socket limits them
	gone      chan struct{}      // closed once closing is set and the last one is closed
}

// seat is what a connection holds from before its Connect until it is closed for good.
type seat struct {
	*incarnation
	from netip.Addr // that it counts for, if that is valid
}

var (
	errDown             = &StatusError{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"1"}}}
	errTooMany          = &StatusError{Status: http.StatusServiceUnavailable}
	errTooManyOfAddress = &StatusError{Status: http.StatusTooManyRequests}
)

// admit gives a connection from an address to s a seat, unless there are too many or
// the endpoint is down or about to be.
func (e *Endpoint) admit(s *Socket, from netip.Addr) (seat, *StatusError) {
	a := e.current.Load()
	if a == nil {
		return seat{}, errDown
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.addresses == nil {
		from = netip.Addr{}
	}
	switch {
	case a.closing:
		return seat{}, errDown
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
	return seat{a, from}, nil
}

// takesNone reports whether the endpoint is down or about to be.
func (e *Endpoint) takesNone() bool {
	a := e.current.Load()
	if a == nil {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closing
}

// leave is called when a connection is closed for good.
func (s seat) leave() {
	if a := s.incarnation; s.from.IsValid() {
		a.mu.Lock()
		if a.addresses[s.from]--; a.addresses[s.from] == 0 {
			delete(a.addresses, s.from)
		}
		a.mu.Unlock()
	}
	s.endpoint.connections.Add(-1)
	s.conns.Done()
}

// refuse lets no new connections in from now on. When those that there are have closed,
// nothing is left of the incarnation, nor of those before it.
func (in *incarnation) refuse() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closing {
		return
	}
	in.closing = true
	go func() {
		in.conns.Wait()
		in.host.Close()
		if in.former != nil {
			<-in.former
		}
		close(in.gone)
	}()
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
