package ws

// drop counts a message that was not sent to a client of a socket, and tells of it. It waits for
// nothing. If too many wait, observers do not hear of it.
func (e *Endpoint) drop(s *Socket, o Dropped) {
	e.dropped.Add(1)
	if s.Observe == nil {
		return
	}
	o.Path = s.Path
	e.drops.add(func() { e.emitApart(s, o) })
}
