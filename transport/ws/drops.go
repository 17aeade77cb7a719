package ws

import "sync"

// drops are the messages that were not sent, of which observers are still to be told. What
// has dropped one may hold locks for which others wait, a row's of an audience or a tether's, and
// so does not wait for an observer.
type drops struct {
	mu      sync.Mutex
	waiting []drop
	busy    bool // there is a goroutine that tells
}

// drop is a message that was not sent to a client of a socket.
type drop struct {
	socket *Socket
	what   Dropped
}

// mostDrops is how many may wait. If there are more, observers do not hear of them.
const mostDrops = 1000

// drop counts a message that was not sent, and tells of it. It waits for nothing.
func (e *Endpoint) drop(s *Socket, o Dropped) {
	e.dropped.Add(1)
	if s.Observe == nil {
		return
	}
	o.Path = s.Path
	d := &e.drops
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) >= mostDrops {
		return
	}
	d.waiting = append(d.waiting, drop{s, o})
	if !d.busy {
		d.busy = true
		go e.tellDrops()
	}
}

// tellDrops tells of all that wait.
func (e *Endpoint) tellDrops() {
	for {
		list := e.drops.take()
		if list == nil {
			return
		}
		for _, x := range list {
			e.emitApart(x.socket, x.what)
		}
	}
}

// take returns what waits; nil, and the goroutine ends: nothing does.
func (d *drops) take() []drop {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.waiting
	d.waiting, d.busy = nil, list != nil
	return list
}
