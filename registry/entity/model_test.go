package entity_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/registry/entity"
	"github.com/troupe-go/troupe/supervisor"
)

var (
	modelSeed   = flag.Uint64("entity.seed", 0, "run the random test of sets with this seed only")
	modelRounds = flag.Int("entity.rounds", 0, "how many seeds the random test of sets tries")
)

const (
	modelBackoff = 50 * time.Millisecond
	modelLinger  = 100 * time.Millisecond
)

// Whatever goes wrong at whatever time, there is one incarnation of a key at a time, what is
// found runs, what is held is not stopped, requests are carried out once at most, back-off
// holds, nobody waits for ever, and nothing is left.
func TestSetsKeepTheirPromisesWhateverGoesWrong(t *testing.T) {
	if *modelSeed != 0 {
		runModel(t, *modelSeed)
		return
	}
	rounds := *modelRounds
	if rounds == 0 {
		rounds = long.Rounds(60, 1000)
	}
	for range rounds {
		seed := rand.Uint64()
		if !t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { runModel(t, seed) }) {
			return
		}
	}
}

// model is a set whose users and whose entities do random things. Its record of what has
// happened has an order of its own, because much happens at one moment of a bubble.
type model struct {
	*testing.T
	sys    *actor.System
	set    *entity.Set[int, modelMsg]
	sup    supervisor.Tree
	random *rand.Rand // of the driver alone
	users  sync.WaitGroup

	mu    sync.Mutex
	calm  bool       // nothing more goes wrong
	inits *rand.Rand // of the Inits
	tick  int        // the order of events
	rooms [4]modelRoom
	calls []modelCall
}

// modelRoom is what is known of a key.
type modelRoom struct {
	ups, ends []int // when incarnations have come up, and ended
	live      int   // those in Init or after it
	crashed   time.Time
	// excuse counts what ends an entity for good whether it is held or not.
	excuse   int
	upExcuse int // when the latest incarnation came up
	ending   int // how many are about to do so
	holds    map[*modelHold]bool
}

// modelHold is a hold that has come true and has not been let go.
type modelHold struct{ excuse int }

// modelCall is a request.
type modelCall struct{ made, handled int }

// modelMsg is what an entity does: return the error, after it has answered.
type modelMsg struct {
	call  int // the request's number, from 1; 0 if it is none
	reply actor.Reply[int]
	took  time.Duration
	end   error
}

// modelEntity is an entity.
type modelEntity struct {
	m   *model
	key int
}

func (e *modelEntity) Init(ctx *actor.Context[modelMsg]) error {
	m := e.m
	m.mu.Lock()
	r := &m.rooms[e.key]
	if r.live++; r.live > 1 {
		m.Errorf("%d incarnations of %d at once", r.live, e.key)
	}
	if since := time.Since(r.crashed); !r.crashed.IsZero() && since < modelBackoff {
		m.Errorf("%d is restarted %v after its crash", e.key, since)
	}
	r.crashed = time.Time{}
	var slow time.Duration
	var err error
	if !m.calm && m.inits.IntN(3) == 0 {
		slow = time.Duration(m.inits.IntN(300)) * time.Millisecond
	}
	if !m.calm && m.inits.IntN(4) == 0 {
		err = []error{errBoom, actor.Ignore, actor.Shutdown}[m.inits.IntN(3)]
	}
	m.mu.Unlock()

	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		r.live--
		if err == actor.Ignore { // which ends the attempts
			r.excuse++
		}
		return err
	}
	if !ctx.PID().Own(modelEnd{e}) {
		r.live--
		return nil // killed, and ended by now
	}
	m.tick++
	r.ups = append(r.ups, m.tick)
	r.upExcuse = r.excuse
	return nil
}

func (e *modelEntity) Receive(ctx *actor.Context[modelMsg], msg modelMsg) error {
	if msg.call > 0 {
		e.m.mu.Lock()
		e.m.calls[msg.call-1].handled++
		e.m.mu.Unlock()
	}
	if msg.took > 0 {
		select {
		case <-time.After(msg.took):
		case <-ctx.Done():
		}
	}
	msg.reply.Send(e.key)
	if msg.end == actor.Stop {
		e.m.excuse(e.key)
	}
	return msg.end
}

// modelEnd is what an entity owns to tell of its end.
type modelEnd struct{ *modelEntity }

