package nats

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// A test can wait for the end of a shortTerm, and not for that of a longTerm. In either, calls
// are asked for every probePause.
const (
	shortTerm  = 90 * time.Millisecond
	longTerm   = time.Hour
	probePause = 10 * time.Millisecond
)

// until waits until a condition holds that the network brings about.
func until(tb testing.TB, x *exchange, condition func() bool) {
	tb.Helper()
	for began := time.Now(); !condition(); {
		if time.Since(began) > patience {
			tb.Fatal("waited too long")
		}
		if err := x.conn.FlushTimeout(patience); err != nil {
			tb.Fatal(err)
		}
	}
}

// desk is one end of an exchange without names: what the tests of failures in between need.
func desk(tb testing.TB, s *server.Server, subjects, node string, term time.Duration, serve func(*served), options ...nats.Option) *exchange {
	tb.Helper()
	return deskAt(tb, s, subjects, node, pace{term, probePause}, serve, options...)
}

// deskAt is desk at another pace.
func deskAt(tb testing.TB, s *server.Server, subjects, node string, pace pace, serve func(*served), options ...nats.Option) *exchange {
	tb.Helper()
	conn := connect(tb, s, append(options, nats.ReconnectWait(time.Millisecond), nats.MaxReconnects(-1))...)
	x, err := newExchange(conn, subjects, node, pace, nil, slog.New(slog.DiscardHandler), func(s *served) bool {
		serve(s)
		return true
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if x.life.Err() == nil {
			x.end()
		}
		await(tb, x.done)
		if n := x.outstanding() + x.taken(); n != 0 {
			tb.Errorf("node %q: %d calls are left", node, n)
		}
	})
	if err := conn.Flush(); err != nil {
		tb.Fatal(err)
	}
	return x
}

// answerer has a request answered when the test says so, or its node ends.
func answerer(got chan<- *served) func(*served) {
	return func(s *served) {
		context.AfterFunc(s.x.life, func() { s.refuse(errGone) })
		got <- s
	}
}

// later answers with what was asked.
func (q *served) echo() {
	if q.claim() {
		q.finish(reply{outcome: gaveValue, body: q.body})
	}
}

// request asks as a call does: its caller does not wait longer than for ctx.
func (x *exchange) request(ctx context.Context, node string, q request) (reply, error) {
	r := new(reply)
	err := actor.Guard(ctx, func() (err error) {
		*r, err = x.ask(ctx, node, q, nil)
		return err
	})
	if err != nil {
		return reply{}, err
	}
	return *r, nil
}

// asking is a request in the background.
func (x *exchange) asking(ctx context.Context, node string) <-chan result {
	c := make(chan result, 1)
	go func() {
		r, err := x.request(ctx, node, request{kind: toCall, name: "x", method: "m", body: []byte("hello")})
		if err == nil && r.outcome != gaveValue {
			err = r.err(nil)
		}
		c <- result{string(r.body), err}
	}()
	return c
}

func expectErr(t *testing.T, c <-chan result, want error) {
	t.Helper()
	if r := await(t, c); !errors.Is(r.err, want) || r.value != "" {
		t.Errorf("got %v, want %v", r, want)
	}
}

// A call that takes long goes on, since the callee's node has it; also over the loss of its
// connection.
func TestLongCallGoesOnWhileTheOtherNodeHasIt(t *testing.T) {
	s, subjects, got := startServer(t), prefix(), make(chan *served, 1)
	a := desk(t, s, subjects, "a", longTerm, nil)
	b := desk(t, s, subjects, "b", longTerm, answerer(got))
	answer := a.asking(t.Context(), "b")
	q := await(t, got)
	probed := func() {
		heard := q.heard.Load()
		until(t, a, func() bool { return q.heard.Load() != heard })
	}
	probed()
	if err := b.conn.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	probed()
	probed()
	q.echo()
	if r := await(t, answer); r.err != nil || r.value != "hello" {
		t.Errorf("got %v", r)
	}
}

