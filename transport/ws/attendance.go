package ws

import (
	"context"
	"sync"

	"github.com/troupe-go/troupe/actor"
)

// attendances keep the recorders of topics at work whose History has a Store, for what has
// subscribed to them and is no channel of theirs: without a recorder nothing comes here. They
// outlive the archive.
type attendances struct {
	mu    sync.Mutex
	of    map[attender]*attendance
	turns map[attender]*turn // those that somebody has or waits for
}

// turn makes one step of a subscription and the look at its attendance, and of the end of both.
// Each owner has its own at each topic: a subscription may wait for the network.
type turn struct {
	mu    sync.Mutex
	users int // guarded by the lock of attendances
}

type attender struct {
	owner actor.PID
	topic string
}

// attendance is that of one actor at one topic. It is an [actor.Resource].
type attendance struct {
	attender
	all      *attendances
	needed   int      // by how many subscriptions
	archive  *archive // whose recorder it uses
	recorder *recorder
	settled  bool // one of them can miss something
}

// attended makes a subscription of owner's to a topic, and has the topic's recorder work for it
// until owner ends or unsubscribes. If it fails nothing has changed. subscribe comes last, since no
// subscription can be ended without the others that owner has to the topic.
func (e *Endpoint) attended(owner actor.PID, topic string, subscribe func() error) error {
	for {
		a, err := e.attend(owner, topic)
		if err != nil {
			return err
		}
		if a == nil {
			return subscribe()
		}
		if made, err := a.subscribed(subscribe); made || err != nil {
			return err
		}
	}
}

// subscribed makes a subscription, unless an Unsubscribe has ended the attendance meanwhile.
func (a *attendance) subscribed(subscribe func() error) (made bool, err error) {
	defer a.all.awaitTurn(a.attender)()
	if !a.holds() {
		return false, nil
	}
	if err = subscribe(); err != nil {
		a.withdraw()
	}
	return err == nil, err
}

// unsubscribe ends all subscriptions of owner to a topic, and its attendance.
func (e *Endpoint) unsubscribe(owner actor.PID, topic string) {
	defer e.attendances.awaitTurn(attender{owner, topic})()
	e.attendances.end(owner, topic)
	e.topics.Unsubscribe(owner, topic)
}

// awaitTurn takes the turn, which is given back by the returned function.
func (as *attendances) awaitTurn(of attender) (giveBack func()) {
	as.mu.Lock()
	t := as.turns[of]
	if t == nil {
		if as.turns == nil {
			as.turns = make(map[attender]*turn)
		}
		t = new(turn)
		as.turns[of] = t
	}
	t.users++
	as.mu.Unlock()
	t.mu.Lock()
	return func() {
		t.mu.Unlock()
		as.mu.Lock()
		defer as.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(as.turns, of)
		}
	}
}

// attend has a topic's recorder work, if there is one to be, and waits until that has its log.
func (e *Endpoint) attend(owner actor.PID, topic string) (*attendance, error) {
	h := e.historyOf(topic)
	if h == nil || h.storage == nil {
		return nil, nil
	}
	a, is := e.attendances.begin(owner, topic)
	if !is {
		return nil, actor.NoProc
	}
	for {
		archive, err := e.archive.Load(), error(nil)
		if archive != nil {
			err = a.use(archive, h)
		}
		if err != nil {
			a.withdraw()
			return nil, err
		}
		a.settle()
		if archive == e.archive.Load() { // a later one resumes it
			return a, nil
		}
	}
}

// withdraw ends the attendance if no other subscription needs it.
func (a *attendance) withdraw() {
	a.all.mu.Lock()
	a.needed--
	last := a.needed == 0
	if last && a.all.of[a.attender] == a {
		delete(a.all.of, a.attender) // so that none begins to need it
	}
	a.all.mu.Unlock()
	if last {
		a.owner.Disown(a)
		a.Release(a.owner, nil)
	}
}

