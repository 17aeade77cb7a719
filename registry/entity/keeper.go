package entity

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/supervisor/roll"
)

// keeper is the actor of a set, the supervisor of its entities. They are linked to it, and
// that is all that it has to do with each: a life starts and restarts its entity on a
// goroutine that lasts as long as that, so no Init and no back-off keeps the keeper, and an
// entity that is at rest costs no actor but itself.
type keeper[K comparable, M any] struct {
	set    *Set[K, M]
	number uint64 // in the order of the set's keepers
	self   actor.Self
	epoch  time.Time

	// calm is done when the keeper is about to end: then nothing waits behind messages.
	calm   context.Context
	hasten context.CancelFunc

	mu   sync.Mutex
	past roll.History[supervisor.Restarted]
	lost map[actor.PID]*life[K, M] // crashes that are not reported yet
}

// Init implements [actor.Initializer].
func (k *keeper[K, M]) Init(ctx *actor.Context[call]) error {
	ctx.TrapExit(true)
	k.self, k.epoch = ctx, time.Now()
	k.calm, k.hasten = context.WithCancel(context.Background())
	k.lost = make(map[actor.PID]*life[K, M])
	ctx.PID().Own((*household[K, M])(k))
	if !k.set.open(k) {
		return actor.Shutdown
	}
	return nil
}

// call is how package supervisor asks the keeper.
type call = roll.Call[supervisor.Restarted]

// Receive implements [actor.Behavior]: it calls the roll, for those that look at the tree.
func (k *keeper[K, M]) Receive(_ *actor.Context[call], c call) error {
	var a roll.Answer[supervisor.Restarted]
	var lives []*life[K, M]
	if lives, a.Total = k.set.page(k, c.From, c.Limit); len(lives) > 0 {
		a.Children = make([]roll.Child, 0, len(lives))
	}
	for _, l := range lives {
		if child, ok := l.listed(); ok {
			a.Children = append(a.Children, child)
		}
	}
	if !c.Of.IsZero() {
		k.mu.Lock()
		a.Restarts = k.past.Of(c.Of, func(r supervisor.Restarted) (string, actor.PID, actor.PID) { return r.Child, r.Old, r.New })
		k.mu.Unlock()
	}
	c.Reply.Send(a)
	return nil
}

// restarted tells of the restart of an entity.
func (k *keeper[K, M]) restarted(r supervisor.Restarted) {
	sys := k.self.System()
	r.Supervisor, r.At = k.self.PID(), time.Now()
	k.mu.Lock()
	k.past.Add(r)
	k.mu.Unlock()
	r.New.SetRestarts(r.Restarts)
	if sys.Observed() {
		sys.Emit(r)
	}
}

// HandleExit implements [actor.ExitHandler]. What is to be done the life has begun by now;
// the crash is reported here so that the log has it before the set's end.
func (k *keeper[K, M]) HandleExit(_ *actor.Context[call], exit actor.Exit) error {
	k.reportLost(exit.From)
	return nil
}

// Terminate implements [actor.Terminator]: all entities end at once, each in its own time.
func (k *keeper[K, M]) Terminate(ctx *actor.Context[call], _ error) {
	lives := k.close()
	for _, l := range lives {
		_ = l.awaitEnd(ctx) // cut short if the keeper is killed
	}
}

// close ends all lives and lets none begin. It returns those that are not over.
func (k *keeper[K, M]) close() []*life[K, M] {
	k.hasten()
	lives := k.set.shut(k)
	for _, l := range lives {
		l.mu.Lock()
		l.leave()
		l.mu.Unlock()
	}
	return lives
}

// household is a keeper as what its actor owns.
type household[K comparable, M any] keeper[K, M]

// Release implements [actor.Resource]. If the keeper was killed, its links tell the entities.
func (h *household[K, M]) Release(actor.PID, error) {
	k := (*keeper[K, M])(h)
	for _, l := range k.close() {
		l.mu.Lock()
		l.attempting = false // it may never return
		l.tell()
		l.mu.Unlock()
	}
}

// lose notes a crash that is to be reported.
func (k *keeper[K, M]) lose(pid actor.PID, l *life[K, M]) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lost[pid] = l
}

// reportLost reports the crash of an entity, unless that has been done.
func (k *keeper[K, M]) reportLost(pid actor.PID) {
	k.mu.Lock()
	l := k.lost[pid]
	delete(k.lost, pid)
	k.mu.Unlock()
	if l != nil {
		k.report(endLevel(pid), "supervisor: child terminated", l.id, pid, pid.Err())
	}
}

// report logs what has befallen an entity, as package supervisor does.
func (k *keeper[K, M]) report(level slog.Level, what, id string, pid actor.PID, reason error) {
	log, ctx := k.self.System().Logger(), context.Background()
	if !log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 5)
	attrs = append(attrs, slog.Any("supervisor", k.self.PID()), slog.String("label", k.set.cfg.ID), slog.String("child", id))
	if !pid.IsZero() {
		attrs = append(attrs, slog.Any("pid", pid))
	}
	log.LogAttrs(ctx, level, what, append(attrs, slog.Any("reason", reason))...)
}

// endLevel is the level of a report of an end: the actor has logged its own failure, and
// nobody a kill.
func endLevel(pid actor.PID) slog.Level {
	if pid.ClaimRecord() {
		return slog.LevelError
	}
	return slog.LevelInfo
}