// What becomes of a call when one of those that it needs is lost. What can be known at once is,
// and the rest when a term has passed.
func TestCallFailsWhenWhatItNeedsIsLost(t *testing.T) {
	s := startServer(t)
	for name, test := range map[string]struct {
		term time.Duration
		lose func(a, b *exchange)
		want error
	}{
		"callee's node crashes": {shortTerm, func(_, b *exchange) { b.conn.Close() }, ErrNoConnection},
		"callee's node ends":    {longTerm, func(_, b *exchange) { b.end() }, ErrNoConnection},
		"callee's node forgets": {longTerm, func(_, b *exchange) { b.forgetAll() }, ErrNoConnection},
		"caller's node ends":    {longTerm, func(a, _ *exchange) { a.end() }, ErrClosed},
		"caller's node crashes": {shortTerm, func(a, _ *exchange) { a.conn.Close() }, ErrNoConnection},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			subjects, got := prefix(), make(chan *served, 1)
			a := desk(t, s, subjects, "a", test.term, nil)
			b := desk(t, s, subjects, "b", test.term, answerer(got))
			answer := a.asking(t.Context(), "b")
			q := await(t, got)
			test.lose(a, b)
			expectErr(t, answer, test.want)
			await(t, q.ctx.Done()) // nobody waits for the answer, and its node learns that
			q.drop()
		})
	}
}

// forgetAll makes an exchange one that has been restarted.
func (s *serving) forgetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.table {
		q.giveUp()
	}
	clear(s.table)
}

// A caller that gives up is gone for the callee's node at once, and an answer that comes later
// is dropped, on either side.
func TestCallThatIsGivenUpIsGivenUpThere(t *testing.T) {
	s, subjects, got := startServer(t), prefix(), make(chan *served, 1)
	a := desk(t, s, subjects, "a", longTerm, nil)
	b := desk(t, s, subjects, "b", longTerm, answerer(got))
	for name, give := range map[string]func() (context.Context, func()){
		"cancel": func() (context.Context, func()) { return context.WithCancel(t.Context()) },
		"deadline": func() (context.Context, func()) {
			ctx := &overdue{t.Context(), make(chan struct{})}
			return ctx, func() { close(ctx.done) }
		},
	} {
		ctx, end := give()
		answer := a.asking(ctx, "b")
		q := await(t, got)
		if limited := q.left > 0; limited != (name == "deadline") {
			t.Errorf("%s: the deadline has travelled: %v", name, limited)
		}
		end()
		expectErr(t, answer, ctx.Err())
		await(t, q.ctx.Done())
		reply := q.reply
		q.echo()
		if err := b.conn.PublishMsg(&nats.Msg{Subject: reply, Data: replyOf("late")}); err != nil {
			t.Fatal(err)
		}
	}
	answer := a.asking(t.Context(), "b") // which comes behind them
	await(t, got).echo()
	if r := await(t, answer); r.value != "hello" || r.err != nil {
		t.Errorf("got %v", r)
	}
}

// overdue is a context whose deadline has passed when the test says so, and not before what it is
// for has come to another node.
type overdue struct {
	context.Context
	done chan struct{}
}

func (o *overdue) Deadline() (time.Time, bool) { return time.Now().Add(time.Hour), true }
func (o *overdue) Done() <-chan struct{}       { return o.done }

