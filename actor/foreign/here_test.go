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

// Do has the outcomes of Call, one after another by what it keeps, and leaves alone what
// blocks.
func TestDoIsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Calls{Limit: time.Second, Most: 1}
		release, bad := make(chan struct{}), errors.New("bad")
		for range 2 {
			for name, test := range map[string]struct {
				f    func() error
				want error
			}{
				"nil":    {func() error { return nil }, nil},
				"error":  {func() error { return bad }, bad},
				"Goexit": {func() error { runtime.Goexit(); return nil }, actor.Goexit},
			} {
				if err := c.Do(test.f); err != test.want {
					t.Errorf("%s: %v, want %v", name, err, test.want)
				}
			}
			for name, f := range map[string]func() error{
				"panic": func() error { panic("no") }, "typed nil": func() error { return (*nobody)(nil) },
			} {
				if _, ok := errors.AsType[*actor.PanicError](c.Do(f)); !ok {
					t.Errorf("%s is no PanicError", name)
				}
			}
		}
		began := time.Now()
		if err := c.Do(func() error { <-release; return bad }); err != ErrLate || time.Since(began) != time.Second {
			t.Errorf("blocked: %v, after %v", err, time.Since(began))
		}
		if err := c.Do(func() error { return nil }); err != ErrStuck {
			t.Errorf("beside it: %v", err)
		}
		close(release)
		synctest.Wait()
		if err := c.Do(func() error { return nil }); err != nil {
			t.Errorf("when it has returned: %v", err)
		}
	})
}

// nobody is an error whose text cannot be had of nil.
type nobody struct{ text string }

func (n *nobody) Error() string { return n.text }
