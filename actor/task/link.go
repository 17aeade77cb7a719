package task

import (
	"slices"

	"github.com/troupe-go/troupe/actor"
)

// join links a task to its owner, if that is to be and has not been done by its
// spawn, because its parent is a supervisor.
func (l *life) join(self *actor.Context[begin]) error {
	if l.link == nil {
		return nil
	}
	if self.Parent() != l.owner {
		if err := self.Link(l.owner); err != nil {
			return callerEnded(err)
		}
	}
	l.mu.Lock()
	cut := l.cut
	l.mu.Unlock()
	if cut {
		self.Unlink(l.owner)
	}
	return nil
}

// unlink takes the link to the owner down, so that the end of the task that is
// about to be caused does not strike it. Unlink does no more than take locks, so
// this may be done on any goroutine. A join that comes later notices, too.
func (l *life) unlink() {
	if l.link == nil {
		return
	}
	l.mu.Lock()
	l.cut = true
	pid := l.pid
	l.mu.Unlock()
	l.link.Unlink(pid)
}

// linked reports whether the task has a link to its owner, which may just be ending.
func (l *life) linked() bool {
	info, alive := l.identity().Info()
	return alive && slices.Contains(info.Links, l.owner)
}
