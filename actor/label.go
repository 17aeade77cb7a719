package actor

import (
	"reflect"
	"time"
)

// Labeler is a [Behavior] that says what its actor is, for people that look at it: one of
// many that have no name. Nothing is kept for it: the actor is asked when somebody wants
// to know, in [PID.Label], [Info], an error, or the log of a crash. What
// [Context.SetLabel] says comes first.
//
// ActorLabel runs on another goroutine than the handlers and beside them, because an actor
// that is stuck in one must be recognized, too. So it may read only what does not change
// while the actor lives, or is safe for concurrent use. It must not block, nor ask for the
// label of an actor. One that panics, calls runtime.Goexit or does not return in 5 s costs
// the label and nothing else; until it returns no other ActorLabel of its [System] is
// called.
type Labeler interface {
	ActorLabel() string
}

// SetLabel says what this actor is, for people that look at it: one of many that have
// no name. It shows in [Info], in errors and in the log of a crash, and has no other use.
// "" takes it off. It costs the actor memory, which a [Labeler] saves.
//
// OTP: proc_lib:set_label/1.
func (c *Context[M]) SetLabel(label string) { c.setLabel(label) }

func (p *process) setLabel(label string) {
	p.noteRare(func(x *rareRelations) { x.label = label })
}

// Label is an option for the spawn of an actor that has a label from before its Init, as if
// it had called SetLabel; unless its behavior is a [Labeler], which knows better.
//
// OTP: proc_lib:set_label/1.
func Label(label string) Option {
	return before(func(p, _ *process, _ time.Duration) error {
		if !p.has(labels) {
			p.setLabel(label)
		}
		return nil
	})
}

// Label returns what the actor has called itself by [Context.SetLabel], also if it has
// ended. If that is "" it returns what its [Labeler] says, or "" if it has none. Of an
// actor that has ended the Labeler is asked no more, unless a handler still runs.
//
// OTP: proc_lib:get_label/1.
func (p PID) Label() (label string) {
	if p.p == nil {
		return ""
	}
	label = p.p.ownLabel()
	if label == "" && p.p.has(labels) {
		label = p.p.askLabel()
	}
	return label
}

// ownLabel returns the label that the actor was given, or "".
func (p *process) ownLabel() (label string) {
	forget(p, func(r *relations) {
		if r.rare != nil {
			label = r.rare.label
		}
	})
	return label
}

// askLabel returns what the actor's Labeler says, or "".
func (p *process) askLabel() string {
	l := p.typed.labeler()
	if l == nil {
		return ""
	}
	var label string
	err, returned := p.sys.labelers.call(func() error {
		label = cut(l.ActorLabel())
		return nil
	})
	if !returned || err != nil { // and label may be written to at any time
		return ""
	}
	return label
}

// setBehavior sets the behavior, which belongs to the runner: it writes, and others read,
// under the lock of the actor's shard; the runner needs no lock to read. See also shown.
func (c *cell[M]) setBehavior(b Behavior[M]) {
	if reflect.TypeOf(b) != reflect.TypeOf(c.behavior) && c.sys.Observed() {
		c.noteFirst(c.behavior)
	}
	sh := c.sys.shard(&c.process)
	sh.mu.Lock()
	c.behavior = b
	sh.mu.Unlock()
	c.noteLabeler()
}

func (c *cell[M]) noteLabeler() {
	if _, is := c.behavior.(Labeler); is {
		c.flags.Or(labels)
	}
}

// labeler implements typed.
func (c *cell[M]) labeler() Labeler {
	sh := c.sys.shard(&c.process)
	sh.mu.Lock()
	b := c.behavior
	sh.mu.Unlock()
	l, _ := b.(Labeler)
	return l
}
