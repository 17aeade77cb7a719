package actor

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// instrument is an [Instrument] of a system. Its functions are users' code. What keeps them
// from doing harm stands here, and for those that runners call in told.go.
type instrument struct {
	Instrument
	sys   *System
	every int         // OneIn, as a number of which 0 means never, and no more than rarest
	off   atomic.Bool // taken off
	calls bounded     // of callAside
}

// instruments are those of a system. The list never changes; taking one off makes another.
type instruments struct {
	all   []*instrument
	send  []*instrument // those with a Send
	oneIn int           // the least of every, 0 if none is told of anything that is not carried
	alike []*instrument // those that are told of each sampled handling, if the others are of none
}

// install returns the instruments of a new system, nil if there are none.
func (s *System) install(list []Instrument) *instruments {
	if len(list) > 0 {
		s.visits.init(s)
	}
	var all []*instrument
	for _, i := range list {
		every := 0
		if i.OneIn >= 0 && (i.Begin != nil || i.End != nil) {
			every = min(max(i.OneIn, 1), rarest)
		}
		all = append(all, &instrument{Instrument: i, sys: s, every: every})
	}
	return newInstruments(all)
}

// installed calls Install of those that have one.
func (l *instruments) installed() {
	if l == nil {
		return
	}
	for _, i := range l.all {
		if i.Install == nil {
			continue
		}
		err, returned := i.calls.call(func() error { i.Install(i.sys); return nil })
		if !returned {
			err = errHangs
		}
		if err != nil {
			i.takeOff("Install", err)
		}
	}
}

func newInstruments(all []*instrument) *instruments {
	if len(all) == 0 {
		return nil
	}
	l := &instruments{all: all}
	for _, i := range all {
		if i.Send != nil {
			l.send = append(l.send, i)
		}
		if i.every > 0 && (l.oneIn == 0 || i.every < l.oneIn) {
			l.oneIn = i.every
		}
	}
	for _, i := range all {
		switch i.every {
		case 0:
		case l.oneIn:
			l.alike = append(l.alike, i)
		default:
			l.alike = nil
			return l
		}
	}
	return l
}

// seeAll reports whether an instrument is told of each handling.
func (l *instruments) seeAll() bool { return l != nil && l.oneIn == 1 }

// choose returns the instruments that are told of a handling, in list or in one that does not
// change.
func (l *instruments) choose(list []*instrument, carries *carried, sampled bool) []*instrument {
	if carries == nil && l.alike != nil {
		return l.alike
	}
	for _, i := range l.all {
		if carries.of(i) != nil || sampled && i.every > 0 && (i.every == l.oneIn || rand.IntN(i.every) < l.oneIn) {
			list = append(list, i)
		}
	}
	return list
}

// has reports whether the instrument has a function for a stage.
func (i *instrument) has(s stage) bool {
	if s == toBegin {
		return i.Begin != nil
	}
	return i.End != nil
}

// failSend takes off an instrument whose Send has panicked, or has called runtime.Goexit.
func (i *instrument) failSend(panicked any) {
	err := Goexit
	if panicked != nil {
		err = Recovered(panicked)
	}
	i.takeOff("Send", err)
}

// begin calls Begin and returns the values that a handler gets, which are nil if there are
// none.
func (i *instrument) begin(values context.Context, h *Handling) context.Context {
	ctx := values
	if ctx == nil {
		ctx = context.Background()
	}
	ctx = i.Begin(ctx, h)
	switch {
	case ctx == nil || ctx == context.Background():
		return values
	case isNil(ctx):
		panic(errNilContext)
	case caller(ctx) != nil: // one that asked itself for its values would never end
		panic(errActorContext)
	}
	return ctx
}

var (
	errNilContext   = errors.New("actor: Begin of an Instrument returned a nil pointer as a context")
	errActorContext = errors.New("actor: Begin of an Instrument returned the context of an actor")
)

// end calls End.
func (i *instrument) end(values context.Context, h *Handling) {
	if values == nil {
		values = context.Background()
	}
	i.End(values, h)
}

// callAside calls f, a function of the instrument, on a goroutine of its own. If it reports
// false f has failed, or goes on alone.
func (i *instrument) callAside(s stage, f func()) bool {
	err, returned := i.calls.call(func() error { f(); return nil })
	if !returned {
		err = errHangs
	}
	if err != nil {
		i.fail(s, err)
	}
	return err == nil
}

// fail takes off an instrument that has failed at a stage.
func (i *instrument) fail(s stage, err error) {
	if s == toBegin {
		i.takeOff("Begin", err)
	} else {
		i.takeOff("End", err)
	}
}

// takeOff takes the instrument off for good.
func (i *instrument) takeOff(function string, err error) {
	if i.off.Swap(true) {
		return
	}
	for {
		old := i.sys.instruments.Load()
		rest := slices.DeleteFunc(slices.Clone(old.all), func(x *instrument) bool { return x == i })
		if i.sys.instruments.CompareAndSwap(old, newInstruments(rest)) {
			break
		}
	}
	attrs := []any{"function", function, "reason", err}
	if p, ok := err.(*PanicError); ok {
		attrs = append(attrs, "stack", p.Stack)
	}
	i.sys.log.Error("instrument failed and was taken off", attrs...)
}

var errHangs = errors.New("it has not returned for 5 s")