func (o *overdue) Err() error {
	select {
	case <-o.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func replyOf(body string) []byte { return reply{outcome: gaveValue, body: []byte(body)}.encode() }

// GO-28: the callee may end before the call, during it and after it, by itself or with its
// system; and the caller hears of it at once.
func TestCallHearsOfTheEndOfItsCallee(t *testing.T) {
	_, here, there := pair(t, NamesConfig{})
	ref, got := there.worker(t, "x")
	x := here.find(t, "x")

	answer := call(t.Context(), x, "hold")
	await(t, got)
	ref.PID().Exit(actor.Kill)
	r := await(t, answer)
	if e, ok := errors.AsType[*CallError](r.err); !ok || !e.Ended || e.Err != actor.Killed {
		t.Errorf("killed meanwhile: %v", r)
	}
	await(t, ref.PID().Done())
	expectErr(t, call(t.Context(), x, "say hello"), actor.NoProc)

	_, got = there.worker(t, "x") // the next one of that name on that node
	if r := await(t, call(t.Context(), x, "say hello")); r.value != "hello" {
		t.Errorf("the next one: %v", r)
	}
	await(t, got)
	answer = call(t.Context(), x, "hold")
	await(t, got)
	if err := there.sys.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	expectErr(t, answer, actor.Shutdown)
	expectErr(t, call(t.Context(), x, "say hello"), actor.NoProc)
}

// An actor that calls and is killed gives its call up.
func TestCallOfAnActorEndsWithIt(t *testing.T) {
	_, here, there := pair(t, NamesConfig{})
	_, got := there.worker(t, "x")
	x := here.find(t, "x")
	seen := make(chan string, 1)
	ref, err := actor.Spawn(here.sys, func() *relay { return &relay{x, seen} })
	if err != nil {
		t.Fatal(err)
	}
	ref.Send(order{do: "hold"})
	o := await(t, got)
	if !o.reply.Wanted() {
		t.Error("the answer is not wanted")
	}
	ref.PID().Exit(actor.Kill)
	until(t, here.calls.x, func() bool { return !o.reply.Wanted() })
	if o.reply.Send("late") {
		t.Error("an answer that nobody waits for was one")
	}
}

// Names that are shut down fail the calls that they have made, and those that they carry out.
func TestShutdownFailsOpenCalls(t *testing.T) {
	_, here, there := pair(t, NamesConfig{})
	_, got := there.worker(t, "x")
	_, gotHere := here.worker(t, "y")
	out, in := call(t.Context(), here.find(t, "x"), "hold"), call(t.Context(), there.find(t, "y"), "hold")
	x := here.find(t, "x")
	await(t, got)
	await(t, gotHere)
	if err := here.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	expectErr(t, out, ErrClosed)
	expectErr(t, in, ErrNoConnection)
	expectErr(t, call(t.Context(), x, "say hello"), ErrClosed)
	if err := here.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// NATS is stopped while calls are open, and comes back on the same address: a call ends with
// an error at the latest when that is found out, one that is made meanwhile fails at once, and
// later ones work.
func TestCallsOverARestartOfNATS(t *testing.T) {
	port := steadyPort(t)
	s, subjects, got := startServerAt(t, port), prefix(), make(chan *served, 2)
	a := desk(t, s, subjects, "a", longTerm, nil)
	b := desk(t, s, subjects, "b", longTerm, answerer(got))
	open := a.asking(t.Context(), "b")
	q := await(t, got)
	s.Shutdown()
	s.WaitForShutdown()
	for a.conn.IsConnected() || b.conn.IsConnected() {
		runtime.Gosched()
	}
	expectErr(t, a.asking(t.Context(), "b"), ErrNoConnection)
	startServerAt(t, port)
	q.echo() // before or after the connections are back, which is why it may be lost
	if r := await(t, open); r.err != nil && !errors.Is(r.err, ErrNoConnection) {
		t.Errorf("got %v", r)
	}
	for _, x := range []*exchange{a, b} {
		for x.conn.FlushTimeout(patience) != nil {
			runtime.Gosched()
		}
	}
	answer := a.asking(t.Context(), "b")
	await(t, got).echo()
	if r := await(t, answer); r.value != "hello" || r.err != nil {
		t.Errorf("afterwards: %v", r)
	}
}

// A server that takes nothing keeps nobody waiting but the calls, which end with their
// contexts, and are not carried out late.
func TestCallEndsWithItsContextWhenTheServerTakesNothing(t *testing.T) {
	s, subjects, got := startServer(t), prefix(), make(chan *served, 10)
	gate := &sluice{waiting: make(chan struct{}, 1), open: make(chan struct{})}
	a := desk(t, s, subjects, "a", longTerm, nil, nats.SetCustomDialer(gate))
	desk(t, s, subjects, "b", longTerm, answerer(got))
	gate.shut.Store(true)
	first, cancelFirst := context.WithCancel(t.Context())
	one := a.asking(first, "b") // it is in the connection
	await(t, gate.waiting)
	second, cancelSecond := context.WithCancel(t.Context())
	large := make(chan error, 10)
	for range cap(large) { // more than the connection takes without waiting
		go func() {
			_, err := a.request(second, "b", request{kind: toCall, body: make([]byte, 100_000)})
			large <- err
		}()
	}
	for a.outstanding() < 1+cap(large) {
		runtime.Gosched()
	}
	cancelFirst()
	cancelSecond()
	expectErr(t, one, context.Canceled)
	for range cap(large) {
		if err := await(t, large); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	gate.shut.Store(false)
	close(gate.open)
	answer := make(chan error, 1)
	go func() {
		_, err := a.request(t.Context(), "b", request{kind: toCall, body: []byte("last")})
		answer <- err
	}()
	for { // what had been on its way is given up by now, or in a moment
		q := await(t, got)
		if string(q.body) == "last" {
			q.echo()
			break
		}
		await(t, q.ctx.Done())
		q.drop()
	}
	if err := await(t, answer); err != nil {
		t.Error(err)
	}
}

// badCodec is one whose methods do what they must not.
type badCodec struct {
	pubsub.JSON[string]
	encode, decode func()
}

func (c badCodec) Encode(topic, v string) ([]byte, error) {
	c.encode()
	return c.JSON.Encode(topic, v)
}

func (c badCodec) Decode(topic string, data []byte) (string, error) {
	c.decode()
	return c.JSON.Decode(topic, data)
}

// Whatever of a method does wrong what it must not, on either node: the call fails, and the
// next one works.
func TestFaultOfAMethodCostsTheCall(t *testing.T) {
	_, here, there := pair(t, NamesConfig{})
	there.worker(t, "x")
	x := here.find(t, "x")
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	faults := map[string]func(){"panic": func() { panic("no") }, "Goexit": runtime.Goexit, "block": func() { <-release }}
	good := func() {}
	for fault, f := range faults {
		for place, m := range map[string]Method[order, string, string]{
			"encode request":  {Requests: badCodec{encode: f, decode: good}},
			"decode request":  {Requests: badCodec{encode: good, decode: f}},
			"encode response": {Responses: badCodec{encode: f, decode: good}},
			"decode response": {Responses: badCodec{encode: good, decode: f}},
			"make": {Make: func(string, actor.Reply[string]) order {
				f()
				return order{}
			}},
		} {
			name := place + ": " + fault
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				m.Name = name
				if m.Make == nil {
					m.Make = do.Make
				}
				if err := there.Serve(m); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 3*foreignFor/2)
				defer cancel()
				v, err := m.Call(ctx, x, "say hello")
				if e, ok := errors.AsType[*CallError](err); !ok || v != "" || e.Ended {
					t.Errorf("%q, %v, want a CallError", v, err)
				}
				if v, err := do.Call(t.Context(), x, "say hello"); v != "hello" || err != nil {
					t.Errorf("the next one: %q, %v", v, err)
				}
			})
		}
	}
}

// vagueCodec fails with an error that cannot be asked what it is.
type vagueCodec struct {
	pubsub.JSON[string]
	encode, decode error
}

func (c vagueCodec) Encode(topic, v string) ([]byte, error) {
	if c.encode != nil {
		return nil, c.encode
	}
	return c.JSON.Encode(topic, v)
}

func (c vagueCodec) Decode(topic string, data []byte) (string, error) {
	if c.decode != nil {
		return "", c.decode
	}
	return c.JSON.Decode(topic, data)
}

type vagueError struct{ unwrap func() }

func (*vagueError) Error() string { return "vague" }

func (e *vagueError) Unwrap() error {
	e.unwrap()
	return nil
}

// Whatever the methods of a codec's error do, on either node: the call fails, with an error that
// its caller can ask, and is over on both.
func TestErrorOfACodecCostsTheCall(t *testing.T) {
	_, here, there := pair(t, NamesConfig{})
	there.worker(t, "x")
	x := here.find(t, "x")
	release := make(chan struct{})
	for fault, err := range map[string]error{
		"nil":    (*vagueError)(nil), // of which the method panics
		"Goexit": &vagueError{runtime.Goexit},
		"block":  &vagueError{func() { <-release }},
	} {
		for place, m := range map[string]Method[order, string, string]{
			"encode request":  {Requests: vagueCodec{encode: err}},
			"decode request":  {Requests: vagueCodec{decode: err}},
			"encode response": {Responses: vagueCodec{encode: err}},
			"decode response": {Responses: vagueCodec{decode: err}},
		} {
			if fault == "block" && (place == "encode request" || place == "decode response") {
				continue // a caller's own codec keeps it as long as its context does
			}
			m.Name, m.Make = place+": "+fault, do.Make
			if err := there.Serve(m); err != nil {
				t.Fatal(err)
			}
			t.Run(m.Name, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				_, err := m.Call(ctx, x, "say hello")
				if e, ok := errors.AsType[*CallError](err); !ok || e.Ended || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v, want a CallError at once", err)
				}
			})
		}
	}
	t.Cleanup(func() {
		close(release)
		until(t, here.calls.x, func() bool { return here.Stats().Waiting == 0 && there.Stats().Open == 0 })
	})
}

