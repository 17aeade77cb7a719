package observer

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws"
)

// page is the server's side of one page.
type page struct {
	observer *Observer
	run      *run
	session  *session
	ref      ws.Ref

	life   context.Context // of what is done for the page
	end    context.CancelFunc
	asking atomic.Int32          // questions that are being answered
	watch  atomic.Pointer[watch] // nil: the tree is not watched
	traces traces

	flushed    time.Time // when the page was last told of news
	recounting atomic.Bool
	recountAt  time.Time // not before
}

const (
	maxAsking   = 8               // questions of one page that are answered at a time
	askLimit    = 8 * time.Second // that one may take: some more than a label that hangs, see actor.Labeler
	pageVersion = 1

	// maxAnswer is how long one may be, in bytes. Two may wait for a page that reads slowly.
	maxAnswer = 512 << 10

	// recheckAtMost is how often Authorize is asked at most, whatever Expires it gives.
	recheckAtMost = time.Second
)

// pageEvents is what a page may ask for.
var pageEvents = makePageEvents()

func makePageEvents() ws.Events[*page] {
	events := ws.Events[*page]{
		"tree": guarded((*page).tree),
		// These two take more than the right to look. They ask for it, and log that.
		"act":   guarded((*page).act),
		"trace": guarded((*page).trace),
	}
	for _, name := range query.Names() {
		if events[name] == nil {
			events[name] = guarded(func(p *page, ctx context.Context, in []byte) (any, error) {
				return p.run.source.AskNode(ctx, nodeIn(name, in), name, in)
			})
		}
	}
	return events
}

// Join implements [ws.Handler].
func (p *page) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	p.session = ws.AssignsOf[*session](c)
	p.run = p.observer.running.Load()
	grant := p.session.grant()
	if grant.Rights < Look || p.run == nil {
		return nil, ws.Refuse(query.Errorf(query.Forbidden, "the session is over"))
	}
	if p.run.pages.Add(1) > maxPages {
		p.run.pages.Add(-1)
		return nil, ws.Refuse(query.Errorf(query.Busy, "%d pages are open, and there may be no more", maxPages))
	}
	p.ref = c.Ref()
	p.life, p.end = context.WithCancel(context.Background())
	if l := (leaving{p}); !p.ref.PID().Own(l) {
		l.Release(p.ref.PID(), nil) // it has ended already
	}
	p.ref.SendAfter(p.session.next(), recheck{})
	return p.greeting(grant), nil
}

// Messages of a page to itself.
type (
	recheck  struct{} // Authorize is to be asked again
	refused  struct{} // and has said no, or a push was tried without a right to look
	happened struct{} // there is news
	flush    struct{} // and it has been gathered for long enough

	orphaned  struct{ w *watch }       // some actors may have outlived their parents
	lookAt    struct{ w *watch }       // it is time to look at the actors that are shown
	recounted struct{ next time.Time } // children have been counted, and shall be again then at the earliest
)

// HandleInfo implements [ws.InfoHandler].
func (p *page) HandleInfo(c *ws.Channel, msg any) error {
	switch m := msg.(type) {
	case traced:
		return p.pushTraced(c, m)
	case traceOver:
		return p.endTrace(c, m)
	case recheck:
		go p.recheck()
	case happened:
		p.ref.SendAfter(p.gathers(), flush{})
	case flush:
		if p.session.grant().Rights < Look {
			return p.close(c)
		}
		return p.flush(c)
	case orphaned:
		return p.pushNodes(c, m.w.orphans())
	case lookAt:
		return p.look(c, m.w)
	case recounted:
		if m.next.After(p.recountAt) {
			p.recountAt = m.next
		}
	case refused:
		return p.close(c)
	}
	return nil
}

// recheck asks Authorize, which may take its time.
func (p *page) recheck() {
	if _, err := p.session.confirm(); err != nil {
		p.run.log.Warn("observer: session ended", "remote", p.session.remote, "reason", err)
		p.ref.Send(refused{})
		return
	}
	p.ref.SendAfter(max(p.session.next(), recheckAtMost), recheck{})
}

// close ends the page's connection.
func (p *page) close(c *ws.Channel) error {
	p.stop()
	_ = c.Push("ended", query.Errorf(query.Forbidden, "the session is over"))
	return p.run.endpoint.Disconnect(p.session.id)
}

