package ws

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/boundlog"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// Endpoint serves sockets over HTTP. Each connection is an actor under its
// supervisor, and so is each channel that a client has joined:
//
//	endpoint               supervisor
//	└── sockets            dynamic supervisor
//	    ├── socket actor   one for each connection
//	    │   ├── channel actor   one for each topic that it has joined
//	    │   └── …
//	    └── …
//
// An Endpoint is an [http.Handler]; it answers 404 where no socket is mounted. Give
// the [http.Server] that it runs in a ReadHeaderTimeout: until a client has sent its
// request, no limit of a Socket holds. Behind middleware that keeps the connection from
// being taken over, such as [http.TimeoutHandler], WebSockets are answered 501, and the
// first is logged as a warning; polls work there.
// Its methods may be called from any goroutine.
type Endpoint struct {
	mounts []Socket
	log    *slog.Logger // of what clients and other nodes cause as well, so within bounds
	tree   supervisor.Tree
	topics pubsub.PubSub[*broadcast]

	encodings encodings // of all sockets; does not change
	started   time.Time

	// The present dynamic supervisor of the socket actors: a restart changes it.
	sockets atomic.Pointer[supervisor.Dynamic]

	lot     lot      // where idle connections wait that park
	polls   sync.Map // session IDs of clients that poll → *poller
	pollKey [32]byte // signs their tokens

	noDeadlines sync.Once // the warning that requests are not limited in time
	noHijack    sync.Once // the warning that no WebSocket can be opened

	admission
	counters
}

// NewEndpoint starts an endpoint that serves the given sockets. It fails if one of
// them is not well-formed, or if the system is shut down.
func NewEndpoint(sys *actor.System, sockets ...Socket) (*Endpoint, error) {
	e := &Endpoint{log: boundlog.New(sys.Logger()), started: time.Now()}
	e.topics.Logger = e.log
	rand.Read(e.pollKey[:]) // never fails
	for i, s := range sockets {
		s, err := s.withDefaults()
		if err != nil {
			return nil, fmt.Errorf("ws: socket %d, %q: %w", i, s.Path, err)
		}
		for _, ser := range s.Serializers {
			e.encodings.get(ser, false)
			e.encodings.get(ser, s.Compress)
		}
		if s.MaxPerAddress > 0 {
			e.addresses = map[netip.Addr]int{}
		}
		e.mounts = append(e.mounts, s)
	}
	dynamic := supervisor.DynamicSupervisor("sockets", supervisor.DynamicSpec{})
	start := dynamic.Start
	dynamic.Start = func(parent actor.Self) (actor.PID, error) {
		pid, err := start(parent)
		if d, ok := supervisor.DynamicOf(pid); ok {
			e.sockets.Store(&d)
		}
		return pid, err
	}
	var err error
	e.tree, err = supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{dynamic}})
	if err != nil {
		return nil, fmt.Errorf("ws: new endpoint: %w", err)
	}
	return e, nil
}

// ServeHTTP implements [http.Handler].
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for i := range e.mounts {
		s := &e.mounts[i]
		switch transport, ok := s.matches(r); {
		case !ok:
		case transport == "/websocket":
			e.serve(w, r, s)
			return
		case transport == "/longpoll" && s.LongPoll:
			e.serveLongPoll(w, r, s)
			return
		}
	}
	http.NotFound(w, r)
}

