package nats

//lint:file-ignore U1000 Served has served called, which staticcheck does not see of generic types

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// Method is a call that actors with messages of type M answer, from this node or another one:
//
//	var Count = nats.Method[RoomMessage, Query, int]{
//		Name: "count",
//		Make: func(q Query, r actor.Reply[int]) RoomMessage { return count{q, r} },
//	}
//
//	err := names.Serve(Count)               // where such actors live
//	n, err := Count.Call(ctx, room, Query{}) // room is an actor.Ref, or a Remote
//
// It is a value that all nodes have; the message itself does not travel, so it may hold
// whatever it likes. A Method must not be changed once it is in use.
type Method[M, Req, Resp any] struct {
	// Name is what the method is called between nodes, whatever becomes of its Go types. It
	// must not be empty, and is one of its own among the methods of M.
	Name string

	// Make makes the message that asks an actor. It runs on the callee's node, and must not
	// block.
	Make func(Req, actor.Reply[Resp]) M

	// Errors keep their identity on the way: an answer by [actor.Reply.Fail] with one of them,
	// or an error that wraps one, does so for the caller on another node, too. They are known
	// by their texts.
	Errors []error

	// Requests and Responses turn what travels into bytes, and back. They are given Name as
	// the topic; [Config.Codec] if nil, and JSON without one.
	Requests  pubsub.Codec[Req]
	Responses pubsub.Codec[Resp]
}

// Address is where a [Method] is called: an [actor.Ref] for an actor of this node, or a
// [Remote].
type Address[M any] interface {
	TrySend(m M) error
	String() string
}

// Call asks an actor, and waits for the answer, as [actor.Call] does. For an actor of this
// node it is that: nothing is encoded, and NATS is not needed. Otherwise the error, which is a
// [*CallError], says what has become of the request:
//
//	was not carried out
//	  actor.NoProc             there is no actor of that name on the node; or, with
//	                           ErrNoConnection, no such node
//	  ErrNoMethod, ErrVersion  its node does not know the method, or the protocol
//	  actor.ErrFull            its mailbox is full
//	  pubsub.ErrOverloaded     too much is waiting, here or on its node
//	  pubsub.ErrEncoding       its node has another codec; or the answer's is another one here,
//	                           and then it was carried out
//	  ErrTooLarge              the request is too large for NATS; but not so for an answer
//	  a RemoteError            Make or the codec has failed there
//	has failed
//	  a RemoteError            what the callee has answered with, by Reply.Fail
//	  with CallError.Ended     the callee has ended: its exit reason, such as actor.Killed, or
//	                           a RemoteError with the text of its panic
//	may have been carried out, or may be yet
//	  ErrNoConnection          its node has crashed, shut down, or been cut off, or this one
//	                           has: at most a lease after the last sign of life. Request or
//	                           answer are lost
//	  ctx's error              the caller has given up
//	  ErrClosed                the names of this node have been shut down
//
// Whatever happens a request is carried out at most once. Nothing is tried again.
//
// The deadline of ctx travels as the time that is left, so clocks may differ. A request that
// waited for longer is dropped, on either node. If the caller gives up, the callee's node is
// told: [actor.Reply.Wanted] is false then, and an answer is dropped. Without a deadline Call
// asks the callee's node three times in a lease whether it still has the call, and waits as
// long as that says so.
//
// What one goroutine calls and sends by methods, to one name, arrives in that order;
// [Remote.TrySend] goes another way. An error of the callee has a text of at most 4 KiB, and
// keeps its identity if package actor or context has it, or Errors.
//
// Call panics if to is of a type other than these two.
//
// OTP: gen_server:call/2.
func (m Method[M, Req, Resp]) Call(ctx context.Context, to Address[M], req Req) (Resp, error) {
	var none Resp
	local, remote := m.resolve(to)
	if remote == nil {
		v, err := actor.Call(ctx, local, func(r actor.Reply[Resp]) M { return m.Make(req, r) })
		if err != nil {
			return none, m.localError(to, err)
		}
		return v, nil
	}
	v, err := m.callRemote(ctx, *remote, req)
	if err != nil {
		return none, err
	}
	return v, nil
}

// Send asks an actor for something without an answer: Make is given the zero Reply. The values
// of ctx go along as with [actor.Ref.SendContext], and ctx is done with when Send returns. For
// an actor of this node it is SendContext; otherwise it does not wait, and the error says that
// nothing was sent. If it is nil the request may still get lost, without a word.
//
// OTP: gen_server:cast/2.
func (m Method[M, Req, Resp]) Send(ctx context.Context, to Address[M], req Req) error {
	local, remote := m.resolve(to)
	var err error
	if remote == nil {
		err = local.SendContext(ctx, m.Make(req, actor.Reply[Resp]{}))
	} else {
		err = m.sendRemote(ctx, *remote, req)
	}
	if err != nil {
		return &CallError{Method: m.Name, To: nameOf(to), Err: err}
	}
	return nil
}

