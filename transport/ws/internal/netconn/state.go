package netconn

import "net"

// State is what can be seen of a connection from outside.
type State struct {
	Remote net.Addr // the peer; nil until the connection is read
	Queued int      // bytes that wait to be written
	Parked bool
}

// State returns what the connection does now. It may be called at any time.
func (c *Conn) State() (s State) {
	c.mu.Lock()
	if c.started { // otherwise Accept may be about to make it
		s.Remote = c.nc.RemoteAddr()
	}
	if c.backlog != nil {
		s.Queued = c.backlog.bytes
	}
	c.mu.Unlock()
	c.parking.mu.Lock()
	defer c.parking.mu.Unlock()
	s.Parked = c.parking.state == parked
	return s
}