func (e *Endpoint) serve(w http.ResponseWriter, r *http.Request, s *Socket) {
	if r.ContentLength != 0 { // the server reads what comes, before it answers
		e.limitRequest(w, r, s.WriteTimeout)
	}
	switch {
	case r.Method != http.MethodGet:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case !isUpgrade(r.Header):
		w.WriteHeader(http.StatusUpgradeRequired)
		return
	}
	seat, full := e.admit(s, addressOf(r))
	if full != nil {
		refuse(w, full)
		return
	}
	started := false
	defer func() {
		if !started { // for one, because Connect has panicked
			seat.leave()
		}
	}()
	identity, ser, err := e.handshake(s, "websocket", bearerToken, &Request{Request: r, Params: r.URL.Query()})
	if err != nil {
		refuse(w, err)
		return
	}
	c := &conn{endpoint: e, socket: s, seat: seat}
	session := &session{endpoint: e, socket: s, transport: c, identity: identity}
	if started = e.start(session); !started {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if err := c.accept(w, r); err != nil { // and has answered
		if errors.Is(err, errNoHijack) {
			e.noHijack.Do(func() { e.log.Warn(err.Error()) })
		}
		e.log.Info("upgrade failed", "path", r.URL.Path, "remote", r.RemoteAddr, "reason", err)
		return
	}
	session.encoding = e.encodings.get(ser, c.deflates) // before the first message
	c.run()
}

// now is the time since the endpoint's start.
func (e *Endpoint) now() time.Duration { return time.Since(e.started) }

// sessionShutdown is more than a session gives its channels.
const sessionShutdown = supervisor.Shutdown(stopTimeout + 2*time.Second)

// start puts a session under the socket supervisor. If that fails, it ends the
// transport and reports false.
func (e *Endpoint) start(s *session) bool {
	_, err := e.sockets.Load().StartChild(context.Background(), supervisor.Child{
		Restart:  supervisor.Temporary, // the client comes back by itself
		Shutdown: sessionShutdown,
		Type:     supervisor.TypeSupervisor,
		Start: func(parent actor.Self) (actor.PID, error) {
			ref, err := actor.SpawnLink(parent, func() actor.Behavior[sessionMsg] { return s })
			return ref.PID(), err
		},
	})
	if err != nil {
		e.log.Error("connection not started", "error", err)
		if s.claimed.CompareAndSwap(false, true) {
			s.transport.Release(actor.PID{}, actor.Shutdown)
		}
	}
	return err == nil
}

// Broadcast sends an event to all clients that have joined a topic. The payload
// must marshal to a JSON object, or be [Binary]; otherwise the error wraps
// [ErrPayload]. Broadcasts of one goroutine arrive in order.
func (e *Endpoint) Broadcast(topic, event string, payload any) error {
	return e.broadcast(actor.PID{}, topic, event, payload)
}

// LocalBroadcast is Broadcast to the clients that are connected to this endpoint
// only, whatever cluster it is in. It is Phoenix's local_broadcast.
func (e *Endpoint) LocalBroadcast(topic, event string, payload any) error {
	b, err := e.newBroadcast(topic, event, payload)
	if err != nil {
		return err
	}
	e.topics.LocalBroadcast(topic, b)
	return nil
}

func (e *Endpoint) broadcast(from actor.PID, topic, event string, payload any) error {
	b, err := e.newBroadcast(topic, event, payload)
	if err != nil {
		return err
	}
	return e.topics.BroadcastFrom(from, topic, b)
}

// Disconnect closes all connections that Connect gave this ID, with code 1001, on
// all nodes. The clients reconnect at once: to keep one out, refuse it in Connect
// from before Disconnect on, since a client whose Connect is running is not met yet.
func (e *Endpoint) Disconnect(id string) error {
	return e.Broadcast(id, eventDisconnect, nil)
}

// The figures of a drain, unless others are given; they are Phoenix's.
const (
	drainBatch    = 10_000
	drainInterval = 2 * time.Second
	drainLimit    = 30 * time.Second
)

// Drain closes the open connections in batches, with code 1012, and waits for
// interval after each batch but the last, so that the clients do not all reconnect
// elsewhere at the same moment. With batch or interval 0 it closes 10,000
// connections every 2 s. New connections are refused from the start, with status
// 503.
//
// Drain returns when the last batch has been told, or with ctx's error, or after
// 30 s if ctx has no deadline; [Endpoint.Shutdown] comes next, and closes what is
// left.
func (e *Endpoint) Drain(ctx context.Context, batch int, interval time.Duration) error {
	if batch < 0 || interval < 0 {
		return fmt.Errorf("ws: drain: batches of %d every %v", batch, interval)
	}
	batch, interval = cmp.Or(batch, drainBatch), cmp.Or(interval, drainInterval)
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, drainLimit)
		defer cancel()
	}
	e.refuse()
	sockets, err := e.sockets.Load().Children(ctx)
	if err != nil {
		return fmt.Errorf("ws: drain: %w", err)
	}
	for i, socket := range sockets {
		if i > 0 && i%batch == 0 {
			pause := time.NewTimer(interval)
			select {
			case <-pause.C:
			case <-ctx.Done():
				pause.Stop()
				return fmt.Errorf("ws: drain: %d of %d connections are left: %w", len(sockets)-i, len(sockets), ctx.Err())
			}
		}
		if i%batch == 0 {
			e.drained(i, batch, len(sockets), interval)
		}
		if ref, ok := actor.RefOf[sessionMsg](socket.PID); ok {
			ref.Send(sessionMsg{op: opDrain})
		}
	}
	return nil
}

// drained tells the observers of the batch that begins with connection i of total.
func (e *Endpoint) drained(i, batch, total int, interval time.Duration) {
	for m := range e.mounts {
		if s := &e.mounts[m]; s.Observe != nil {
			e.emitApart(s, Drained{
				Count: min(batch, total-i), Total: total,
				Index: i/batch + 1, Rounds: (total + batch - 1) / batch,
				Interval: interval,
			})
		}
	}
}

// Shutdown ends the endpoint. It refuses new connections with status 503, ends
// all channels with Terminate, closes the connections with code 1012, on which
// clients reconnect, and returns when the last one is closed, or with an error
// when ctx is done. If all is shut down but for handlers that do not return, the error
// wraps a [*supervisor.StuckError].
func (e *Endpoint) Shutdown(ctx context.Context) error {
	e.refuse()
	err := e.tree.Stop(ctx)
	stuck, _ := errors.AsType[*supervisor.StuckError](err)
	if err != nil && stuck == nil && !errors.Is(err, actor.NoProc) {
		return fmt.Errorf("ws: shutdown: %w", err)
	}
	// After the channels, which may have had something to say at their end.
	if err := e.topics.Disconnect(ctx); err != nil {
		return fmt.Errorf("ws: shutdown: %w", err)
	}
	closed := make(chan struct{})
	go func() {
		e.conns.Wait()
		close(closed)
	}()
	select {
	case <-closed:
		e.lot.close()
		if stuck != nil {
			return fmt.Errorf("ws: shutdown: %w", stuck)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("ws: shutdown: %d connections are still closing: %w", e.connections.Load(), ctx.Err())
	}
}
