package actor

import (
	"cmp"
	"context"
	"reflect"
	"runtime"
	"time"

	"github.com/troupe-go/troupe/actor/internal/queue"
)

// handling is a call of a handler that others may want to know of: instruments, or those
// that look into the one actor.
type handling struct {
	name    string
	traced  TraceKind // what a [Trace] calls it
	message any
	carries *carried
	mailed  bool // the message comes from the mailbox, or was put aside
}

const inReceive = "Receive"

const (
	untraced  TraceKind = 255 // for what a Trace does not tell
	traceStep TraceKind = 254 // and for what it tells if a state machine has handled an event
)

// isWatched reports whether anybody wants to know what the actor is about to handle.
func (c *cell[M]) isWatched(h *hand[M], carries *carried) bool {
	return h.sampled || carries != nil || c.isDebugged()
}

// watched calls a handler that isWatched.
func (c *cell[M]) watched(h *hand[M], what handling, call func() error) *doom {
	if what.traced != untraced && c.isDebugged() {
		plain := call
		call = func() error { return c.handle(what.traced, what.message, plain) }
	}
	list := c.sys.instruments.Load()
	sampled := h.sampled
	h.sampled = list.seeAll()
	if list == nil || !sampled && what.carries == nil {
		return ending(call())
	}
	t := &told[M]{cell: c, handling: what, call: call, batch: h.Batch}
	t.by = list.choose(t.room[:0], what.carries, sampled)
	t.what = c.describe(what.name, what.message)
	h.told = t
	d := t.run()
	h.told = nil
	return d
}

// describe returns what is known of a handling before it begins.
func (c *cell[M]) describe(name string, message any) Handling {
	behavior := reflect.TypeOf(c.behavior)
	if w, ok := any(c.behavior).(Wrapper); ok {
		behavior = cmp.Or(w.Wrapped(), behavior)
	}
	return Handling{
		PID:      PID{&c.process},
		Handler:  name,
		Behavior: behavior,
		Message:  reflect.TypeOf(message),
	}
}

// told is a handling that instruments are told of.
//
// Their functions run in place, on the runner: a goroutine for each would cost more than all
// the rest. So the runner may not come back from one, nor may it from a handler that calls
// runtime.Goexit. Then another runner goes on where it stood, with a copy of the told; see
// elsewhere. That is why run can be entered at any stage, and why a runner that has been
// replaced, which lost says, must not touch the actor.
type told[M any] struct {
	handling
	cell  *cell[M]
	call  func() error
	what  Handling
	by    []*instrument  // those that are told
	batch queue.Batch[M] // what the runner has in hand meanwhile
	began time.Duration

	stage  stage
	next   int             // of by
	values context.Context // that the handler gets; nil if none
	end    *doom           // what the handler came to

	lost bool // only its own runner touches it
	room [2]*instrument
}

type stage uint8

const (
	toBegin stage = iota
	toHandle
	toEnd
)

// run calls the handler, with the instruments before and after it, or what is left of that.
func (t *told[M]) run() *doom {
	c := t.cell
	if t.stage == toBegin {
		t.began = c.sys.now()
		t.what.Began = c.sys.born.Add(t.began)
		t.visitAll()
		t.stage = toHandle
	}
	if t.stage == toHandle {
		if d := c.doomed(); d != nil { // meanwhile
			t.drop(d)
		} else {
			t.handle()
		}
		t.handled()
	}
	t.visitAll()
	return t.end
}

// handle calls the handler. A panic is judged here, so that it can be told of.
func (t *told[M]) handle() {
	if t.values != nil || t.carries != nil {
		t.cell.setHand(t.values, t.carries)
	}
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			t.end = judgePanic(Recovered(v))
			return
		}
		t.end = judge(Goexit)
		t.handled()
		t.elsewhere()
		t.lost = true
	}()
	t.end = ending(t.call())
	returned = true
}

