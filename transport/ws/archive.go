package ws

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// archive is the recorders of an endpoint. It lives as long as the actor that owns their
// subscriptions: when that ends, all of them have a hole for sure, and the next archive
// begins with new ones.
type archive struct {
	endpoint *Endpoint
	owner    actor.PID

	mu        sync.Mutex
	recorders map[string]*recorder
	idle      map[*History]*idlers     // those without a user
	leaving   map[string]chan struct{} // topics whose recorders are being forgotten; closed after
	over      bool
}

// archivist is that actor.
type archivist struct {
	endpoint *Endpoint
	archive  *archive
}

// Init implements [actor.Initializer].
func (a *archivist) Init(ctx *actor.Context[struct{}]) error {
	a.archive = &archive{
		endpoint: a.endpoint, owner: ctx.PID(),
		recorders: map[string]*recorder{}, idle: map[*History]*idlers{}, leaving: map[string]chan struct{}{},
	}
	a.endpoint.archive.Store(a.archive)
	if !ctx.PID().Own(a.archive) {
		return actor.NoProc
	}
	ctx.SendEvery(a.endpoint.sweepEvery(), struct{}{})
	go a.endpoint.attendances.resume(a.archive)
	return nil
}

// Receive drops what has been kept long enough. It implements [actor.Behavior].
func (a *archivist) Receive(*actor.Context[struct{}], struct{}) error {
	a.archive.sweep()
	return nil
}

// sweepEvery is how often is looked for what has been kept long enough.
func (e *Endpoint) sweepEvery() time.Duration {
	every := time.Minute
	for _, h := range e.histories {
		every = min(every, max(h.TTL/4, 10*time.Millisecond))
	}
	return every
}

// Release implements [actor.Resource].
func (a *archive) Release(actor.PID, error) {
	a.mu.Lock()
	a.over = true
	all := a.recorders
	a.recorders, a.idle = nil, nil
	a.mu.Unlock()
	a.endpoint.archive.CompareAndSwap(a, nil)
	for _, r := range all {
		r.end()
	}
}

// historyOf returns the history of a topic, or nil. It is the same for the channels of all
// sockets, for they share the topic's broadcasts.
func (e *Endpoint) historyOf(topic string) *History {
	if len(e.histories) == 0 {
		return nil
	}
	for i := range e.mounts {
		if r := e.mounts[i].Channels.match(topic); r != nil && r.History != nil {
			return r.History
		}
	}
	return nil
}

// recorderOf returns the recorder of a topic, which is begun if there is none, for a user
// that gives it back by leave. In a cluster it may wait until the network knows of the topic, for two
// seconds at most, and neither longer than ctx nor than the archive lasts.
func (a *archive) recorderOf(ctx context.Context, topic string, h *History) (*recorder, error) {
	return a.recorderFor(ctx, topic, h, true)
}

// recorderFor is recorderOf for a user that may have no use for what is recorded.
func (a *archive) recorderFor(ctx context.Context, topic string, h *History, reads bool) (*recorder, error) {
	r, busy := a.enter(topic, h, reads)
	for busy != nil {
		<-busy // for a moment: nothing is waited for in between
		r, busy = a.enter(topic, h, reads)
	}
	if r == nil {
		return nil, actor.NoProc
	}
	if err := r.start(ctx); err != nil {
		a.leave(r)
		return nil, err
	}
	return r, nil
}

// enter returns a recorder with one user more, or what to wait for, or neither at the end.
func (a *archive) enter(topic string, h *History, reads bool) (r *recorder, busy <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return nil, nil
	}
	if busy := a.leaving[topic]; busy != nil {
		return nil, busy
	}
	r = a.recorders[topic]
	switch {
	case r == nil:
		r = &recorder{endpoint: a.endpoint, archive: a, topic: topic, history: h, log: newHistoryLog(h)}
		if h.storage != nil {
			r.replica = newReplica(r)
		}
		a.recorders[topic] = r
	case r.idle != nil:
		a.idle[h].remove(r)
	}
	r.users++
	r.read = r.read || reads
	return r, nil
}

// known returns the recorder of a topic, if there is one.
func (a *archive) known(topic string) *recorder {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.recorders[topic]
}

// recorderOn returns the recorder of a topic, or nil.
func (e *Endpoint) recorderOn(topic string) *recorder {
	if a := e.archive.Load(); a != nil {
		return a.known(topic)
	}
	return nil
}

// all returns the recorders.
func (a *archive) all() []*recorder {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Values(a.recorders))
}

// stay has a recorder that is used have one user more.
func (a *archive) stay(r *recorder) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r.users++
}

// leave gives a recorder back. One that nobody needs stays for a while.
func (a *archive) leave(r *recorder) {
	a.mu.Lock()
	if r.users--; r.users > 0 || a.over {
		a.mu.Unlock()
		return
	}
	idle := a.idle[r.history]
	if idle == nil {
		idle = new(idlers)
		a.idle[r.history] = idle
	}
	r.since = a.endpoint.now()
	idle.add(r)
	var forgotten []*recorder
	if most := r.history.MaxIdle; idle.all.Len() > most {
		forgotten = append(forgotten, a.takeOut(idle, idle.dispensable(most)))
	}
	a.mu.Unlock()
	a.forget(forgotten)
}

// filled notes that the first message has come to a recorder's log. It may be called under the
// recorder's lock: nothing takes that under the archive's.
func (a *archive) filled(r *recorder) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.empty != nil && r.read && !a.over {
		a.idle[r.history].fill(r)
	}
}

// takeOut takes an idle recorder out of the archive, under the lock. It is to be forgotten
// without.
func (a *archive) takeOut(idle *idlers, r *recorder) *recorder {
	idle.remove(r)
	delete(a.recorders, r.topic)
	a.leaving[r.topic] = make(chan struct{})
	return r
}

// forget ends the subscriptions of recorders. The next one of the topic begins after that, for
// it has the same owner.
func (a *archive) forget(forgotten []*recorder) {
	for _, r := range forgotten {
		a.endpoint.topics.Unsubscribe(a.owner, r.topic)
		if r.replica != nil {
			r.replica.end()
		}
		a.mu.Lock()
		close(a.leaving[r.topic])
		delete(a.leaving, r.topic)
		a.mu.Unlock()
	}
}

// sweep forgets what has been idle for long enough, and drops messages that are too old where
// nothing else comes.
func (a *archive) sweep() {
	now := a.endpoint.now()
	var forgotten []*recorder
	a.mu.Lock()
	for h, idle := range a.idle {
		for r := idle.longest(); r != nil && now-r.since >= h.TTL; r = idle.longest() {
			forgotten = append(forgotten, a.takeOut(idle, r))
		}
	}
	a.mu.Unlock()
	a.forget(forgotten)
	for _, r := range a.all() {
		r.mu.Lock()
		r.log.trim(now)
		r.mu.Unlock()
		if r.replica != nil {
			r.replica.lookAfter(now)
		}
	}
}
