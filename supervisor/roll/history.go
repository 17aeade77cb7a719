package roll

import (
	"slices"

	"github.com/troupe-go/troupe/actor"
)

// History is what a supervisor remembers of restarts: the last ones of all its children. The
// zero History is empty.
type History[R any] struct {
	list []R // a ring once it is full
	next int // where the oldest one is then
}

// Remembered is how many restarts a History has at most.
const Remembered = 64

// Add adds a restart.
func (h *History[R]) Add(r R) {
	if len(h.list) < Remembered {
		h.list = append(h.list, r)
		return
	}
	h.list[h.next] = r
	h.next = (h.next + 1) % Remembered
}

// Of returns the restarts that have led to an actor, oldest first. The ends of a restart
// are the ID of the child, if it has one, and its incarnations before and after.
func (h *History[R]) Of(pid actor.PID, ends func(R) (id string, old, now actor.PID)) []R {
	var line []R
	child := ""
	for i := range h.list {
		r := h.list[(h.next+len(h.list)-1-i)%len(h.list)]
		id, old, now := ends(r)
		if now == pid || child != "" && id == child {
			line = append(line, r)
			pid, child = old, id
		}
	}
	slices.Reverse(line)
	return line
}
