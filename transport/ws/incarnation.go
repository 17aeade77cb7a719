package ws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws/internal/netconn"
)

// incarnation is an endpoint from a start to the next end: what a restart makes anew.
// Connections of one that has ended may still be closing, and belong to it.
//
// It is an [actor.Resource] of the endpoint's supervisor, so that it ends with that one,
// however that comes, and before a restart.
type incarnation struct {
	endpoint *Endpoint
	tree     supervisor.Tree
	sockets  supervisor.Dynamic // of the session actors
	host     netconn.Host       // of the WebSockets
	former   <-chan struct{}    // closed when nothing is left of the one before; nil: the first
	ended    atomic.Bool
	serving  []func() // each ends a tracker's service

	admission
}

// errRunning says that an endpoint is started that runs.
var errRunning = errors.New("it is running already")

// open starts an incarnation. What spawns its supervisor is up to the caller.
func (e *Endpoint) open(sys *actor.System, spawn func(supervisor.Spec) (actor.PID, error)) (actor.PID, error) {
	fail := func(err error) (actor.PID, error) {
		return actor.PID{}, fmt.Errorf("ws: start endpoint: %w", err)
	}
	if e.fault != nil {
		return fail(e.fault)
	}
	if !e.opening.CompareAndSwap(false, true) {
		return fail(errRunning)
	}
	defer e.opening.Store(false)
	if in := e.current.Load(); in != nil && !in.ended.Load() {
		return fail(errRunning)
	}
	e.system.Store(sys.Logger())
	in := &incarnation{endpoint: e, admission: admission{gone: make(chan struct{})}}
	in.host.Logger, in.host.Queued = e.log, &e.queued
	if former := e.current.Load(); former != nil {
		in.former = former.gone
	}
	for _, s := range e.mounts {
		if s.MaxPerAddress > 0 {
			in.addresses = map[netip.Addr]int{}
		}
	}
	started := false
	defer func() {
		if !started { // also if a Tracker panics
			in.unserve()
			e.topics.Disconnect()
		}
	}()
	for _, t := range e.cfg.Trackers {
		in.serving = append(in.serving, t.Serve(e))
	}
	if err := e.joinCluster(); err != nil {
		return fail(err)
	}
	pid, err := spawn(in.spec())
	if err != nil {
		return fail(err)
	}
	started = true
	in.tree, _ = supervisor.TreeOf(pid)
	e.current.Store(in)
	if !pid.Own(in) {
		in.Release(pid, nil) // it has ended already
	}
	return pid, nil
}

func (in *incarnation) spec() supervisor.Spec {
	closing := supervisor.Actor("closing", func() *lastOut { return &lastOut{in} },
		supervisor.Shutdown(netconn.CloseTimeout+time.Second))
	sockets, handle := supervisor.FollowDynamic(
		supervisor.DynamicSupervisor("sockets", supervisor.DynamicSpec{}))
	in.sockets = handle
	children := []supervisor.Child{closing}
	if len(in.endpoint.histories) > 0 { // it ends after the channels
		history := supervisor.Actor("history", func() *archivist { return &archivist{endpoint: in.endpoint} })
		children = append(children, history)
	}
	if in.endpoint.lingers() { // it ends after their sessions
		channels := supervisor.Actor("channels", func() *home { return &home{in.endpoint} }, sessionShutdown)
		children = append(children, channels)
	}
	return supervisor.Spec{Children: append(children, sockets)}
}

// Release implements [actor.Resource].
func (in *incarnation) Release(actor.PID, error) {
	in.refuse()
	in.endpoint.topics.Disconnect() // so that an endpoint that has ended is not held
	in.ended.Store(true)
	in.unserve()
}

func (in *incarnation) unserve() {
	for _, stop := range in.serving {
		stop()
	}
}

// lastOut is the actor that ends after the sockets, and waits for their connections: what
// stops the endpoint may end the program next, and the clients would not hear why.
type lastOut struct{ of *incarnation }

// Init implements [actor.Initializer].
func (l *lastOut) Init(ctx *actor.Context[struct{}]) error {
	ctx.TrapExit(true)
	return nil
}

// Receive implements [actor.Behavior].
func (l *lastOut) Receive(*actor.Context[struct{}], struct{}) error { return nil }

// Terminate implements [actor.Terminator].
func (l *lastOut) Terminate(ctx *actor.Context[struct{}], _ error) {
	l.of.refuse()
	limit, cancel := context.WithTimeout(ctx, netconn.CloseTimeout)
	defer cancel()
	select {
	case <-l.of.gone:
	case <-limit.Done():
	}
}

// sessionShutdown is more than a session gives its channels.
const sessionShutdown = supervisor.Shutdown(stopTimeout + 2*time.Second)

// start puts a session under the socket supervisor. If that fails, it ends the
// transport and reports false.
func (in *incarnation) start(s *session) bool {
	_, err := in.sockets.StartChild(context.Background(), supervisor.Child{
		Restart:  supervisor.Temporary, // the client comes back by itself
		Shutdown: sessionShutdown,
		Type:     supervisor.TypeSupervisor,
		Start: func(parent actor.Self) (actor.PID, error) {
			ref, err := actor.SpawnLink(parent, func() *session { return s })
			return ref.PID(), err
		},
	})
	if err == nil {
		return true
	}
	level := slog.LevelError
	if errors.Is(err, actor.NoProc) { // the supervisor has just ended, and that is logged
		level = slog.LevelInfo
	}
	in.endpoint.log.Log(context.Background(), level, "connection not started", "error", err)
	if s.claim.CompareAndSwap(unclaimed, claimed) {
		s.releaseTransport(actor.PID{}, actor.Shutdown)
	}
	return false
}
