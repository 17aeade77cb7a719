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
	t, x := c.tells(h, what.carries)
	if t == nil {
		return ending(call())
	}
	t.handling, x.call = what, call
	c.describe(&t.what, what.name, reflect.TypeOf(what.message))
	if h.tell(t, x); t.begin(t.what.began) {
		t.end = ending(call())
	}
	return h.finish(t)
}

// receiveWatched is watched for the messages of Receive.
func (c *cell[M]) receiveWatched(h *hand[M], m M, carries *carried) *doom {
	if c.isDebugged() {
		return c.receiveDebugged(h, m, carries)
	}
	return c.receiveTold(h, m, carries)
}

// receiveDebugged is a function of its own so that m is not on the heap otherwise.
func (c *cell[M]) receiveDebugged(h *hand[M], m M, carries *carried) *doom {
	what := handling{inReceive, TraceMessage, m, carries, true}
	return c.watched(h, what, func() error { return c.behavior.Receive(c.self(), m) })
}

// receiveTold is receiveWatched for an actor that is not debugged. It allocates nothing, and
// takes so little of the stack that an instrument which does not take much has it not grow.
func (c *cell[M]) receiveTold(h *hand[M], m M, carries *carried) *doom {
	t, x := c.tells(h, carries)
	if t == nil {
		return ending(c.behavior.Receive(c.self(), m))
	}
	x.m, t.carries, t.mailed = m, carries, true
	c.describe(&t.what, inReceive, reflect.TypeOf(m))
	if h.tell(t, x); t.begin(t.what.began) {
		t.end = ending(c.behavior.Receive(c.self(), m))
	}
	return h.finish(t)
}

// describe sets what is known of a handling before it begins.
func (c *cell[M]) describe(h *Handling, name string, message reflect.Type) {
	h.PID, h.Handler, h.Message = PID{&c.process}, name, message
	h.Behavior = reflect.TypeOf(c.behavior)
	if w, ok := any(c.behavior).(Wrapper); ok {
		h.Behavior = cmp.Or(w.Wrapped(), h.Behavior)
	}
}

// tells returns what the runner needs to tell of what it is about to handle, nil if nobody
// is to be told.
func (c *cell[M]) tells(h *hand[M], carries *carried) (*told, *holding[M]) {
	list := c.sys.instruments.Load()
	sampled := h.sampled
	h.sampled = list.seeAll()
	if list == nil || !sampled && carries == nil {
		return nil, nil
	}
	if !h.sampled {
		c.noteTold()
	}
	t := h.spare
	if h.spare = nil; t == nil {
		t = c.sys.tolds.Get().(*told)
	}
	x, ok := t.held.(*holding[M])
	if !ok {
		x = new(holding[M])
		t.held = x
	}
	t.p, x.cell = &c.process, c
	t.by = list.choose(t.room[:0], carries, sampled)
	return t, x
}

// tell begins to tell of a handling. What the runner has in hand is noted after the clock has
// been read, for it has just been written.
func (h *hand[M]) tell(t *told, x *holding[M]) {
	h.told = t
	t.what.began = t.p.sys.now()
	x.batch = h.Batch
}

// finish tells of the end of a handling, and returns what it has come to.
func (h *hand[M]) finish(t *told) *doom {
	t.finish()
	d := t.end
	if h.told = nil; !t.spoilt {
		t.clear()
		h.spare = t
	}
	return d
}

// told is a handling that instruments are told of.
//
// Their functions run in place, on the runner: a goroutine for each would cost more than all
// the rest. So the runner may not come back from one, nor may it from a handler that calls
// runtime.Goexit. Then another runner goes on where it stood, with the course of the told;
// see elsewhere. That is why run can be entered at any stage, and why a runner that has been
// replaced, which lost says, must not touch the actor.
//
// A runner keeps one for all that it tells of, and returns it to a pool in the end. It is
// cleared between two handlings; one with which anything has gone wrong is spoilt, and is
// thrown away.
type told struct {
	course
	visit visit
	room  [2]*instrument // of by

	// Only its own runner touches these.
	spoilt bool
	lost   bool
}

// course is how far a handling has come: all that another runner needs to go on with it.
type course struct {
	handling
	p    *process
	held held
	what Handling
	by   []*instrument // those that are told

	stage  stage
	next   int             // of by
	values context.Context // that the handler gets; nil if none
	end    *doom           // what the handler came to
}

type stage uint8

const (
	toBegin stage = iota
	toHandle
	toEnd
)

// held is a holding, whatever its type.
type held interface {
	handle() error
	lose()
	clear()
	leave()
	goOn(*told)
}

// holding is the part of a course that depends on the type of messages.
type holding[M any] struct {
	cell  *cell[M]
	m     M              // of Receive
	call  func() error   // the handler; nil if it is Receive
	batch queue.Batch[M] // what the runner has in hand meanwhile
}

// handle implements held.
func (x *holding[M]) handle() error {
	if x.call != nil {
		return x.call()
	}
	return x.cell.behavior.Receive(x.cell.self(), x.m)
}

// clear implements held.
func (x *holding[M]) clear() {
	var none M
	x.m, x.call = none, nil
}

// leave implements held.
func (x *holding[M]) leave() { *x = holding[M]{} }

// lose implements held, for a message.
func (x *holding[M]) lose() { deadLetter(&x.cell.process, x.m, NoProc) }

