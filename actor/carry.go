package actor

import (
	"context"
	"time"
)

// carried is what a message carries of one instrument, and the next. It is a signal that
// rides with the message in the mailbox; what is not carried takes no room there.
type carried struct {
	by    *instrument
	value any
	sent  time.Duration // since the system was made
	next  *carried
}

func (*carried) isSignal() {}

// of returns what the message carries of an instrument, or nil.
func (x *carried) of(i *instrument) *carried {
	for ; x != nil; x = x.next {
		if x.by == i {
			return x
		}
	}
	return nil
}

// rider returns x as what a queue takes along, nil if that is nothing.
func (x *carried) rider() any {
	if x == nil {
		return nil
	}
	return x
}

// Carried is what a message that is not in a mailbox carries of the instruments: a [Source]
// has it. The zero Carried is nothing.
type Carried struct{ first *carried }

// Carried returns what the message in hand carries: an actor that hands it on by way of a
// [Source] need not ask the instruments again.
func (c *Context[M]) Carried() Carried { return Carried{c.carries()} }

// Carrying asks the instruments of an actor's system what a message for it carries that is
// sent with ctx. It is for packages that keep messages themselves, for a [Source]; others
// send. Call it before anything is begun that has to be undone, for the Send of an
// [Instrument] may not return.
func Carrying(ctx context.Context, s Sending) Carried { return Carried{s.To.carry(ctx, s.By)} }

// carry asks the instruments what a message that is sent to p with ctx carries. It must be
// called before anything is begun that has to be undone, for it may not return.
func (p PID) carry(ctx context.Context, by string) *carried {
	if p.p == nil {
		return nil
	}
	list := p.p.sys.instruments.Load()
	if list == nil || len(list.send) == 0 {
		return nil
	}
	var first, last *carried
	for _, i := range list.send {
		v := i.ask(ctx, Sending{p, by})
		if v == nil {
			continue
		}
		x := &carried{by: i, value: v, sent: i.sys.now()}
		if last == nil {
			first = x
		} else {
			last.next = x
		}
		last = x
	}
	return first
}

// ask calls Send, for each message that is sent with a context. Its guard captures no more
// than two words, or it would cost more than all the rest.
func (i *instrument) ask(ctx context.Context, s Sending) (v any) {
	returned := false
	defer i.asked(&returned)
	v = i.Send(ctx, s)
	returned = true
	return v
}

// asked is the deferred half of ask. After runtime.Goexit nobody else is asked.
func (i *instrument) asked(returned *bool) {
	if !*returned {
		i.failSend(recover())
	}
}

// now is the time as instruments are told it. It costs half of time.Now.
func (s *System) now() time.Duration { return time.Since(s.born) }

// values returns the values that the message in hand gives the actor's context, or nil.
func (p *process) values() (v context.Context) {
	forget(p, func(r *relations) {
		if r.rare != nil {
			v = r.rare.values
		}
	})
	return v
}

// carries returns what the message in hand carries.
func (p *process) carries() (x *carried) {
	forget(p, func(r *relations) {
		if r.rare != nil {
			x = r.rare.carries
		}
	})
	return x
}

// setHand sets both. They are under the lock because a context may be used anywhere.
func (p *process) setHand(values context.Context, x *carried) {
	r := p.relations()
	if r == gone {
		return
	}
	r.mu.Lock()
	rare := r.makeRare()
	rare.values, rare.carries = values, x
	r.mu.Unlock()
}

// dropHand takes them back.
func (p *process) dropHand() {
	forget(p, func(r *relations) { r.makeRare().values, r.rare.carries = nil, nil })
}

// value returns what the message in hand has for key.
func (p *process) value(key any) any {
	values := p.values()
	if values == nil {
		return nil
	}
	v, ok := p.ask(values, key)
	if !ok {
		p.dropHand()
	}
	return v
}

// ask returns what values has for key, and reports whether it could be asked: an instrument
// has made it, and is not trusted.
func (p *process) ask(values context.Context, key any) (v any, ok bool) {
	defer func() {
		if e := recover(); e != nil {
			p.sys.log.Error("context of an instrument failed", "pid", PID{p}, "reason", Recovered(e))
		}
	}()
	return values.Value(key), true
}

// Values returns a context that has the values which ctx has now, and is never done. If ctx
// is the [Context] of an actor these are those of the message that it handles, which a later
// handler does not have: code that puts a message aside keeps them, for
// [Context.WithValues].
func Values(ctx context.Context) context.Context {
	if c, ok := ctx.(interface{ current() context.Context }); ok {
		return c.current()
	}
	return context.WithoutCancel(ctx)
}

// current implements Values.
func (c *Context[M]) current() context.Context {
	if v := c.values(); v != nil {
		return v
	}
	return context.Background()
}

// WithValues calls f while this context has the given values, those that [Values]
// returned when the message was put aside, and returns its error.
func (c *Context[M]) WithValues(values context.Context, f func() error) error {
	if caller(values) != nil { // a Context that asks itself for its values would never end
		panic("actor: WithValues: the values are those of an actor's context, and not of Values")
	}
	was := c.values()
	if values == context.Background() {
		values = nil
	}
	if values != nil || was != nil {
		carries := c.carries()
		c.setHand(values, nil)
		defer c.setHand(was, carries)
	}
	return f()
}

// valued is a context with values of another.
type valued struct {
	context.Context
	values context.Context
	p      *process // whose message had them
}

// Value implements [context.Context]. It asks its own context first, which knows nothing
// but what package context needs.
func (c *valued) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	v, _ := c.p.ask(c.values, key)
	return v
}
