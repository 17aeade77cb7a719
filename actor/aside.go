package actor

import (
	"context"
)

// aside is a handling that instruments are told of and that is not in the course of a
// runner's work: Init or Terminate. These are rare, and so the instruments are called on
// goroutines of their own. A nil aside tells nobody.
type aside struct {
	p      *process
	what   Handling
	by     []*instrument
	values context.Context
}

// tellAside tells the instruments that are chosen that a handler is about to be called.
func (c *cell[M]) tellAside(name string) *aside {
	list := c.sys.instruments.Load()
	if new(sampling).begin(list) > 0 {
		return nil
	}
	t := &aside{p: &c.process, by: list.choose(nil, nil, true)}
	c.describe(&t.what, name, nil)
	t.what.began = c.sys.now()
	for _, i := range t.by {
		if !i.has(toBegin) {
			continue
		}
		// A function that is left alone must not see what happens to t.
		was, what, values := t.values, t.what, context.Context(nil)
		if i.callAside(toBegin, func() { values = i.begin(was, &what) }) {
			t.values = values
		}
	}
	if t.values != nil {
		c.setHand(t.values, nil)
	}
	return t
}

// end tells them what came of it.
func (t *aside) end(d *doom) {
	if t == nil {
		return
	}
	if t.values != nil {
		t.p.dropHand()
	}
	t.what.Worked = t.p.sys.now() - t.what.began
	if d != nil {
		t.what.Err = d.reason
	}
	for _, i := range t.by { // t does not change any more
		if i.has(toEnd) && !i.off.Load() {
			i.callAside(toEnd, func() { i.end(t.values, &t.what) })
		}
	}
}