// leaving stops what goes on for a page when its actor has ended, however: one that is killed
// runs no Terminate. It is an [actor.Resource].
type leaving struct{ p *page }

// Release implements [actor.Resource].
func (l leaving) Release(actor.PID, error) {
	l.p.run.pages.Add(-1)
	l.p.stop()
}

func (p *page) stop() {
	p.end()
	p.traces.clear(true)
	p.unwatch()
}

// unwatch has the page told of no more changes.
func (p *page) unwatch() {
	if w := p.watch.Swap(nil); w != nil {
		p.run.feed.remove(w)
	}
}

// guarded returns what handles an event that takes the right to look. The answer is made on
// another goroutine: a page can ask for more meanwhile.
func guarded(answer func(p *page, ctx context.Context, in []byte) (any, error)) ws.EventFunc[*page] {
	return func(p *page, c *ws.Channel, in ws.Payload) (ws.Reply, error) {
		if p.session.grant().Rights < Look {
			return ws.Error(query.Errorf(query.Forbidden, "the session is over")), p.close(c)
		}
		ref, err := c.ReplyRef()
		if err != nil {
			return ws.NoReply, nil // nobody wants to know
		}
		if p.asking.Add(1) > maxAsking {
			p.asking.Add(-1)
			return ws.Error(query.Errorf(query.Busy, "this page has asked for too much at once")), nil
		}
		params := in.Bytes()
		go func() {
			defer p.asking.Add(-1)
			_ = ref.Reply(p.answer(params, answer)) // the page may be gone
			if p.session.grant().Rights < Look {    // which may have come out by the question
				p.ref.Send(refused{})
			}
		}()
		return ws.NoReply, nil
	}
}

// answer makes the answer to one question, whatever goes wrong with it.
func (p *page) answer(params []byte, f func(*page, context.Context, []byte) (any, error)) ws.Reply {
	ctx, cancel := context.WithTimeout(p.life, askLimit)
	defer cancel()
	made := make(chan []byte, 1)
	err := actor.Guard(ctx, func() error {
		v, err := f(p, ctx, params)
		if err != nil {
			return err
		}
		text, err := json.Marshal(v)
		made <- text
		return err
	})
	if err != nil {
		return ws.Error(query.AsError(err))
	}
	text := <-made
	if len(text) > maxAnswer {
		return ws.Error(query.Errorf(query.Unavailable, "the answer has %d bytes, of at most %d: ask for less", len(text), maxAnswer))
	}
	return ws.OK(ws.RawJSON(text))
}

// tree answers with the tree, and has the page told of its changes from then on.
func (p *page) tree(ctx context.Context, in []byte) (any, error) {
	var q query.TreeRequest
	if err := json.Unmarshal(in, &q); err != nil {
		return nil, query.Errorf(query.Invalid, "the request cannot be read: %v", err)
	}
	if node := nodeIn("tree", in); !p.isHere(node) {
		p.unwatch() // the PIDs of another node may be the same
		return p.run.source.AskNode(ctx, node, "tree", in)
	}
	if q.Filter != "" || q.At != 0 {
		return p.run.source.Tree(ctx, q)
	}
	open := []actor.PID{{}}
	for _, text := range q.Open {
		if pid, ok := p.run.sys.Find(text); ok {
			open = append(open, pid)
		}
	}
	w := newWatch(func() { p.ref.Send(happened{}) }, open)
	p.run.feed.add(p.run.sys, w)
	kept := false
	defer func() { // whatever comes between
		if !kept {
			p.run.feed.remove(w)
		}
	}()
	tree, err := p.run.source.Tree(ctx, q)
	if err != nil {
		return nil, err
	}
	w.begin(tree.Root, q.LimitOf)
	p.watched(ctx, w)
	kept = true
	return tree, nil
}

// watched makes w the page's watch.
func (p *page) watched(ctx context.Context, w *watch) {
	old := p.watch.Swap(w)
	if old != nil {
		p.run.feed.remove(old)
	}
	p.ref.Send(happened{}) // for what the watch has heard of so far
	p.ref.SendAfter(lookEvery, lookAt{w})
	// The page may have ended meanwhile, and then nobody else takes it off.
	if ctx.Err() != nil && p.watch.CompareAndSwap(w, nil) {
		p.run.feed.remove(w)
	}
}
