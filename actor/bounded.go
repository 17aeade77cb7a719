package actor

import (
	"sync"
	"sync/atomic"
	"time"
)

// patience bounds the wait for what must not block and is not an actor's handler: an
// observer, a log handler, the text of an error. Whatever takes longer is left alone.
const patience = 5 * time.Second

// bounded calls functions of one origin that must not block. While one hangs, the
// others are not called at all: each would cost its caller the wait, and a goroutine.
type bounded struct {
	hanging atomic.Int32
	spare   *sync.Pool // of boundedCalls; nil if each call is a new one
}

// call calls f and returns what came of it. It reports false if f was not called, or was
// left alone.
func (b *bounded) call(f func() error) (error, bool) {
	if b.hanging.Load() > 0 {
		return nil, false
	}
	if b.spare == nil {
		return b.callOnce(patience, f)
	}
	c := b.spare.Get().(*boundedCall)
	c.f = f
	if !c.callFor(b) {
		return nil, false
	}
	err := c.result()
	b.spare.Put(c)
	return err, true
}

func (b *bounded) callOnce(limit time.Duration, f func() error) (error, bool) {
	c := newBoundedCall(limit, nil)
	c.f = f
	if !c.callFor(b) {
		return nil, false
	}
	c.timer.Stop()
	return c.err, true
}

// guardFor is Guard with a bound in place of a context. It reports false if f was
// left alone.
func guardFor(limit time.Duration, f func() error) (error, bool) {
	return new(bounded).callOnce(limit, f)
}

// boundedCall is a guarded call with a bound. Its caller waits for done, where either the
// call's goroutine or the timer sends: the one that takes the call away from began. If that
// is the timer, the call has been left alone, and belongs to its goroutine.
//
// The timer is not stopped after a call but finds, when it fires, that there is nothing to
// do, or when the call that is under way now will be overdue. So most calls need not touch
// it, which is dear: an earlier time than all others makes the runtime wake a thread.
type boundedCall struct {
	guardedCall
	limit time.Duration
	born  time.Time
	by    *bounded     // set before began
	began atomic.Int64 // on the clock of born; or notBegun, or tooLate
	left  bool         // alone; set by the timer before it sends
	armed atomic.Bool  // the timer fires, or looks again before it rests
	timer *time.Timer  // nil before the first call
	depth *depths      // of functions like f; nil if they are taken for deep
}

// States of a call that is not under way, in the place of the time when it began.
const (
	notBegun int64 = 0
	tooLate  int64 = -1
)

func newBoundedCall(limit time.Duration, depth *depths) *boundedCall {
	c := &boundedCall{limit: limit, born: time.Now(), depth: depth}
	c.done = make(chan struct{}, 1)
	c.run = func() {
		var mark byte
		defer c.over() // even if the text of a panic cannot be had
		defer c.caught()
		if depth.deep() {
			growStack()
		}
		at := place(&mark)
		c.err = Goexit // unless f returns
		c.err = vet(c.f())
		depth.judge(place(&mark) != at)
	}
	return c
}

// callFor calls f for b. It reports false if f was left alone.
func (c *boundedCall) callFor(b *bounded) bool {
	c.begin(b)
	return c.wait()
}

// wait runs f, which has begun or begins itself. It reports false if f was left alone.
func (c *boundedCall) wait() bool {
	go c.run()
	<-c.done
	return !c.left
}

// begin has the time begin, for a function of b's.
func (c *boundedCall) begin(b *bounded) {
	c.by = b
	c.began.Store(c.now())
	if !c.armed.CompareAndSwap(false, true) {
		return
	}
	if c.timer == nil {
		c.timer = time.AfterFunc(c.limit, c.look)
	} else {
		c.timer.Reset(c.limit)
	}
}

// pause stops the time. If it reports false the call has been left alone.
func (c *boundedCall) pause() bool {
	began := c.began.Load()
	return began != tooLate && c.began.CompareAndSwap(began, notBegun)
}

func (c *boundedCall) now() int64 { return int64(time.Since(c.born)) + 1 }

// over is the end of the call's goroutine.
func (c *boundedCall) over() {
	by := c.by // its caller may use c again after the send
	if c.pause() {
		c.done <- struct{}{}
	} else {
		by.hanging.Add(-1)
	}
}

// look is what the timer does.
//
// It reads c.timer, which the first call has set, only for a later one: the first is overdue
// when the timer fires. It reads c.by of a call that it has taken from its goroutine.
func (c *boundedCall) look() {
	for {
		began := c.began.Load()
		if began == notBegun {
			c.armed.Store(false)
			// A call that has begun before that store does not know that it must arm.
			if c.began.Load() == notBegun || !c.armed.CompareAndSwap(false, true) {
				return
			}
			continue
		}
		if rest := c.limit - time.Duration(c.now()-began); rest > 0 {
			c.timer.Reset(rest)
			return
		}
		if c.began.CompareAndSwap(began, tooLate) {
			c.left = true
			c.by.hanging.Add(1)
			c.done <- struct{}{}
			return
		}
	}
}
