package nats

import (
	"errors"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// place is where a program of a simulation runs, in the time of a bubble. It can stand still,
// as by SIGSTOP, be killed, and its way to the servers can stall or be cut.
type place struct {
	name string
	seed uint64
	gone chan struct{} // closed when it is killed

	mu      sync.Mutex
	changed chan struct{} // closed when one of these does
	paused  time.Time     // until then nothing of it runs
	stalled time.Time     // until then what is on its way waits
	cut     time.Time     // until then what is on its way is lost
	late    time.Time     // the latest end of a pause or a stall that there has been
}

func newPlace(name string, seed uint64) *place {
	return &place{name: name, seed: seed, gone: make(chan struct{}), changed: make(chan struct{})}
}

// set changes one of the place's states, which lasts for d.
func (p *place) set(state *time.Time, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*state = time.Now().Add(d)
	if state != &p.cut && state.After(p.late) {
		p.late = *state
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

// lateSince reports whether something may be late that was sent since.
func (p *place) lateSince(when time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.late.After(when)
}

// outlast waits until a state is over, by time or because it was ended, and reports whether it
// had to.
//
// When the state ends and what tells of a change are read together: between the two, the state
// could be ended, and the change that comes after it waited for.
func (p *place) outlast(state *time.Time) (waited bool) {
	for {
		p.mu.Lock()
		left, changed := time.Until(*state), p.changed
		p.mu.Unlock()
		if left <= 0 {
			return waited
		}
		waited = true
		end := time.NewTimer(left)
		select {
		case <-end.C:
		case <-changed:
		}
		end.Stop()
	}
}

func (p *place) is(state *time.Time) (on bool, left time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left = time.Until(*state)
	return left > 0, left
}

// heal ends all that is wrong.
func (p *place) heal() {
	for _, state := range []*time.Time{&p.cut, &p.stalled, &p.paused} {
		p.set(state, 0)
	}
}

func (p *place) alive() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// acts reports whether what runs there could do something now.
func (p *place) acts() bool {
	paused, _ := p.is(&p.paused)
	return p.alive() && !paused
}

// pass waits until the program is not paused, and a little longer: when it goes on, any of its
// goroutines may be the first.
func (p *place) pass() {
	if p.awake() {
		time.Sleep(100 * time.Millisecond)
	}
}

// awake waits until the program is not paused, and reports whether it was.
func (p *place) awake() (waited bool) { return p.outlast(&p.paused) }

// die has nothing run there any more. What has been sent already may come through.
func (p *place) die() {
	p.set(&p.paused, 0)
	close(p.gone)
}

var errDead = errors.New("the program is gone")

// chance returns what decides on something that happens now. That depends on when it is, and
// not on which goroutine is first.
func (p *place) chance(what string) *rand.Rand {
	h := fnv.New64a()
	_, _ = io.WriteString(h, p.name+what)
	return rand.New(rand.NewPCG(p.seed^h.Sum64(), uint64(time.Now().UnixNano())))
}

func upTo(r *rand.Rand, d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }

// travel takes a message over the wire, and reports whether it has come through.
func (p *place) travel(d time.Duration) bool {
	time.Sleep(d)
	p.unstall()
	p.mu.Lock()
	defer p.mu.Unlock()
	return !time.Now().Before(p.cut)
}

// unstall waits until the way is not stalled.
func (p *place) unstall() { p.outlast(&p.stalled) }