// resolve returns where a call goes: to an actor of this node, unless remote is not nil.
func (m Method[M, Req, Resp]) resolve(to Address[M]) (local actor.Ref[M], remote *Remote[M]) {
	switch to := to.(type) {
	case nil:
		return local, nil
	case actor.Ref[M]:
		return to, nil
	case Remote[M]:
		if to.names == nil {
			return local, nil
		}
		if ref, here := to.names.here(to); here {
			return ref, nil
		}
		return local, &to
	default:
		panic(fmt.Sprintf("nats: call %q of a %T, want an actor.Ref or a Remote", m.Name, to))
	}
}

func nameOf[M any](to Address[M]) string {
	if to == nil {
		return "nobody"
	}
	return to.String()
}

func (m Method[M, Req, Resp]) localError(to Address[M], err error) error {
	e := &CallError{Method: m.Name, To: nameOf(to), Err: err}
	if c, ok := err.(*actor.CallError); ok {
		e.Err, e.Ended = c.Err, c.Ended
	}
	return e
}

func (m Method[M, Req, Resp]) callRemote(ctx context.Context, to Remote[M], req Req) (v Resp, err error) {
	fail := func(err error, ended bool) (Resp, error) {
		var none Resp
		return none, &CallError{m.Name, to.String(), err, ended}
	}
	x, q, err := m.request(ctx, to, toCall)
	if err != nil {
		return fail(err, false)
	}
	c := &remoteCall[Resp]{doing: "encode the request"}
	header := x.inject(ctx)
	// All of it on a goroutine that can be left alone, in codecs or by a slow server: it is
	// begun once, and no other one is between it and the connection.
	bound, done := x.bound(ctx)
	defer done()
	err = actor.Guard(bound, func() error { return m.exchange(ctx, x, to, q, req, header, c) })
	switch {
	case err != nil && ctx.Err() != nil: // it was left alone, and may go on
		return fail(ctx.Err(), false)
	case err != nil && bound.Err() != nil:
		return fail(context.Cause(bound), false)
	case err != nil: // a codec has failed, and Guard has asked what of
		return fail(fmt.Errorf("%s: %w", c.doing, err), false)
	case c.err != nil:
		return fail(c.err, c.ended)
	}
	return c.value, nil
}

// remoteCall is what has come of a call.
type remoteCall[Resp any] struct {
	doing string // with a codec
	value Resp
	err   error
	ended bool
}

// exchange makes a call: it encodes, asks and decodes. Its error is one of a codec.
func (m Method[M, Req, Resp]) exchange(ctx context.Context, x *exchange, to Remote[M], q request, req Req, header nats.Header, c *remoteCall[Resp]) (err error) {
	codec := m.requests(to.names)
	if q.body, err = codec.Encode(m.Name, req); err != nil {
		return err
	}
	if q.codec, err = pubsub.NameOf(codec); err != nil {
		return err
	}
	r, err := x.ask(ctx, to.Node, q, header)
	c.doing = "decode the answer"
	if err == nil && r.outcome != gaveValue {
		err = r.err(m.Errors)
	}
	if err != nil {
		if r.outcome != gaveError && errors.Is(err, actor.NoProc) {
			to.names.leases.mirror.doubt(keyOf(to.Name), to.id)
		}
		c.err, c.ended = err, r.outcome == hasEnded
		return nil
	}
	c.value, err = pubsub.DecodeNamed(m.responses(to.names), r.codec, m.Name, r.body)
	return err
}