// goOn implements held: a new runner goes on with t.
func (x *holding[M]) goOn(t *told) {
	h := &hand[M]{Batch: x.batch, told: t}
	go serve(&x.cell.process, func() *doom { return x.cell.resume(h) })
}

// newTold makes one for the pool of a system.
func newTold(sys *System) *told {
	t := &told{}
	t.visit.in = &sys.visits
	sys.visits.add(t)
	return t
}

// clear lets go of a handling that is over. What the next one of the runner has again, or
// overwrites, stays until rest.
func (t *told) clear() {
	t.held.clear()
	t.stage, t.next, t.what.Worked = toBegin, 0, 0
	if t.carries != nil || t.values != nil || t.end != nil || t.name != "" {
		t.handling, t.values, t.end = handling{}, nil, nil
		t.what.Carried, t.what.Waited, t.what.Err = nil, 0, nil
	}
}

// rest returns t to its pool.
func (t *told) rest() {
	sys := t.p.sys
	t.held.leave()
	t.course, t.room = course{held: t.held}, [2]*instrument{}
	sys.tolds.Put(t)
}

// begin tells, now, that the handler begins. It reports whether it does: not if the actor has
// been killed meanwhile, and then t is at its end.
func (t *told) begin(now time.Duration) bool {
	if t.stage == toBegin {
		t.tellAll(now)
		t.stage = toHandle
	}
	if d := t.p.doomed(); d != nil {
		t.drop(d)
		return false
	}
	if t.values != nil || t.carries != nil {
		t.p.setHand(t.values, t.carries)
	}
	return true
}

// finish tells what the handler came to.
func (t *told) finish() {
	if t.stage != toEnd {
		t.tellAll(t.handled())
	} else { // by another runner, or after a panic
		t.tellAll(t.p.sys.now())
	}
}

// run is the rest of the course, if another runner was lost with what is before it, or there
// was a panic.
func (t *told) run() *doom {
	if t.stage != toEnd && t.begin(t.p.sys.now()) {
		t.end = ending(t.held.handle())
	}
	t.finish()
	return t.end
}

// fail is told that the handler, or an instrument, has panicked with v, or has called
// runtime.Goexit, if v is nil. After a panic the runner goes on with the course where it is
// now, if it returns; otherwise another one does.
func (t *told) fail(v any) {
	t.spoilt = true
	if t.stage != toHandle {
		t.fault(v)
		return
	}
	if v != nil {
		t.end = judgePanic(Recovered(v))
		t.handled()
		return
	}
	t.end = judge(Goexit)
	t.handled()
	t.elsewhere()
}

// fault is fail for the instrument that is called now.
func (t *told) fault(v any) {
	err := Goexit
	if v != nil {
		err = Recovered(v)
	}
	t.by[t.next-1].fail(t.stage, err)
	stayed := t.visit.abort()
	if stayed && v != nil {
		return
	}
	t.lost = true
	if stayed {
		t.elsewhere()
	}
	runtime.Goexit()
}

// tellAll calls the instruments that are still to be told of this stage, which begins now.
func (t *told) tellAll(now time.Duration) {
	for told := false; t.next < len(t.by); {
		i := t.by[t.next]
		t.next++ // whatever becomes of this runner
		if !i.has(t.stage) || i.off.Load() {
			continue
		}
		if told { // each has five seconds of its own
			now = t.p.sys.now()
		}
		t.tell(i, now)
		told = true
	}
	t.next = 0
}

// drop is in the place of handle if the actor has been killed.
func (t *told) drop(d *doom) {
	t.end = d
	switch {
	case !t.mailed:
	case t.message != nil:
		deadLetter(t.p, t.message, NoProc)
	default:
		t.held.lose()
	}
}

// handled notes what the handler came to, and returns the time.
func (t *told) handled() time.Duration {
	if t.values != nil || t.carries != nil {
		t.p.dropHand()
	}
	now := t.p.sys.now()
	t.what.Worked = now - t.what.began
	if t.end != nil {
		t.what.Err = t.end.reason // whose methods have been tried
	}
	t.stage, t.next = toEnd, 0
	return now
}

// tell calls one instrument. If that does not return, or panics, neither does tell.
func (t *told) tell(i *instrument, now time.Duration) {
	if t.carries != nil {
		t.brought(i)
	}
	inside := t.visit.enter(i, now) // from here on, another runner may look at t
	values := t.values
	if t.stage == toBegin {
		values = i.begin(values, &t.what)
	} else {
		i.end(values, &t.what)
	}
	if !t.visit.leave(inside) {
		t.lost = true
		runtime.Goexit()
	}
	t.values = values
}

// brought sets what the message brought for an instrument.
func (t *told) brought(i *instrument) {
	h := &t.what
	h.Carried, h.Waited = nil, 0
	if x := t.carries.of(i); x != nil {
		h.Carried, h.Waited = x.value, h.began-x.sent
	}
}

// elsewhere has another runner go on with the course, in the place of one that does not come
// back.
func (t *told) elsewhere() {
	other := newTold(t.p.sys)
	other.course = t.course
	other.held.goOn(other)
}

// hangs is called if an instrument has been inside for too long.
func (t *told) hangs() {
	t.visit.by.fail(t.stage, errHangs)
	t.elsewhere()
}