// drop is in the place of handle if the actor has been killed.
func (t *told[M]) drop(d *doom) {
	t.end = d
	if t.mailed {
		deadLetter(&t.cell.process, t.message, NoProc)
	}
}

// handled notes what the handler came to.
func (t *told[M]) handled() {
	c := t.cell
	if t.values != nil || t.carries != nil {
		c.dropHand()
	}
	t.what.Worked = c.sys.now() - t.began
	if t.end != nil {
		t.what.Err = t.end.reason // whose methods have been tried
	}
	t.stage, t.next = toEnd, 0
}

// visitAll calls the instruments that are still to be told of this stage.
func (t *told[M]) visitAll() {
	for t.next < len(t.by) {
		i := t.by[t.next]
		t.next++ // whatever becomes of this runner
		if !i.off.Load() && i.has(t.stage) {
			t.visit(i)
		}
	}
	t.next = 0
}

// visit calls one instrument. If it does not return neither does visit.
func (t *told[M]) visit(i *instrument) {
	v := i.sys.visits.Get().(*visit)
	v.enter(i, t)
	err := Goexit
	defer func() {
		if err == nil {
			return
		}
		if p := recover(); p != nil {
			err = Recovered(p)
		}
		i.fail(t.stage, err)
		stayed := v.leave()
		if stayed && err != Goexit {
			return
		}
		t.lost = true
		if stayed {
			t.elsewhere()
		}
		runtime.Goexit()
	}()
	values := t.tell(i)
	err = nil
	if !v.leave() {
		t.lost = true
		runtime.Goexit()
	}
	t.values = values
}

// tell calls the function of an instrument, and returns the values that the handler gets.
func (t *told[M]) tell(i *instrument) context.Context {
	what := t.what
	if x := t.carries.of(i); x != nil {
		what.Carried, what.Sent, what.Waited = x.value, i.sys.born.Add(x.sent), t.began-x.sent
	}
	if t.stage == toBegin {
		return i.begin(t.values, what)
	}
	i.end(t.values, what)
	return t.values
}

// elsewhere has another runner go on with a copy of t, in the place of one that does not
// come back.
func (t *told[M]) elsewhere() {
	c := t.cell
	other := &told[M]{
		handling: t.handling, cell: c, call: t.call, what: t.what, by: t.by, batch: t.batch,
		began: t.began, stage: t.stage, next: t.next, values: t.values, end: t.end,
	}
	h := &hand[M]{Batch: t.batch, told: other}
	go serve(&c.process, func() *doom { return c.resume(h) })
}

// hangs implements visitor.
func (t *told[M]) hangs(i *instrument) {
	i.fail(t.stage, errHangs)
	t.elsewhere()
}

// aside is a handling that instruments are told of and that is not in the course of a
// runner's work: Init or Terminate. These are rare, and so the instruments are called on
// goroutines of their own. A nil aside tells nobody.
type aside struct {
	p      *process
	what   Handling
	by     []*instrument
	values context.Context
	began  time.Duration
}

// tellAside tells the instruments that are chosen that a handler is about to be called.
func (c *cell[M]) tellAside(name string) *aside {
	list := c.sys.instruments.Load()
	if list.skip() > 0 {
		return nil
	}
	t := &aside{p: &c.process, what: c.describe(name, nil), by: list.choose(nil, nil, true), began: c.sys.now()}
	t.what.Began = c.sys.born.Add(t.began)
	for _, i := range t.by {
		if !i.has(toBegin) {
			continue
		}
		// A function that is left alone must not see what happens to t.
		was, what, values := t.values, t.what, context.Context(nil)
		if i.callAside(toBegin, func() { values = i.begin(was, what) }) {
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
	t.what.Worked = t.p.sys.now() - t.began
	if d != nil {
		t.what.Err = d.reason
	}
	for _, i := range t.by { // t does not change any more
		if i.has(toEnd) && !i.off.Load() {
			i.callAside(toEnd, func() { i.end(t.values, t.what) })
		}
	}
}