func (e modelEnd) Release(_ actor.PID, reason error) {
	m := e.m
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &m.rooms[e.key]
	r.live--
	m.tick++
	r.ends = append(r.ends, m.tick)
	if !actor.IsClean(reason) {
		// One that crashes on its way out need not wait; only those that are held, and
		// that nobody is about to stop, certainly are not.
		for h := range r.holds {
			if r.ending == 0 && r.excuse == r.upExcuse && h.excuse == r.excuse {
				r.crashed = time.Now()
			}
		}
		return
	}
	for h := range r.holds {
		if reason != actor.Normal && r.ending == 0 && h.excuse == r.excuse {
			m.Errorf("%d has ended with %v while it was held", e.key, reason)
		}
	}
}

// excuse notes that the entity may end whether it is held or not, and need not wait for a
// restart.
func (m *model) excuse(key int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rooms[key].excuse++
	m.rooms[key].crashed = time.Time{}
}

// ending does what ends the entities of those keys, and excuses those that come meanwhile.
func (m *model) ending(do func(), keys ...int) {
	about := func(n int) {
		for _, key := range keys {
			m.excuse(key)
			m.mu.Lock()
			m.rooms[key].ending += n
			m.mu.Unlock()
		}
	}
	about(1)
	defer about(-1)
	do()
}

// moment is what is known of a key when a use of it begins.
type moment struct{ tick, excuse int }

func (m *model) now(key int) moment {
	m.mu.Lock()
	defer m.mu.Unlock()
	return moment{m.tick, m.rooms[key].excuse}
}

// found checks that the entity has been up since then.
func (m *model) found(key int, since moment, what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &m.rooms[key]
	n := len(r.ups)
	if n == 0 || len(r.ends) >= n && r.ends[n-1] < since.tick {
		m.Errorf("%s of %d: it has not been up since then", what, key)
	}
}

// failed checks that there is a reason for an error.
func (m *model) failed(ctx context.Context, err error, what string) {
	for _, expected := range []error{errBoom, actor.Ignore, actor.Shutdown, actor.NoProc, actor.Killed, actor.Normal, supervisor.ErrMaxChildren} {
		if errors.Is(err, expected) {
			return
		}
	}
	if ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		m.Errorf("%s: %v", what, err)
	}
}

// within returns a context that gives up after a random time, or never.
func (m *model) within() (context.Context, context.CancelFunc) {
	if m.random.IntN(3) == 0 {
		return context.WithCancel(m.Context())
	}
	return context.WithTimeout(m.Context(), time.Duration(m.random.IntN(400))*time.Millisecond)
}

func (m *model) find(key int) {
	ctx, cancel := m.within()
	m.users.Go(func() {
		defer cancel()
		since := m.now(key)
		if _, err := m.set.Find(ctx, key); err != nil {
			m.failed(ctx, err, "find")
			return
		}
		m.found(key, since, "find")
	})
}

// hold has an actor hold the entity for a while, and let it go or die.
func (m *model) hold(key int) {
	ctx, cancel := m.within()
	dies, lasts := m.random.IntN(2) == 0, time.Duration(m.random.IntN(500))*time.Millisecond
	m.users.Go(func() {
		defer cancel()
		holder, err := actor.Spawn(m.sys, actor.Func(func(*actor.Context[any], any) error { return nil }))
		if err != nil {
			m.Error(err)
			return
		}
		defer holder.PID().Exit(actor.Kill)
		since := m.now(key)
		_, release, err := m.set.Hold(ctx, holder.PID(), key)
		if err != nil {
			m.failed(ctx, err, "hold")
			return
		}
		m.found(key, since, "hold")
		h := &modelHold{since.excuse}
		m.mu.Lock()
		r := &m.rooms[key]
		r.holds[h] = true
		m.mu.Unlock()
		time.Sleep(lasts)
		m.mu.Lock()
		delete(r.holds, h)
		m.mu.Unlock()
		if !dies {
			release()
		}
	})
}

func (m *model) call(key int, end error) {
	ctx, cancel := m.within()
	took := time.Duration(m.random.IntN(2)*m.random.IntN(100)) * time.Millisecond
	m.users.Go(func() {
		defer cancel()
		m.mu.Lock()
		m.calls = append(m.calls, modelCall{})
		n := len(m.calls)
		m.mu.Unlock()
		got, err := entity.Call(ctx, m.set, key, func(r actor.Reply[int]) modelMsg {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.calls[n-1].made++
			return modelMsg{n, r, took, end}
		})
		m.mu.Lock()
		defer m.mu.Unlock()
		if c := m.calls[n-1]; c.made > 1 || c.handled > c.made || err == nil && (c.handled != 1 || got != key) {
			m.Errorf("call of %d: got %d, %v; made %d times, handled %d times", key, got, err, c.made, c.handled)
		}
		if err != nil {
			m.failed(ctx, err, "call")
		}
	})
}