// holds reports whether the attendance has not ended.
func (a *attendance) holds() bool {
	a.all.mu.Lock()
	defer a.all.mu.Unlock()
	return a.all.of[a.attender] == a
}

// settle leaves it to archives to come to resume the attendance: what has subscribed can miss
// something from now on.
func (a *attendance) settle() {
	a.all.mu.Lock()
	defer a.all.mu.Unlock()
	a.settled = true
}

// begin returns the attendance, for one more subscription. It is begun if there is none.
func (as *attendances) begin(owner actor.PID, topic string) (*attendance, bool) {
	as.mu.Lock()
	a := as.of[attender{owner, topic}]
	if a != nil {
		a.needed++
		as.mu.Unlock()
		return a, true
	}
	a = &attendance{attender: attender{owner, topic}, all: as, needed: 1}
	if as.of == nil {
		as.of = make(map[attender]*attendance)
	}
	as.of[a.attender] = a
	as.mu.Unlock()
	if !owner.Own(a) {
		a.Release(owner, nil)
		return nil, false
	}
	return a, true
}

// end ends the attendance of an actor at a topic.
func (as *attendances) end(owner actor.PID, topic string) {
	as.mu.Lock()
	a := as.of[attender{owner, topic}]
	as.mu.Unlock()
	if a != nil {
		owner.Disown(a)
		a.Release(owner, nil)
	}
}

// Release implements [actor.Resource].
func (a *attendance) Release(actor.PID, error) {
	a.all.mu.Lock()
	archive, r := a.archive, a.recorder
	if a.archive, a.recorder = nil, nil; a.all.of[a.attender] == a {
		delete(a.all.of, a.attender)
	}
	a.all.mu.Unlock()
	if r != nil {
		archive.leave(r)
	}
}

// use has the attendance use the recorder of an archive, and waits until that has its log.
func (a *attendance) use(archive *archive, h *History) error {
	life := lifetime{context.Background(), a.owner}
	r, err := archive.recorderOf(life, a.topic, h)
	if err != nil {
		return err
	}
	if !a.adopt(archive, r) {
		archive.leave(r)
	}
	return r.replica.await(life, Position{})
}

// lifetime is that of an actor, as the context of what waits on its behalf.
type lifetime struct {
	context.Context
	of actor.PID
}

// Done implements [context.Context].
func (l lifetime) Done() <-chan struct{} { return l.of.Done() }

// Err implements [context.Context].
func (l lifetime) Err() error {
	select {
	case <-l.Done():
		return actor.NoProc
	default:
		return nil
	}
}

// adopt notes which recorder is used. It reports false if that needs nothing of this one: the
// attendance has ended, or has it already.
func (a *attendance) adopt(archive *archive, r *recorder) bool {
	a.all.mu.Lock()
	defer a.all.mu.Unlock()
	if a.all.of[a.attender] != a || a.archive == archive {
		return false
	}
	a.archive, a.recorder = archive, r // that of an archive before has ended
	return true
}

// resume has all go on with a new archive. What they have missed nobody knows.
func (as *attendances) resume(archive *archive) {
	as.mu.Lock()
	var all []*attendance
	for _, a := range as.of {
		if a.settled && a.archive != archive {
			all = append(all, a)
		}
	}
	as.mu.Unlock()
	e := archive.endpoint
	for _, a := range all {
		if err := a.use(archive, e.historyOf(a.topic)); err != nil {
			e.log.Warn("a subscription to a recorded topic goes on later", "topic", a.topic, "owner", a.owner, "error", err)
		}
		if !a.isLate() {
			e.lapse(a.topic)
		}
	}
}

// isLate reports whether the log is still being read. Then a gap is told of when it has been: what
// comes until then is missed as well.
func (a *attendance) isLate() bool {
	a.all.mu.Lock()
	r := a.recorder
	a.all.mu.Unlock()
	return r != nil && r.replica.tellsWhenLoaded()
}
