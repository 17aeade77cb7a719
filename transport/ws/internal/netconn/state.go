package netconn

// Queued returns how many bytes wait to be written. It may be called at any time.
func (c *Conn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.backlog == nil {
		return 0
	}
	return c.backlog.bytes
}

// Parked reports whether the connection has no goroutine that reads. It may be called at any
// time.
func (c *Conn) Parked() bool {
	c.parking.mu.Lock()
	defer c.parking.mu.Unlock()
	return c.parking.state == parked
}
