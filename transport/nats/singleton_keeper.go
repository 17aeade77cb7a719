package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// keeper is the child of a [Singleton]. It lives while the node does, so that its supervisor
// sees nothing of the name's way from node to node: it stands by, has the actor run for as
// long as its tenure lasts, and stands by again.
type keeper[M, S any] struct {
	Singleton[M, S]
	open  func() (office[M], error)
	limit time.Duration // of its end; negative: there is no time

	office  office[M]
	log     *slog.Logger
	codecs  foreign.Calls
	actor   actor.Ref[M] // that stands by, or is the singleton
	search  *search[M]   // the actor's
	tenure  *Tenure      // nil until the actor has its cue
	deposed bool         // it has been told to end
}

// notice is what a keeper is told by what runs for it.
type notice any

type (
	found[M any]   struct{ *search[M] }
	deposed[M any] struct {
		actor  actor.Ref[M]
		reason error
	}
)

// Init implements [actor.Initializer].
func (k *keeper[M, S]) Init(ctx *actor.Context[notice]) error {
	err := k.check()
	if err == nil {
		k.office, err = k.open()
	}
	if err != nil {
		return fmt.Errorf("nats: singleton %q: %w", k.Name, err)
	}
	k.log = k.office.common().log
	k.codecs.Limit, k.codecs.Most = foreignFor, 1
	if k.State != nil {
		err := k.codecs.Do(func() error {
			_, err := pubsub.NameOf(k.State)
			return err
		})
		if err != nil { // rather than lose each state
			return fmt.Errorf("nats: singleton %q: the field State: %w", k.Name, err)
		}
	}
	ctx.TrapExit(true)
	return k.standBy(ctx)
}

// standBy begins with an actor that has no name yet.
func (k *keeper[M, S]) standBy(ctx *actor.Context[notice]) error {
	ref, err := actor.SpawnLink(ctx, func() *understudy[M, S] { return &understudy[M, S]{k.Singleton} }, actor.Label(k.Name))
	if err != nil {
		return fmt.Errorf("nats: singleton %q: %w", k.Name, err)
	}
	self, s := ctx.Self(), &search[M]{office: k.office, name: k.Name, actor: ref, done: make(chan struct{})}
	k.actor, k.search, k.tenure, k.deposed = ref, s, nil, false
	life, stop := context.WithCancel(context.Background())
	s.stop = stop
	ctx.Go(func(ctx context.Context) {
		defer context.AfterFunc(ctx, stop)()
		s.run(life)
		self.Send(found[M]{s})
	})
	return nil
}

// Receive implements [actor.Behavior].
func (k *keeper[M, S]) Receive(ctx *actor.Context[notice], n notice) error {
	switch n := n.(type) {
	case found[M]:
		if n.search == k.search {
			k.begin(ctx)
		}
	case deposed[M]:
		if n.actor == k.actor {
			k.depose(ctx, n.reason)
		}
	}
	return nil
}

// begin has the actor begin, if the search has come to something.
func (k *keeper[M, S]) begin(ctx *actor.Context[notice]) {
	s, self := k.search, ctx.Self()
	switch {
	case k.deposed:
		return
	case errors.Is(s.err, ErrClosed):
		k.log.Warn("singleton stands by no more: the names are shut down", k.attr())
		return // nothing is wrong with the child; it waits for its own end
	case s.err != nil:
		k.depose(ctx, s.err)
		return
	}
	k.tenure = s.legacy.tenure
	handed := k.decode(ctx, s.legacy)
	k.log.Info("singleton begins", k.attr(), "pid", k.actor, "token", k.tenure.Token(), "state handed", handed != nil)
	k.actor.PID().Exit(&cue[S]{k.tenure, handed})
	tenure, ref := k.tenure, k.actor
	ctx.Go(func(ctx context.Context) {
		select {
		case <-tenure.Done():
			self.Send(deposed[M]{ref, tenure.Err()})
		case <-ctx.Done():
		}
	})
}

// depose ends the actor, which has lost the name. Its end is awaited as a signal.
func (k *keeper[M, S]) depose(ctx *actor.Context[notice], reason error) {
	if k.deposed || errors.Is(reason, actor.NoProc) { // it has ended: that is why it has lost the name
		return
	}
	k.deposed = true
	pid := k.actor.PID()
	ctx.Exit(pid, reason)
	ctx.After(max(k.part(3), 0), func(ctx *actor.Context[notice]) error {
		pid.Exit(actor.Kill)
		ctx.After(k.grace(), func(*actor.Context[notice]) error {
			pid.Abandon()
			return nil
		})
		return nil
	})
}

// HandleExit implements [actor.ExitHandler].
func (k *keeper[M, S]) HandleExit(ctx *actor.Context[notice], e actor.Exit) error {
	if e.From != k.actor.PID() {
		endBy(ctx, e.Reason)
		return nil
	}
	k.search.stop()
	if k.deposed || errors.Is(e.Reason, ErrLost) || k.tenure != nil && errors.Is(k.tenure.Err(), ErrLost) {
		k.log.Warn("singleton stands by again", k.attr(), "reason", e.Reason)
		return k.standBy(ctx)
	}
	if e.Reason == actor.Normal {
		return actor.Stop
	}
	endBy(ctx, e.Reason) // it is the actor's failure, which has been logged
	return nil
}

// decode returns the state of a record; nil if there is none.
func (k *keeper[M, S]) decode(ctx context.Context, l *legacy) *S {
	if l.state == nil {
		return nil
	}
	v, err := foreign.Value(ctx, &k.codecs, func(context.Context) (S, error) {
		return pubsub.DecodeNamed(k.codec(), l.codec, k.Name, l.state)
	})
	if err != nil {
		k.log.Error("state of a singleton lost: it cannot be decoded", k.attr(), "error", err)
		return nil
	}
	return &v
}

// part returns a number of fifths of the child's time.
func (k *keeper[M, S]) part(fifths int) time.Duration { return k.limit / 5 * time.Duration(fifths) }

// grace is for how long a handler may go on that was killed.
func (k *keeper[M, S]) grace() time.Duration { return min(k.part(1), time.Second) / 2 }

// talkFor is for how long NATS may keep the end of a child waiting, see [leases].
const talkFor = time.Second
