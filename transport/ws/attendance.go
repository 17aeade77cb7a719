package ws

import (
	"sync"

	"github.com/troupe-go/troupe/actor"
)

// attendances keep the recorders of topics at work whose History has a Store, for what has
// subscribed to them and is no channel of theirs: without a recorder nothing comes here. They
// outlive the archive.
type attendances struct {
	mu sync.Mutex
	of map[attender]*attendance
}

type attender struct {
	owner actor.PID
	topic string
}

// attendance is that of one actor at one topic. It is an [actor.Resource].
type attendance struct {
	attender
	all      *attendances
	archive  *archive // whose recorder it uses
	recorder *recorder
	settled  bool // what has begun it has its subscription
}

// attend has a topic's recorder work as long as owner lives, or until the attendance ends.
func (e *Endpoint) attend(owner actor.PID, topic string) error {
	h := e.historyOf(topic)
	if h == nil || h.storage == nil {
		return nil
	}
	a, is := e.attendances.begin(owner, topic)
	if !is {
		return actor.NoProc
	}
	for {
		archive, err := e.archive.Load(), error(nil)
		if archive != nil {
			err = a.use(archive, h)
		}
		a.settle()
		if err != nil || archive == e.archive.Load() { // a later one resumes it
			return err
		}
	}
}

// settle leaves it to archives to come to resume the attendance: what has subscribed can miss
// something from now on.
func (a *attendance) settle() {
	a.all.mu.Lock()
	defer a.all.mu.Unlock()
	a.settled = true
}

// begin returns the attendance, which is begun if there is none.
func (as *attendances) begin(owner actor.PID, topic string) (*attendance, bool) {
	as.mu.Lock()
	a := as.of[attender{owner, topic}]
	if a != nil {
		as.mu.Unlock()
		return a, true
	}
	a = &attendance{attender: attender{owner, topic}, all: as}
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
	r, err := archive.recorderOf(a.topic, h)
	if err != nil {
		return err
	}
	if !a.take(archive, r) {
		archive.leave(r)
	}
	return r.replica.await(a.owner.Done(), Position{})
}

// take notes which recorder is used. It reports false if that needs nothing of this one: the
// attendance has ended, or has it already.
func (a *attendance) take(archive *archive, r *recorder) bool {
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
		e.lapse(a.topic)
	}
}
