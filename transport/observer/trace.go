package observer

import (
	"context"
	"encoding/json"
	"reflect"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws"
)

// Bounds on traces.
const (
	maxTraces    = 5 // that a page has at a time
	traceFor     = time.Minute
	traceAtMost  = 1000 // messages
	traceRate    = 50   // messages a second that are told to a page, of all its traces
	messageLimit = 5 * time.Second
)

// traceRequest asks for the messages that an actor handles from now on, or no more.
type traceRequest struct {
	PID string `json:"pid"`
	On  bool   `json:"on"`
}

// traced tells a page of one thing that an actor has handled.
type traced struct {
	PID     string  `json:"pid"`
	At      int64   `json:"at"`
	Kind    string  `json:"kind"`
	Type    string  `json:"type"`
	Message string  `json:"message"`
	Worked  float64 `json:"worked"` // in milliseconds
	Error   string  `json:"error,omitempty"`
	Missed  int     `json:"missed"` // things that were not told since the last one, because they were too many
}

// traceEnded tells a page that an actor is traced no more.
type traceEnded struct {
	PID string `json:"pid"`
	Why string `json:"why"`
}

// tracing is one actor that is traced for a page.
type tracing struct {
	pid  actor.PID
	stop func()

	told, missed int // in the actor's turns only
}

// traces are those of a page.
type traces struct {
	mu     sync.Mutex
	of     map[actor.PID]*tracing
	over   bool // the page has ended
	second int64
	used   int // of the rate in that second
}

// mayTell reports whether one more thing may be told in this second.
func (t *traces) mayTell(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := now.Unix(); s != t.second {
		t.second, t.used = s, 0
	}
	t.used++
	return t.used <= traceRate
}

// reserve makes a place for a trace.
func (t *traces) reserve(pid actor.PID) (*tracing, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.over:
		return nil, query.Errorf(query.Forbidden, "the page has ended")
	case t.of[pid] != nil:
		return nil, query.Errorf(query.Invalid, "it is traced already")
	case len(t.of) >= maxTraces:
		return nil, query.Errorf(query.Busy, "a page has %d traces at most", maxTraces)
	}
	if t.of == nil {
		t.of = map[actor.PID]*tracing{}
	}
	x := &tracing{pid: pid, stop: func() {}}
	t.of[pid] = x
	return x, nil
}

// installed notes how the trace is stopped. It reports false, and stops it, if that is due
// already.
func (t *traces) installed(x *tracing, stop func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of[x.pid] != x {
		stop()
		return false
	}
	x.stop = stop
	return true
}

// remove ends a trace, if it is this one, or whichever there is for nil. It reports whether
// there was one.
func (t *traces) remove(pid actor.PID, which *tracing) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.of[pid]
	if x == nil || which != nil && x != which {
		return false
	}
	x.stop()
	delete(t.of, pid)
	return true
}

// clear ends all traces and returns their actors. If it is for good there will be no more.
func (t *traces) clear(forGood bool) (pids []actor.PID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for pid, x := range t.of {
		x.stop()
		pids = append(pids, pid)
	}
	clear(t.of)
	t.over = t.over || forGood
	return pids
}

// trace starts or stops a trace, if Authorize says so now.
func (p *page) trace(ctx context.Context, in []byte) (any, error) {
	var q traceRequest
	if err := json.Unmarshal(in, &q); err != nil {
		return nil, query.Errorf(query.Invalid, "the request cannot be read: %v", err)
	}
	what := "trace"
	if !q.On {
		what = "end trace"
	}
	grant, err := p.renewed(Trace)
	if err == nil && q.On {
		err = p.onlyHere(in)
	}
	if err == nil {
		err = p.setTrace(ctx, q)
	}
	p.logAct(ctx, actRequest{q.PID, what}, grant, err)
	if err != nil {
		return nil, err
	}
	return struct{}{}, nil
}

func (p *page) setTrace(ctx context.Context, q traceRequest) error {
	pid, ok := p.run.sys.Find(q.PID)
	switch {
	case !q.On: // if the actor has ended, so has the trace
		p.traces.remove(pid, nil)
		return nil
	case !ok:
		return query.Errorf(query.Gone, "there is no actor %.40q, or it has ended", q.PID)
	case pid == p.ref.PID():
		return query.Errorf(query.Invalid, "it is the actor that would tell of itself")
	}
	x, err := p.traces.reserve(pid)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, actLimit)
	defer cancel()
	stop, err := pid.Install(ctx, func(t actor.Trace) { p.tell(x, t) })
	if err != nil {
		p.traces.remove(pid, x)
		return err
	}
	stopped := make(chan struct{})
	if !p.traces.installed(x, func() { stop(); close(stopped) }) {
		return query.Errorf(query.Gone, "the trace has been ended meanwhile")
	}
	go func() {
		select {
		case <-pid.Done():
			p.ref.Send(traceOver{x, "the actor has ended: " + query.ReasonText(p.life, pid.Err())})
		case <-stopped:
		}
	}()
	p.ref.SendAfter(traceFor, traceOver{x, "it has gone on for a minute"})
	return nil
}

// tell runs in the turn of the actor that is traced, which waits.
func (p *page) tell(x *tracing, t actor.Trace) {
	if x.told >= traceAtMost || p.life.Err() != nil {
		return
	}
	now := time.Now()
	if !p.traces.mayTell(now) {
		x.missed++
		return
	}
	out := traced{
		PID: t.PID.String(), At: now.UnixMilli(), Kind: t.Kind.String(), Missed: x.missed,
		Worked: float64(t.Took.Microseconds()) / 1000, Error: query.ReasonText(p.life, t.Result),
	}
	x.missed = 0
	x.told++
	if t.Message != nil {
		out.Type = text.Line(reflect.TypeOf(t.Message).String())
	}
	var hangs bool
	out.Message, hangs = messageText(t.Message)
	p.ref.Send(out)
	switch {
	case hangs:
		x.told = traceAtMost
		p.ref.Send(traceOver{x, "the text of a message takes too long to make"})
	case x.told >= traceAtMost:
		p.ref.Send(traceOver{x, "there were a thousand messages"})
	}
}

// messageText returns the text of a message, and whether that takes too long.
func messageText(m any) (told string, hangs bool) {
	told, err := foreign.Value(context.Background(), &messageTexts, func(context.Context) (string, error) {
		return text.Cut(text.Of(m), 4*text.MaxLine), nil
	})
	if err != nil {
		return "a message whose text cannot be had", err == foreign.ErrLate
	}
	return told, false
}

// messageTexts are the calls of messages' methods.
var messageTexts = foreign.Calls{Limit: messageLimit, Most: maxHanging}

// traceOver has a page end a trace.
type traceOver struct {
	x   *tracing
	why string
}

// pushTraced tells the page of a message, unless the right to it has ended.
func (p *page) pushTraced(c *ws.Channel, t traced) error {
	if p.session.grant().Rights < Trace {
		for _, pid := range p.traces.clear(false) {
			if err := c.Push("traceEnded", traceEnded{pid.String(), "the right to it has ended"}); err != nil {
				return err
			}
		}
		return nil
	}
	return c.Push("traced", t)
}

func (p *page) endTrace(c *ws.Channel, over traceOver) error {
	if !p.traces.remove(over.x.pid, over.x) {
		return nil
	}
	return c.Push("traceEnded", traceEnded{over.x.pid.String(), over.why})
}
