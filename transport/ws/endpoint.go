package ws

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/boundlog"
	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws/internal/netconn"
	"github.com/troupe-go/troupe/transport/ws/internal/visit"
)

// Endpoint serves sockets over HTTP. [New] makes one, and [Endpoint.Child] is its place
// in the supervision tree. Each connection is an actor under it, and so is each channel
// that a client has joined:
//
//	endpoint               supervisor
//	├── closing            waits at the end for clients to close their connections
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
	cfg    Config
	fault  error        // why it cannot start
	mounts []Socket     // cfg.Sockets with their defaults
	log    *slog.Logger // of what clients and other nodes cause as well, so within bounds
	aside  *slog.Logger // the same for what is found out under locks: see asideHandler
	system lateLogger   // what both write to
	topics pubsub.PubSub[*broadcast]

	histories []*History              // of all routes
	foreseen  bool                    // some of them are to know of a broadcast before it is sent
	archive   atomic.Pointer[archive] // nil: none of the topics is recorded, or the endpoint is down

	id          string                    // of this endpoint, among those of a History's Store
	attendances attendances               // of what hears recorded topics, and is no channel on them
	lapses      pubsub.PubSub[pubsub.Gap] // of a History's Store

	encodings encodings // of all sockets; does not change
	made      time.Time
	opening   atomic.Bool                 // it is being started
	current   atomic.Pointer[incarnation] // the latest one, which may have ended

	directory directory // of all sessions
	expiries  expiries  // of connections and channels
	refreshes foreign.Calls

	polls   sync.Map // session IDs of clients that poll → *poller
	pollKey [32]byte // signs their tokens

	home      atomic.Pointer[actor.Self] // the parent of channels that may linger, or the last one
	tethers   sync.Map                   // tetherID → *tether
	resumeKey [32]byte                   // signs the tokens by which clients come back to them

	noDeadlines sync.Once // the warning that requests are not limited in time
	noHijack    sync.Once // the warning that no WebSocket can be opened

	drops backlog // that observers are to be told of

	counters
}

// New makes an endpoint, and starts nothing: [Endpoint.Child] puts it into a
// supervision tree. A Config that makes no sense fails the start.
func New(cfg Config) *Endpoint {
	e := &Endpoint{cfg: cfg, made: time.Now(), id: rand.Text()}
	e.log = boundlog.New(slog.New(&e.system))
	e.aside = boundlog.New(slog.New(newAsideHandler(&e.system)))
	e.topics.Logger, e.lapses.Logger = e.log, e.log
	e.refreshes.Limit, e.refreshes.Most = refreshPatience, refreshesLate
	rand.Read(e.pollKey[:]) // never fails
	rand.Read(e.resumeKey[:])
	e.mounts, e.fault = cfg.mounts()
	for _, s := range e.mounts {
		e.histories = append(e.histories, s.Channels.histories()...)
		for _, ser := range s.Serializers {
			e.encodings.get(ser, false)
			e.encodings.get(ser, s.Compress)
		}
	}
	e.foreseen = slices.ContainsFunc(e.histories, (*History).foresees)
	return e
}

// Start makes an endpoint and starts it at the top of a system, which stops it at its
// shutdown. It is the short form for tests and small programs: nothing restarts such an
// endpoint when it has crashed for good.
func Start(sys *actor.System, cfg Config) (*Endpoint, error) {
	e := New(cfg)
	_, err := e.open(sys, func(spec supervisor.Spec) (actor.PID, error) {
		tree, err := supervisor.Start(sys, spec)
		return tree.PID(), err
	})
	return e, err
}

// Child returns the endpoint as a child of a supervisor, with the ID "endpoint". It
// comes after what its channels need, and before the web server that serves it.
//
// A restarted endpoint is the same one to its users: it serves again, and clients come
// back by themselves. Until then it answers with status 503.
//
// The child may be started again when it has ended, but runs once at a time: a second
// start fails.
func (e *Endpoint) Child() supervisor.Child {
	return supervisor.Child{
		ID:   "endpoint",
		Type: supervisor.TypeSupervisor,
		Start: func(parent actor.Self) (actor.PID, error) {
			return e.open(parent.System(), func(spec supervisor.Spec) (actor.PID, error) {
				return supervisor.Supervisor("endpoint", spec).Start(parent)
			})
		},
	}
}

