package nats

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// asked are the calls that this node has made, and waits for.
type asked struct {
	inbox string // what the subjects of replies begin with

	open sync.WaitGroup // all that wait

	calling context.Context // done when it has ended
	hangUp  context.CancelFunc

	mu      sync.Mutex
	ended   bool
	last    uint64
	waiting map[string]*waiter // by what their subject has behind inbox
	doors   map[string]string  // the subjects of requests, by the node
}

// waiter is a call that waits. The first thing that settles it counts: so an answer is not
// passed by what a later probe has found.
type waiter struct {
	id   string
	node string       // of the callee
	came chan arrival // has room for one
	over atomic.Bool  // it waits no more

	probed atomic.Bool // the callee's node has been asked for the call
	heard  atomic.Bool // and has said that it has it, since the caller looked last

	// Of the goroutine that probes: how long it has heard nothing, and been quiet itself.
	silent, quiet time.Duration
}

// arrival is what settles a call: a message, or why there will be none.
type arrival struct {
	msg *nats.Msg
	err error
}

func (w *waiter) put(a arrival) {
	select {
	case w.came <- a:
	default:
	}
}

func (w *waiter) fail(err error) { w.put(arrival{err: err}) }

func (a *asked) init(inbox string) {
	a.inbox = inbox
	a.waiting = make(map[string]*waiter)
	a.doors = make(map[string]string)
	a.calling, a.hangUp = context.WithCancel(context.Background())
}

// bound returns a context that ends with the exchange, too: by ErrClosed.
func (a *asked) bound(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(a.calling, func() { cancel(ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// end has all that waits fail, and what comes later.
func (a *asked) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	a.hangUp()
	for _, w := range a.waiting {
		w.fail(ErrClosed)
	}
}

func (a *asked) expect(node string) (*waiter, error) {
	w := &waiter{node: node, came: make(chan arrival, 1)}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return nil, ErrClosed
	}
	a.open.Add(1)
	a.last++
	w.id = strconv.FormatUint(a.last, 36)
	a.waiting[w.id] = w
	return w, nil
}

func (a *asked) forget(w *waiter) {
	w.over.Store(true)
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, w.id)
	a.open.Done()
}

// outstanding returns how many calls wait.
func (a *asked) outstanding() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.waiting)
}

// arrived takes a reply to its waiter. One that nobody waits for any more is dropped. What a
// consumer of JetStream delivers here has the subject that it was published on, whatever that is.
func (a *asked) arrived(m *nats.Msg) {
	id, _ := strings.CutPrefix(m.Subject, a.inbox)
	a.mu.Lock()
	w := a.waiting[id]
	a.mu.Unlock()
	switch {
	case w == nil:
	case saysOpen(m):
		w.heard.Store(true)
	case isNobody(m) && w.probed.Load(): // it may be back in a moment
	default:
		w.put(arrival{msg: m})
	}
}

// ask sends a request to a node, and waits for what comes of it. It ends with ctx, with the
// exchange, and when the other node is gone or does not know the call any more; but a server
// that is slow may keep it waiting for longer, and so its caller is not to wait for it.
func (x *exchange) ask(ctx context.Context, node string, q request, header nats.Header) (reply, error) {
	w, err := x.expect(node)
	if err != nil {
		return reply{}, err
	}
	defer x.forget(w)
	if deadline, ok := ctx.Deadline(); ok {
		q.left = max(time.Until(deadline), 1)
	}
	if err := x.post(outgoing{x.message(node, w, q, header), w}); err != nil {
		return reply{}, err
	}
	x.counts.sent.Add(1)
	r, err := w.await(ctx)
	if err != nil {
		x.tell(node, w, toGiveUp)
	}
	return r, err
}

// message makes a request of q. w is the call that it is about, nil if there is none.
func (x *exchange) message(node string, w *waiter, q request, header nats.Header) *nats.Msg {
	m := &nats.Msg{
		Subject: x.door(node),
		Header:  header,
		Data:    q.encode(),
	}
	if w != nil {
		m.Reply = x.inbox + w.id
	}
	return m
}

// door returns the subject of requests to a node.
func (x *exchange) door(node string) string {
	a := &x.asked
	a.mu.Lock()
	defer a.mu.Unlock()
	subject, ok := a.doors[node]
	if !ok {
		if len(a.doors) >= maxPeers {
			clear(a.doors)
		}
		subject = x.subjects + "." + subjectToken(node) + ".do." + subjectToken(x.node)
		a.doors[node] = subject
	}
	return subject
}

// tell sends what is about an open call. If that gets lost, it is as if the node was gone.
func (x *exchange) tell(node string, w *waiter, kind requestKind) {
	_ = x.put(outgoing{Msg: x.message(node, w, request{kind: kind}, nil)})
}

// await waits for the outcome of a call.
func (w *waiter) await(ctx context.Context) (reply, error) {
	select {
	case a := <-w.came:
		return a.read()
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
}

// probe asks for the calls that wait, and fails those whose callee's node has not said for a
// term that it has them. It counts in its own ticks: time in which this node was held up is
// not the others' silence.
func (x *exchange) probe(tick time.Duration) {
	for _, w := range x.unheard(tick) {
		w.probed.Store(true)
		x.tell(w.node, w, toProbe)
	}
}

// unheard returns those that are to be asked for.
func (x *exchange) unheard(tick time.Duration) (list []*waiter) {
	a := &x.asked
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.waiting {
		if w.heard.Swap(false) {
			w.silent = 0
		}
		if w.silent += tick; w.silent >= x.term {
			w.fail(ErrNoConnection)
			continue
		}
		if w.quiet += tick; w.quiet >= x.every {
			w.quiet = 0
			list = append(list, w)
		}
	}
	return list
}

// read says what has come of a call.
func (a arrival) read() (reply, error) {
	switch {
	case a.err != nil:
		return reply{}, a.err
	case isNobody(a.msg):
		return reply{}, errNobodyThere
	}
	r, err := decodeReply(a.msg.Data)
	switch {
	case err != nil:
		return reply{}, fmt.Errorf("reply: %w", err)
	case r.outcome == isUnknown:
		return reply{}, errNotOpen
	}
	return r, nil
}

// saysOpen reports whether a reply says that there is no answer yet.
func saysOpen(m *nats.Msg) bool {
	return len(m.Data) >= 2 && m.Data[0] == callVersion && outcome(m.Data[1]) == isOpen
}

// isNobody reports whether the server says that nobody has subscribed to the subject of a
// request.
func isNobody(m *nats.Msg) bool { return len(m.Data) == 0 && m.Header.Get("Status") == "503" }

// cast sends a request that has no answer. While there is no connection that keeps it, as long
// as it has room.
func (x *exchange) cast(ctx context.Context, node string, q request) error {
	if err := x.put(outgoing{Msg: x.message(node, nil, q, x.inject(ctx))}); err != nil {
		return err
	}
	x.counts.sent.Add(1)
	return nil
}
