package presence

import "github.com/troupe-go/troupe/supervisor"

// Tree returns the tracker's supervisor.
func (t *Tracker) Tree() supervisor.Tree { return t.current.Load().tree }

// Served returns how many endpoints have their clients told.
func (t *Tracker) Served() int { return len(*t.endpoints.Load()) }
