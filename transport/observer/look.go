package observer

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// Events tell who comes and goes, and not how an actor does. So a page's actor looks at those
// that the page shows, for as long as it shows a tree.

const (
	lookEvery    = time.Second
	recountEvery = 2 * time.Second
	// recountShare is the part of the time that goes into counting children again: one
	// in so many.
	recountShare = 50
)

// looked is how an actor was when the page was told of it last.
type looked struct {
	status   string
	queue    int
	restarts int
}

func lookedAt(pid actor.PID) looked {
	return looked{pid.Status().String(), pid.QueueLen(), pid.Restarts()}
}

// look tells the page of those that are not as they were.
func (p *page) look(c *ws.Channel, w *watch) error {
	if p.watch.Load() != w {
		return nil
	}
	p.ref.SendAfter(lookEvery, lookAt{w})
	if p.session.grant().Rights < Look {
		return p.close(c)
	}
	if p.isBehind() {
		return nil
	}
	shown := w.look()
	other := map[actor.PID]int{}
	now := make(map[actor.PID]looked, len(shown))
	for pid, count := range shown {
		l := lookedAt(pid)
		now[pid] = l
		if w.told[pid] != l && pid.Alive() {
			other[pid] = count
		}
	}
	w.told = now
	p.recount(w)
	return p.pushNodes(c, other)
}

// recount counts children again that events have counted: an event may come when its actor
// has been counted, or has been left out.
func (p *page) recount(w *watch) {
	if time.Now().Before(p.recountAt) || !p.recounting.CompareAndSwap(false, true) {
		return
	}
	p.recountAt = time.Now().Add(recountEvery)
	parents := w.uncertain()
	if len(parents) == 0 {
		p.recounting.Store(false)
		return
	}
	go func() {
		defer p.recounting.Store(false)
		ctx, cancel := context.WithTimeout(p.life, askLimit)
		defer cancel()
		start := time.Now()
		counts, err := p.run.source.Counts(ctx, parents)
		if err != nil {
			w.doubt(parents)
			if p.life.Err() == nil {
				p.run.log.Warn("observer: children not counted", "remote", p.session.remote, "reason", err)
			}
			return
		}
		w.recounted(counts)
		p.ref.Send(recounted{time.Now().Add(recountShare * time.Since(start))})
	}()
}