// A request of which Make does not return in time is refused, and not carried out later.
func TestLateMakeSendsNothing(t *testing.T) {
	_, here, there := pair(t, NamesConfig{})
	_, got := there.worker(t, "x")
	release, asked := make(chan struct{}), make(chan actor.Reply[string], 1)
	m := do
	m.Name, m.Make = "late", func(what string, r actor.Reply[string]) order {
		asked <- r
		<-release
		return do.Make(what, r)
	}
	if err := there.Serve(m); err != nil {
		t.Fatal(err)
	}
	x := here.find(t, "x")
	if _, err := m.Call(t.Context(), x, "say late"); err == nil {
		t.Error("the call was answered")
	}
	close(release)
	r := await(t, asked)
	until(t, here.calls.x, func() bool { return !r.Wanted() })
	if _, err := do.Call(t.Context(), x, "say next"); err != nil {
		t.Fatal(err)
	}
	if o := await(t, got); o.do != "say next" {
		t.Errorf("the actor was told to %s", o.do)
	}
}

// A table of methods has each name once, or is left as it is.
func TestServeRefusesWhatCannotBeCalled(t *testing.T) {
	_, here, there := pair(t, NamesConfig{})
	other := do
	other.Name = "other"
	for name, m := range map[string]Served[order]{
		"nil": nil, "no name": Method[order, int, int]{Make: func(int, actor.Reply[int]) order { return order{} }},
		"no Make": Method[order, int, int]{Name: "y"}, "twice": do,
	} {
		if err := there.Serve(other, m); err == nil {
			t.Errorf("%s: served", name)
		}
	}
	there.worker(t, "x")
	if _, err := other.Call(t.Context(), here.find(t, "x"), ""); !errors.Is(err, ErrNoMethod) {
		t.Errorf("called: %v", err)
	}
}

// What one goroutine calls and sends arrives in that order.
func TestCallsAndSendsOfOneGoroutineArriveInOrder(t *testing.T) {
	_, here, there := pair(t, NamesConfig{})
	_, got := there.worker(t, "x")
	x := here.find(t, "x")
	const n = 100
	for i := range n {
		what := "say " + strconv.Itoa(i)
		if i%5 == 0 {
			if v, err := do.Call(t.Context(), x, what); err != nil || v != strconv.Itoa(i) {
				t.Fatalf("%q, %v", v, err)
			}
		} else if err := do.Send(t.Context(), x, what); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if o := await(t, got); o.do != "say "+strconv.Itoa(i) {
			t.Fatalf("message %d is %q", i, o.do)
		}
	}
}
