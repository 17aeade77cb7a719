package observer

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/boundlog"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws"
)

// Observer is a page that shows a running system, with the server behind it. [New] makes
// one, [Observer.Child] is its place in the supervision tree, and it is the
// [net/http.Handler] of all that is below the path where it is mounted:
//
//	mux.Handle("/observer/", o)
//
// The path may be any that ends in a slash, or be taken off by [net/http.StripPrefix]. Its
// methods may be called from any goroutine.
type Observer struct {
	cfg     Config
	gate    gate
	history *query.History // nil: none; outlives a restart
	running atomic.Pointer[run]

	downloading atomic.Bool // the flight recording, by somebody
}

// run is an observer from a start to the next end. It is an [actor.Resource] of the
// observer's supervisor.
type run struct {
	sys      *actor.System
	source   *query.Source
	endpoint *ws.Endpoint // of the pages' socket; a new one for each run, since the former may be ending still
	log      *slog.Logger // of what clients cause, within bounds
	life     context.Context
	over     context.CancelFunc
	feed     feed
	pages    atomic.Int32 // that are open
	began    time.Time
	unrecord func() // stops the history
	unserve  func() // stops the answers to other nodes

	found sync.Once
	top   actor.PID // the observer's supervisor; known before a page can be
}

// New makes an observer, and starts nothing: [Observer.Child] puts it into a supervision
// tree. Until it runs it answers with status 503.
func New(cfg Config) *Observer {
	if cfg.Authorize == nil {
		cfg.Authorize = Local(Look)
	}
	o := &Observer{cfg: cfg, gate: newGate(cfg.Authorize)}
	if cfg.History.For >= 0 {
		o.history = query.NewHistory(cfg.History)
	}
	o.cfg.Recheck = cmp.Or(max(cfg.Recheck, 0), time.Minute)
	return o
}

const (
	topic      = "observer"
	socketPath = "/socket"
	maxPages   = 100 // that are open at a time; more connections, for a page to be told so
)

// newEndpoint makes the endpoint of the pages' socket.
func (o *Observer) newEndpoint() *ws.Endpoint {
	return ws.New(ws.Config{Sockets: []ws.Socket{{
		Path:           socketPath,
		Connect:        o.connect,
		Origins:        o.cfg.Origins,
		MaxMessageSize: 64 << 10,
		MaxQueue:       2 * maxAnswer,
		MaxChannels:    4,
		MaxMessageRate: 100,
		MaxConnections: 2 * maxPages,
		Compress:       true,
		Channels:       ws.Routes{ws.Topic(topic, func() *page { return &page{observer: o} }, pageEvents)},
	}}})
}

// Child returns the observer as a child of a supervisor, with the ID "observer". Put it
// first in a tree, so that it sees the others start. It may be started again when it has
// ended, but runs once at a time.
func (o *Observer) Child() supervisor.Child {
	return supervisor.Child{
		ID:   "observer",
		Type: supervisor.TypeSupervisor,
		Start: func(parent actor.Self) (actor.PID, error) {
			return o.open(parent.System(), func(spec supervisor.Spec) (actor.PID, error) {
				return supervisor.Supervisor("observer", spec).Start(parent)
			})
		},
	}
}

// Start makes an observer and starts it at the top of a system, which stops it at its
// shutdown. It is the short form for tests and small programs. It fails if the system shuts
// down, and if the Config's Cluster does.
func Start(sys *actor.System, cfg Config) (*Observer, error) {
	o := New(cfg)
	_, err := o.open(sys, func(spec supervisor.Spec) (actor.PID, error) {
		tree, err := supervisor.Start(sys, spec, actor.Label("observer"))
		return tree.PID(), err
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

func (o *Observer) open(sys *actor.System, spawn func(supervisor.Spec) (actor.PID, error)) (actor.PID, error) {
	r := &run{sys: sys, log: boundlog.New(sys.Logger()), began: time.Now(), endpoint: o.newEndpoint()}
	r.life, r.over = context.WithCancel(context.Background())
	r.source = query.New(sys, query.Config{
		Endpoints: o.cfg.Endpoints, Trackers: o.cfg.Trackers, Tables: o.cfg.Tables, Peers: o.cfg.Cluster, History: o.history,
	})
	if !o.running.CompareAndSwap(nil, r) {
		r.over()
		return actor.PID{}, errors.New("observer: start: it is running already")
	}
	if o.history != nil {
		r.unrecord = o.history.Record(sys)
	}
	unserve, err := r.source.Serve()
	if err != nil {
		o.end(r)
		return actor.PID{}, err
	}
	r.unserve = unserve
	pid, err := spawn(supervisor.Spec{Children: []supervisor.Child{o.endpointOf(r)}})
	if err != nil {
		o.end(r)
		return actor.PID{}, err
	}
	if e := (&ending{o, r}); !pid.Own(e) {
		e.Release(pid, nil) // it has ended already
	}
	return pid, nil
}

// endpointOf returns the endpoint of a run as a child, which notes its parent first.
func (o *Observer) endpointOf(r *run) supervisor.Child {
	child := r.endpoint.Child()
	start := child.Start
	child.Start = func(parent actor.Self) (actor.PID, error) {
		r.found.Do(func() {
			r.top = parent.PID()
			if o.history != nil {
				o.history.LeaveOut(r.top)
			}
		})
		return start(parent)
	}
	return child
}

// ending ends a run with the observer's supervisor.
type ending struct {
	o *Observer
	r *run
}

// Release implements [actor.Resource].
func (e *ending) Release(actor.PID, error) {
	e.o.end(e.r)
}

func (o *Observer) end(r *run) {
	r.over()
	r.feed.close()
	r.source.Close()
	if r.unrecord != nil {
		r.unrecord()
	}
	if r.unserve != nil {
		r.unserve()
	}
	o.running.CompareAndSwap(r, nil)
}

// errOver says that a session has ended.
var errOver = errors.New("the session is over")

// connect lets a page's socket in.
func (o *Observer) connect(r *ws.Request) (ws.Identity, error) {
	grant, err := o.gate.check(r.Request)
	if err != nil {
		return ws.Identity{}, err
	}
	s := newSession(rand.Text(), &o.gate, r.Request, o.cfg.Recheck, grant)
	return ws.Identity{ID: s.id, Assigns: s}, nil
}
