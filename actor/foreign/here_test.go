package foreign

import (
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// outcome is what has come of a call in place, on a goroutine of its own.
type outcome struct {
	err   error
	here  bool
	ended bool  // the goroutine has, without a return
	lost  error // what lost was called with
	after time.Duration
}

// start makes a call in place. Its outcome is written when it is there.
func start(c *Calls, f func()) *outcome {
	o := new(outcome)
	began := time.Now()
	go func() {
		o.ended = true
		o.err, o.here = c.Here(f, func(err error) {
			if o.lost != nil {
				err = errors.New("lost twice")
			}
			o.lost, o.after = err, time.Since(began)
		})
		o.ended = false
	}()
	return o
}

// Whatever a call in place does, its goroutine or another one learns of it, and the next call
// works. One that blocks is left alone, counts as stuck until it returns, and then comes to
// nothing.
func TestCallInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Calls{Limit: time.Second, Most: 1}
		release := make(chan struct{})
		for _, test := range []struct {
			name  string
			f     func()
			check func(o outcome) bool
		}{
			{"returns", func() {}, func(o outcome) bool { return o == outcome{here: true} }},
			{"is just in time", func() { time.Sleep(time.Second - 1) }, func(o outcome) bool { return o == outcome{here: true} }},
			{"panics", func() { panic("no") }, func(o outcome) bool {
				p, ok := errors.AsType[*actor.PanicError](o.err)
				return ok && p.Value == "no" && o.here && o.lost == nil
			}},
			{"ends its goroutine", runtime.Goexit, func(o outcome) bool { return o == outcome{ended: true, lost: actor.Goexit} }},
			{"blocks", func() { <-release }, func(o outcome) bool {
				return o == outcome{ended: true, lost: ErrLate, after: time.Second}
			}},
		} {
			o := start(c, test.f)
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if !test.check(*o) {
				t.Errorf("one that %s: %+v", test.name, *o)
			}
			if test.name != "blocks" {
				continue
			}
			if err, here := c.Here(func() { t.Error("called beside what hangs") }, nil); err != ErrStuck || !here {
				t.Errorf("beside one that hangs: %v, %v", err, here)
			}
			close(release)
			synctest.Wait()
			if o.ended || o.here || o.err != nil {
				t.Errorf("that returns after all: %+v", *o)
			}
		}
		if err, here := c.Here(func() {}, nil); err != nil || !here {
			t.Errorf("the next one: %v, %v", err, here)
		}
	})
}

// Each call in place has its own time, however many run at once and in whichever order they
// end.
func TestCallsInPlaceAreLateOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Calls{Limit: time.Second, Most: 10}
		release := make(chan struct{})
		var hang, quick []*outcome
		for i := range 6 {
			f, list := func() { <-release }, &hang
			if i%2 == 1 {
				f, list = func() { time.Sleep(300 * time.Millisecond) }, &quick
			}
			*list = append(*list, start(c, f))
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for i, o := range hang {
			if o.lost != ErrLate || o.after != time.Second {
				t.Errorf("call %d that hangs: %+v", i, *o)
			}
		}
		for i, o := range quick {
			if o.lost != nil || !o.here {
				t.Errorf("quick call %d: %+v", i, *o)
			}
		}
		close(release)
		synctest.Wait()
		if n := c.stuck.Load(); n != 0 {
			t.Errorf("%d are stuck", n)
		}
	})
}
