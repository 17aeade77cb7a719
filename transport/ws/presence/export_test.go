package presence

import "github.com/troupe-go/troupe/supervisor"

// Tree returns the tracker's supervisor.
func (t *Tracker) Tree() supervisor.Tree { return t.tree }
