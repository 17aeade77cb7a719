package nats

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
)

// leases are the names that the actors of this node have, and how they keep them.
type leases struct {
	*epochs
	mirror *mirror
	log    *slog.Logger
	lost   func(*holding)                          // called when a name has been lost, and not by its actor
	after  func(time.Duration, func()) *time.Timer // time.AfterFunc, but in the model

	telling foreign.Calls // of the methods of exit reasons
	talk    time.Duration // talkFor, but in tests

	renewing, giving context.Context // of what runs in the background
	stop, hurry      context.CancelFunc
	busy             sync.WaitGroup

	mu     sync.Mutex
	held   map[string]*holding
	closed bool // nothing is added any more
	over   bool // nothing begins in the background any more
}

var errHeld = errors.New("held by this node")

func newLeases(b bucket, term time.Duration, log *slog.Logger, lost func(*holding)) *leases {
	l := &leases{log: log, lost: lost, after: time.AfterFunc, held: make(map[string]*holding)}
	l.epochs = newEpochs(persistent{b, max(term/15, leastSilence)}, term, func(e epoch) {
		log.Info("names begin in a new bucket", "epoch", e.ID, "none granted for", e.Longest)
	})
	l.mirror = newMirror(l.bucket, term, l.down, l.tend)
	l.telling.Limit, l.telling.Most = foreignFor, foreignMost
	l.talk = talkFor
	l.renewing, l.stop = context.WithCancel(context.Background())
	l.giving, l.hurry = context.WithCancel(context.Background())
	return l
}

// leastSilence is for how long at least the bucket may be silent before it is asked again.
const leastSilence = 100 * time.Millisecond

// start has the leases renewed, and the bucket looked after, until close.
//
// A lease lasts nine tenths of the term. Renewed each fifth, and asked for again within a
// fifteenth, it outlives an election of NATS's servers of six tenths.
func (l *leases) start() {
	l.busy.Go(func() { l.each(l.term/5, l.renewAll) })
	l.busy.Go(func() { l.each(l.term/3, l.tendNow) })
}

// each calls f again and again.
func (l *leases) each(d time.Duration, f func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f()
		case <-l.renewing.Done():
			return
		}
	}
}

// await waits for the epoch that the bucket is in, and logs what it waits for.
func (l *leases) await(ctx context.Context) error {
	for {
		once, cancel := context.WithTimeout(ctx, l.term)
		_, err := l.tend(once)
		late := once.Err() != nil && ctx.Err() == nil
		cancel()
		if !late || err == nil {
			return err
		}
		l.log.Warn("names wait for their bucket", "error", err)
	}
}

// tendNow looks after the bucket, so that one that was lost is settled before a name is asked
// for.
func (l *leases) tendNow() {
	ctx, cancel := context.WithTimeout(l.renewing, l.term/3)
	defer cancel()
	if _, err := l.tend(ctx); err != nil && l.renewing.Err() == nil {
		l.log.Warn("bucket of the names not reached", "error", err)
	}
}

// add puts h into the table, and makes it the actor's. The other order would leave
// a name to an actor that has ended in between.
func (l *leases) add(h *holding) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return ErrClosed
	case l.held[h.name] != nil:
		return errHeld
	}
	l.held[h.name] = h
	if !h.pid.Alive() || !h.pid.Own(h) {
		delete(l.held, h.name)
		return actor.NoProc
	}
	return nil
}

// remove takes h out of the table, and ends its tenure. It reports whether it was there:
// only one of those that want to end a holding does.
func (l *leases) remove(h *holding, why error) bool {
	l.mu.Lock()
	was := l.held[h.name] == h
	if was {
		delete(l.held, h.name)
		h.end(h.name, why)
	}
	l.mu.Unlock()
	if was {
		h.pid.Disown(h)
	}
	return was
}

func (l *leases) find(name string) *holding {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held[name]
}

func (l *leases) holds(h *holding) bool { return l.find(h.name) == h }

// background runs f on a goroutine that close waits for, unless that is over.
func (l *leases) background(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.busy.Go(f)
	}
}

// maxActorName is how many bytes a name has at most. A server ends the connection for a subject
// of some 4,000 bytes, and the name to look for may be somebody's else.
const maxActorName = 1024