func (m Method[M, Req, Resp]) sendRemote(ctx context.Context, to Remote[M], req Req) error {
	x, q, err := m.request(ctx, to, toSend)
	if err != nil {
		return err
	}
	encoded := new(request) // not q: if ctx is done, it may be written to later
	bound, done := x.bound(ctx)
	defer done()
	err = actor.Guard(bound, func() (err error) {
		codec := m.requests(to.names)
		if encoded.body, err = codec.Encode(m.Name, req); err == nil {
			encoded.codec, err = pubsub.NameOf(codec)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	q.body, q.codec = encoded.body, encoded.codec
	return x.cast(ctx, to.Node, q)
}

// request returns a request that has no body yet.
func (m Method[M, Req, Resp]) request(ctx context.Context, to Remote[M], kind requestKind) (*exchange, request, error) {
	q := request{kind: kind, name: to.Name, method: m.Name}
	if err := ctx.Err(); err != nil {
		return nil, q, err
	}
	x, err := to.names.exchange(ctx)
	return x, q, err
}

func (m Method[M, Req, Resp]) requests(n *Names[M]) pubsub.Codec[Req] {
	if m.Requests != nil {
		return m.Requests
	}
	return pubsub.CodecOf[Req](n.pubsub.Encoding())
}

func (m Method[M, Req, Resp]) responses(n *Names[M]) pubsub.Codec[Resp] {
	if m.Responses != nil {
		return m.Responses
	}
	return pubsub.CodecOf[Resp](n.pubsub.Encoding())
}

// Served is a [Method], as one of several whose actors have the same messages.
type Served[M any] interface {
	served() (*servedMethod[M], error)
}

// servedMethod is how a node carries out the requests of one method.
type servedMethod[M any] struct {
	name   string
	calls  foreign.Calls // of the codecs and Make
	handle func(ctx context.Context, n *Names[M], to actor.Ref[M], s *served)
}

// served implements [Served].
func (m Method[M, Req, Resp]) served() (*servedMethod[M], error) {
	switch {
	case m.Name == "":
		return nil, errors.New("a method needs a name")
	case m.Make == nil:
		return nil, fmt.Errorf("method %q: Make is nil", m.Name)
	}
	e := &servedMethod[M]{name: m.Name}
	e.calls.Limit, e.calls.Most = foreignFor, foreignMost
	if err := e.calls.Do(m.checkCodecs); err != nil {
		return nil, fmt.Errorf("method %q: %w", m.Name, err)
	}
	e.handle = func(ctx context.Context, n *Names[M], to actor.Ref[M], s *served) { m.handle(ctx, n, e, to, s) }
	return e, nil
}

// checkCodecs returns what is wrong with the names of the codecs. It is a foreign call.
func (m Method[M, Req, Resp]) checkCodecs() error {
	if m.Requests != nil {
		if _, err := pubsub.NameOf(m.Requests); err != nil {
			return fmt.Errorf("its requests: %w", err)
		}
	}
	if m.Responses != nil {
		if _, err := pubsub.NameOf(m.Responses); err != nil {
			return fmt.Errorf("its responses: %w", err)
		}
	}
	return nil
}

// handle hands a request to its actor. All of it is a foreign call.
func (m Method[M, Req, Resp]) handle(ctx context.Context, n *Names[M], e *servedMethod[M], to actor.Ref[M], s *served) {
	req, err := pubsub.DecodeNamed(m.requests(n), s.codec, m.Name, s.body)
	if err != nil {
		s.refuse(fmt.Errorf("%w: %w", errCannotRead, err))
		return
	}
	s.body, s.header = nil, nil // let go
	if s.kind == toSend {
		msg := m.Make(req, actor.Reply[Resp]{})
		if !s.claim() { // left alone
			return
		}
		defer s.x.leave(s)
		if err := to.SendContext(withoutWait(ctx), msg); err != nil {
			s.x.counts.refused.Add(1)
		}
		return
	}
	// It is not bound to ctx, which would be a visit to that at each answer: s gives it up.
	p := actor.Ask(context.WithoutCancel(ctx), to, func(r actor.Reply[Resp]) M {
		msg := m.Make(req, r)
		if s.mine.Load() { // left alone: the caller has been told that nothing was carried out
			runtime.Goexit()
		}
		return msg
	})
	if !s.claim() { // left alone
		p.GiveUp()
		return
	}
	s.asks(p)
	go func() {
		<-p.Done() // at the latest when s is given up
		m.conclude(n, e, p, s)
	}()
}

// conclude answers a request that is settled. It is for a goroutine that ends with it.
func (m Method[M, Req, Resp]) conclude(n *Names[M], e *servedMethod[M], p *actor.Pending[Resp], s *served) {
	if s.ctx.Err() != nil {
		s.finish(refusal(errGone)) // it is not sent if it is the caller that is gone
		return
	}
	fail := func(err error) reply {
		return failure(gaveError, fmt.Errorf("encode the answer: %w", err), nil)
	}
	r := new(reply) // on the heap, for it may be written to when s is over
	err, here := e.calls.Here(func() { *r = m.outcome(n, p) }, func(err error) { s.finish(fail(err)) })
	switch {
	case !here:
	case err != nil:
		s.finishHere(fail(err))
	default:
		s.finishHere(*r)
	}
}

// outcome returns what has come of a request that is settled. It is a foreign call.
func (m Method[M, Req, Resp]) outcome(n *Names[M], p *actor.Pending[Resp]) reply {
	v, err := p.Wait(context.Background())
	if err == nil {
		return m.encode(n, v)
	}
	o := gaveError
	if c, ok := err.(*actor.CallError); ok {
		err = c.Err
		if c.Ended {
			o = hasEnded
		} else if err == actor.NoProc || err == actor.ErrFull {
			o = refused
		}
	}
	return failure(o, err, m.Errors)
}

func (m Method[M, Req, Resp]) encode(n *Names[M], v Resp) reply {
	c := m.responses(n)
	r := reply{outcome: gaveValue}
	var err error
	if r.codec, err = pubsub.NameOf(c); err == nil {
		r.body, err = c.Encode(m.Name, v)
	}
	if err != nil {
		return failure(gaveError, fmt.Errorf("encode the answer: %w", err), nil)
	}
	return r
}

// withoutWait returns a context with the values of ctx that is done: a send with it does
// not wait for room.
func withoutWait(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}