// PID returns the endpoint's supervisor as it runs now, or the zero PID while it is
// down.
func (e *Endpoint) PID() actor.PID {
	if in := e.current.Load(); in != nil && !in.ended.Load() {
		return in.tree.PID()
	}
	return actor.PID{}
}

// ServeHTTP implements [http.Handler].
//
// A GET of a socket's "/websocket" that is no upgrade is answered with status 426, or with
// 503 while the endpoint takes no clients: a balancer may ask for that.
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
	case !isUpgrade(r.Header) && e.takesNone():
		refuse(w, errDown)
		return
	case !isUpgrade(r.Header):
		w.WriteHeader(http.StatusUpgradeRequired)
		return
	}
	seat, full := e.admit(s, peerOf(r))
	if full != nil {
		refuse(w, full)
		return
	}
	started := false
	defer func() {
		if !started { // Connect may have panicked
			seat.leave()
		}
	}()
	identity, ser, err := e.handshake(s, "websocket", bearerToken, &Request{Request: r, Params: r.URL.Query()})
	if err != nil {
		refuse(w, err)
		return
	}
	c := newWebSocket(seat, s)
	session := newSession(e, s, c, identity, ser)
	if started = seat.start(session); !started {
		refuse(w, errDown)
		return
	}
	visit.Of[Identity](r.Context()).Start(session.ctx.PID())
	if err := c.conn.Accept(w, r); err != nil { // and has answered
		if errors.Is(err, netconn.ErrNoHijack) {
			e.noHijack.Do(func() { e.log.Warn(err.Error()) })
		}
		e.log.Info("upgrade failed", "path", r.URL.Path, "remote", r.RemoteAddr, "reason", err)
		return
	}
	// From here and not from the reader, whose stack the first message would double.
	c.tell(sessionMsg{op: opOpen, with: e.encodings.get(ser, c.conn.Compressed())})
	c.conn.Start()
}

// now is the time since the endpoint was made.
func (e *Endpoint) now() time.Duration { return time.Since(e.made) }

// moment is a time by an endpoint's clock, see now, and a nanosecond: 0 stands for unknown.
type moment time.Duration

// stamp is the present moment for a message of a client's, if anybody asks for it.
func (e *Endpoint) stamp(s *Socket) moment {
	if !s.timed {
		return 0
	}
	return moment(e.now() + 1)
}

// since returns how long ago a moment is, or 0 if it is unknown.
func (e *Endpoint) since(m moment) time.Duration {
	if m == 0 {
		return 0
	}
	return e.now() - time.Duration(m-1)
}

// Shutdown ends the endpoint. It refuses new connections with status 503, ends
// all channels with Terminate, closes the connections with code 1012, on which
// clients reconnect, and returns when the last one is closed, or with an error
// when ctx is done. If all is shut down but for handlers that do not return, the error
// wraps a [*supervisor.StuckError].
//
// It is for an endpoint from [Start]. One in a tree ends with its supervisor, which
// restarts it after a Shutdown as after any other end.
func (e *Endpoint) Shutdown(ctx context.Context) error {
	in := e.current.Load()
	if in == nil {
		return nil
	}
	in.refuse()
	err := in.tree.Stop(ctx)
	stuck, _ := errors.AsType[*supervisor.StuckError](err)
	if err != nil && stuck == nil && !errors.Is(err, actor.NoProc) {
		return fmt.Errorf("ws: shutdown: %w", err)
	}
	select {
	case <-in.gone:
		if stuck != nil {
			return fmt.Errorf("ws: shutdown: %w", stuck)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("ws: shutdown: %d connections are still closing: %w", e.connections.Load(), ctx.Err())
	}
}