func (m *model) send(key int, end error) {
	ctx, cancel := m.within()
	m.users.Go(func() {
		defer cancel()
		if err := m.set.Send(ctx, key, modelMsg{end: end}); err != nil {
			m.failed(ctx, err, "send")
		}
	})
}

func (m *model) stop(key int) {
	ctx, cancel := m.within()
	m.users.Go(func() {
		defer cancel()
		m.ending(func() {
			if err := m.set.Stop(ctx, key); err != nil {
				m.failed(ctx, err, "stop")
			}
		}, key)
	})
}

// kill kills an entity, the set, or the set's supervisor.
func (m *model) kill(key, what int) {
	ref, ok := m.set.Lookup(key)
	info, alive := ref.PID().Info()
	if !ok || !alive {
		return
	}
	switch what {
	case 0:
		ref.PID().Exit(actor.Kill)
	case 1:
		m.ending(func() { info.Parent.Exit(actor.Kill) }, 0, 1, 2, 3)
	default:
		if set, ok := info.Parent.Info(); ok {
			m.users.Go(func() {
				m.ending(func() { m.killAbove(set.Parent) }, 0, 1, 2, 3)
			})
		}
	}
}

// killAbove kills a supervisor of the set, and waits for the end of each set that it has
// started: one that has not heard of the kill goes on.
func (m *model) killAbove(above actor.PID) {
	above.Exit(actor.Kill)
	<-above.Done() // it starts none any more
	for _, pid := range m.sys.Actors() {
		if info, ok := pid.Info(); ok && info.Parent == above {
			<-pid.Done()
		}
	}
}

func runModel(t *testing.T, seed uint64) {
	synctest.Test(t, func(t *testing.T) {
		m := &model{T: t, random: rand.New(rand.NewPCG(seed, 1)), inits: rand.New(rand.NewPCG(seed, 2))}
		for key := range m.rooms {
			m.rooms[key].holds = make(map[*modelHold]bool)
		}
		m.sys = newSystem(t)
		m.set = entity.New(entity.Config{
			Linger:   modelLinger,
			Backoff:  supervisor.Backoff{Min: modelBackoff, Max: time.Second},
			Shutdown: supervisor.Shutdown(time.Second),
		}, func(key int) *modelEntity { return &modelEntity{m, key} })
		var err error
		m.sup, err = supervisor.Start(m.sys, supervisor.Spec{
			Intensity: 1_000_000,
			Children: []supervisor.Child{supervisor.Supervisor("floor", supervisor.Spec{
				Intensity: 1_000_000,
				Children:  []supervisor.Child{m.set.Child()},
			})},
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 300 {
			m.step()
		}
		m.mu.Lock()
		m.calm = true
		m.mu.Unlock()
		m.users.Wait() // or the bubble is in a deadlock
		m.settle()
	})
}

func (m *model) step() {
	key := m.random.IntN(len(m.rooms))
	switch m.random.IntN(16) {
	case 0, 1, 2:
		m.find(key)
	case 3, 4, 5:
		m.hold(key)
	case 6, 7:
		m.call(key, nil)
	case 8:
		m.call(key, errBoom)
	case 9:
		m.send(key, errBoom)
	case 10:
		m.send(key, actor.Stop)
	case 11:
		m.stop(key)
	case 12:
		m.kill(key, m.random.IntN(3))
	case 13:
		synctest.Wait()
	default:
		time.Sleep(time.Duration(m.random.IntN(60)) * time.Millisecond)
	}
}

// settle checks that all works when nothing goes wrong any more, and that nothing is left.
func (m *model) settle() {
	time.Sleep(time.Hour)
	for key := range m.rooms {
		if _, err := m.set.Find(m.Context(), key); err != nil {
			m.Errorf("in the end: %v", err)
		}
		if err := m.set.Stop(m.Context(), key); err != nil {
			m.Errorf("in the end: %v", err)
		}
	}
	synctest.Wait()
	if n, left := m.set.Count(), m.sys.Count(); n != 0 || left != 3 {
		m.Errorf("%d entities and %d actors are left:\n%v", n, left, supervisor.Snapshot(m.Context(), m.sys))
	}
}
