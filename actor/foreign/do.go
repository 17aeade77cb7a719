package foreign

import (
	"time"

	"github.com/troupe-go/troupe/actor"
)

// Do is Call for what neither needs a context nor waits for one. It is cheaper, since calls
// have one timer together.
func (c *Calls) Do(f func() error) error {
	if c.stuck.Load() >= c.Most {
		return ErrStuck
	}
	a, _ := c.pool.Get().(*away)
	if a == nil {
		a = newAway(c)
	}
	a.f, a.began = f, time.Now()
	c.enter(&a.running)
	go a.run()
	err, returned := <-a.done, !a.left
	if returned {
		a.f = nil
		c.pool.Put(a)
	}
	return err
}

// away is a call on a goroutine of its own. What has received from done, and finds that it was
// not left alone, may use it again: its goroutine is through with it.
type away struct {
	running
	f    func() error
	done chan error // has room for one
	run  func()     // made once: a go statement with a receiver allocates
}

func newAway(c *Calls) *away {
	a := &away{done: make(chan error, 1)}
	a.lost = func(err error) { a.done <- err }
	a.run = func() {
		err := error(actor.Goexit) // unless f returns
		defer func() {
			if v := recover(); v != nil {
				err = actor.Recovered(v)
			}
			if c.leave(&a.running) {
				a.done <- err
			} else {
				c.stuck.Add(-1)
			}
		}()
		err = sound(a.f())
	}
	return a
}
