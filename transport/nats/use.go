package nats

import (
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
)

// use is what a connection is used for: adapters whose subjects begin with the prefix.
type use struct {
	conn   *nats.Conn
	prefix string
}

// uses are the names of the nodes that have joined, by use.
var uses struct {
	mu    sync.Mutex
	names map[use]map[string]bool
}

// begin takes a connection into use by a node. It fails if another adapter of the node uses
// it likewise: the two would get each other's messages. So it does for another node, if the
// server sends nothing back on the connection: the two would not hear each other.
func (u use) begin(name string) (end func(), err error) {
	uses.mu.Lock()
	defer uses.mu.Unlock()
	names := uses.names[u]
	switch {
	case names[name]:
		return nil, fmt.Errorf("another adapter uses its connection with the prefix %q", u.prefix)
	case len(names) > 0 && u.conn.Opts.NoEcho:
		return nil, fmt.Errorf("another node uses its connection with the prefix %q, and would not hear it", u.prefix)
	}
	if names == nil {
		if uses.names == nil {
			uses.names = make(map[use]map[string]bool)
		}
		names = make(map[string]bool)
		uses.names[u] = names
	}
	names[name] = true
	return func() {
		uses.mu.Lock()
		defer uses.mu.Unlock()
		if delete(names, name); len(names) == 0 {
			delete(uses.names, u)
		}
	}, nil
}
