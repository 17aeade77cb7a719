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
	peer peer
}

var (
	errDown             = &StatusError{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"1"}}}
	errTooMany          = &StatusError{Status: http.StatusServiceUnavailable}
	errTooManyOfAddress = &StatusError{Status: http.StatusTooManyRequests}
)

// admit gives a connection of a peer to s a seat, unless there are too many or the
// endpoint is down or about to be.
func (e *Endpoint) admit(s *Socket, p peer) (seat, *StatusError) {
	a := e.current.Load()
	if a == nil {
		return seat{}, errDown
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	from := p.counts()
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
	if a.addresses != nil && from.IsValid() {
		a.addresses[from]++
	}
	a.conns.Add(1)
	e.connections.Add(1)
	return seat{a, p}, nil
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
	if from := s.peer.counts(); s.addresses != nil && from.IsValid() {
		s.mu.Lock()
		if s.addresses[from]--; s.addresses[from] == 0 {
			delete(s.addresses, from)
		}
		s.mu.Unlock()
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

// peer is where a request has come from, in less room than a [netip.AddrPort].
type peer struct {
	addr  [16]byte
	port  uint16
	known bool
}

// peerOf returns the peer of a request. It is not known if that has no IP address.
func peerOf(r *http.Request) peer {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil { // as some set it that look behind a proxy
		addr, _ := netip.ParseAddr(r.RemoteAddr)
		from = netip.AddrPortFrom(addr, 0)
	}
	if !from.IsValid() {
		return peer{}
	}
	return peer{from.Addr().As16(), from.Port(), true}
}

// address returns the peer's address, which is not valid if that is not known. It has no
// zone.
func (p peer) address() netip.AddrPort {
	if !p.known {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom16(p.addr).Unmap(), p.port)
}

// counts returns what a peer counts for: its IPv4 address, or the /64 network of an IPv6
// address, of which one host may have all.
func (p peer) counts() netip.Addr {
	addr := p.address().Addr()
	if addr.Is6() {
		network, _ := addr.Prefix(64)
		addr = network.Addr()
	}
	return addr
}