func checkName(name string) error {
	if len(name) > maxActorName {
		return fmt.Errorf("the name has %d bytes, want at most %d", len(name), maxActorName)
	}
	return nil
}

// keyOf returns what a name is called in the bucket, where not any string may be.
func keyOf(name string) string { return "n" + base64.RawURLEncoding.EncodeToString([]byte(name)) }

// mirrored returns the mirror, which follows the bucket from the first time on.
func (l *leases) mirrored() *mirror {
	if l.mirror.begin() {
		l.background(func() { l.mirror.run(l.renewing) })
		l.beat()
	}
	return l.mirror
}

func (l *leases) beat() {
	l.after(l.mirror.beat, func() {
		if l.renewing.Err() == nil {
			l.mirror.tick()
			l.beat()
		}
	})
}

// lookup returns the holder of the name. It asks the bucket for what the mirror does not know: so a
// name that has just been registered elsewhere is found.
func (l *leases) lookup(ctx context.Context, name string) (*owner, error) {
	if len(name) > maxActorName {
		return nil, actor.NoProc
	}
	m, key := l.mirrored(), keyOf(name)
	if o := m.owner(key); o != nil {
		return o, nil
	}
	e, settled, err := l.ask(ctx, key, func(e entry) bool { return e.value != nil })
	switch {
	case err != nil:
		return nil, err
	case e.value != nil:
		m.learn(key, e)
		return ownerIn(e.value)
	case !settled:
		return nil, ErrUnsettled
	}
	return nil, actor.NoProc
}

func ownerIn(value []byte) (*owner, error) {
	o := new(owner)
	err := json.Unmarshal(value, o)
	if err == nil && len(o.Node) > maxName {
		err = errors.New("it is no node that has the name")
	}
	return o, err
}

// isOf reports whether it is the registration with that ID that stands there.
func (e entry) isOf(id string) bool {
	o, err := ownerIn(e.value)
	return err == nil && o.ID == id
}

// lasts returns for how long this node takes a lease for its own.
func (l *leases) lasts() time.Duration { return l.term - l.term/10 }

// parallel is how many renewals are on their way at a time.
const parallel = 16

// renewAll renews the leases, those first that end first.
func (l *leases) renewAll() {
	ctx, cancel := context.WithTimeout(l.renewing, l.term/3)
	defer cancel()
	todo := l.taken()
	slices.SortFunc(todo, func(a, b *holding) int { return a.ends.Load().Compare(*b.ends.Load()) })
	failed := l.renew(ctx, todo)
	if l.renewing.Err() != nil {
		return
	}
	for _, h := range failed {
		l.log.Warn("lease of a name not renewed", "name", h.name, "pid", h.pid, "error", h.failure)
	}
}

// taken returns those that have a lease.
func (l *leases) taken() (list []*holding) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.held {
		if h.ends.Load() != nil {
			list = append(list, h)
		}
	}
	return list
}

// renew renews leases, and returns those for which that has failed until ctx ended. What has failed
// is tried again, for servers that elect a leader refuse as well as being silent: each by itself, since
// one that waits for an answer would keep those waiting that were refused, until their lease ends.
func (l *leases) renew(ctx context.Context, list []*holding) (failed []*holding) {
	todo := make(chan *holding, len(list)) // has room for each
	var left, renewing sync.WaitGroup
	for _, h := range list {
		left.Add(1)
		todo <- h
	}
	var mu sync.Mutex
	again := func(h *holding) {
		if sleep(ctx, max(l.term/15, leastSilence)); ctx.Err() == nil {
			todo <- h
			return
		}
		mu.Lock()
		failed = append(failed, h)
		mu.Unlock()
		left.Done()
	}
	for range min(parallel, len(list)) {
		renewing.Go(func() {
			for h := range todo {
				if h.failure = h.renew(ctx); h.failure == nil {
					left.Done()
				} else {
					go again(h)
				}
			}
		})
	}
	left.Wait() // for what is tried again, too
	close(todo)
	renewing.Wait()
	return failed
}

// call calls a function of the program's, and logs if that fails. It does not wait for
// one that has not returned when the names are closed and there is no time left.
func (l *leases) call(failure, name string, f func()) {
	err := actor.Guard(l.giving, func() error {
		f()
		return nil
	})
	if err != nil && err != context.Cause(l.giving) {
		l.log.Error(failure, "name", name, "error", err)
	}
}
