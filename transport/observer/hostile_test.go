package observer_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/registry/view"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// fault is something that fails in one way when it is called, from when it is armed. A nil
// one panics, as any method of a nil pointer that needs what it points to.
type fault struct {
	how     string
	armed   atomic.Bool
	release chan struct{} // closed when what blocks shall block no more
}

func (f *fault) strike() string {
	if f.armed.Load() {
		switch f.how {
		case "panics":
			panic("a fault")
		case "exits":
			runtime.Goexit()
		case "blocks":
			<-f.release
		}
	}
	return "a fault"
}

// Each of these has one method of users that is asked for what it shows.
type (
	badState   struct{ *fault }
	badLabel   struct{ *fault }
	badReason  struct{ *fault }
	badMessage struct{ *fault }
	badWrapper struct{ *fault }
	badPeers   struct {
		*fault
		at string
	}
)

func (b badState) Receive(*actor.Context[any], any) error   { return nil }
func (b badLabel) Receive(*actor.Context[any], any) error   { return nil }
func (b badWrapper) Receive(*actor.Context[any], any) error { return nil }

func (b badState) LogValue() slog.Value    { return slog.StringValue(b.strike()) }
func (b badLabel) ActorLabel() string      { return b.strike() }
func (b *badReason) Error() string         { return b.strike() }
func (b *badMessage) String() string       { return b.strike() }
func (b badWrapper) Wrapped() reflect.Type { b.strike(); return reflect.TypeFor[int]() }

func (b badPeers) fails(at string) {
	if at == b.at {
		b.strike()
	}
}

func (b badPeers) Self() string { b.fails("Self"); return "a" }

func (b badPeers) Nodes(context.Context) ([]string, error) {
	b.fails("Nodes")
	return []string{"a", "b"}, nil
}

func (b badPeers) Ask(context.Context, string, []byte) ([]byte, error) {
	b.fails("Ask")
	return nil, errors.New("no")
}

func (b badPeers) Serve(func(context.Context, []byte) []byte) (func(), error) {
	b.fails("Serve")
	return func() { b.fails("stop") }, nil
}

// hostilePage is a page in a bubble, of a program whose code fails.
type hostilePage struct {
	t    *testing.T
	sys  *actor.System
	room *wstest.Channel
}

// asks asks a question, which must be answered in time, whatever the answer is.
func (p *hostilePage) asks(event string, q any) {
	p.t.Helper()
	start := time.Now()
	ref := p.room.Push(event, q)
	p.room.AssertReply(ref, "ok")
	if took := time.Since(start); took > 9*time.Second {
		p.t.Errorf("%s is answered after %v", event, took)
	}
}

func (p *hostilePage) refused(event string, q any) {
	p.t.Helper()
	start := time.Now()
	ref := p.room.Push(event, q)
	p.room.AssertReply(ref, "error")
	if took := time.Since(start); took > 9*time.Second {
		p.t.Errorf("%s is refused after %v", event, took)
	}
}

func spawnAny[B actor.Behavior[any]](t *testing.T, sys *actor.System, b B) actor.Ref[any] {
	t.Helper()
	ref, err := actor.Spawn(sys, func() B { return b })
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// Wherever users' code is asked for what is shown, it may panic, call Goexit, be a method of a
// nil pointer, or never return: the question is answered in time, and the page goes on.
func TestAPageSurvivesUsersCode(t *testing.T) {
	ends := func(_ *actor.Context[any], m any) error {
		if err, ok := m.(error); ok {
			return err
		}
		return nil
	}
	for name, call := range map[string]struct {
		config func(*fault, *observer.Config) // nil: users' code is a method, which may be of a nil pointer
		ask    func(*hostilePage, *fault)
	}{
		"LogValue of a state": {ask: func(p *hostilePage, f *fault) {
			ref := spawnAny(p.t, p.sys, badState{f})
			p.asks("actor", query.ActorRequest{PID: ref.String()})
			time.Sleep(5 * time.Second) // of the bubble: so long the actor is held up at most
			actortest.Sync(p.t, ref.PID())
		}},
		"ActorLabel": {ask: func(p *hostilePage, f *fault) {
			ref := spawnAny(p.t, p.sys, badLabel{f})
			p.asks("tree", query.TreeRequest{})
			p.asks("actor", query.ActorRequest{PID: ref.String()})
			p.asks("top", query.TopRequest{Filter: "nothing"})
			p.asks("tree", query.TreeRequest{Filter: "nothing"})
		}},
		"Wrapped": {ask: func(p *hostilePage, f *fault) {
			ref := spawnAny(p.t, p.sys, badWrapper{f})
			p.asks("tree", query.TreeRequest{})
			p.asks("actor", query.ActorRequest{PID: ref.String()})
		}},
		"Error of a reason": {ask: func(p *hostilePage, f *fault) {
			ref := spawnAny(p.t, p.sys, actor.BehaviorFunc[any](ends))
			p.asks("tree", query.TreeRequest{})
			p.asks("trace", map[string]any{"pid": ref.String(), "on": true})
			if f != nil { // the actor is held up by one that blocks: what is meant is one that does later
				f.armed.Store(false)
			}
			ref.Send(&badReason{f})
			<-ref.PID().Done()
			if f != nil {
				f.armed.Store(true)
			}
			p.room.Within(time.Minute).AssertPush("traceEnded", wstest.Partial{"pid": ref.String()})
			p.asks("crashes", query.CrashesRequest{})
			p.asks("timeline", query.TimelineRequest{})
		}},
		"String of a message": {ask: func(p *hostilePage, f *fault) {
			ref := spawnAny(p.t, p.sys, actor.BehaviorFunc[any](ends))
			p.asks("trace", map[string]any{"pid": ref.String(), "on": true})
			ref.Send(&badMessage{f})
			p.room.Within(time.Minute).AssertPush("traced", wstest.Partial{"pid": ref.String()})
			actortest.Sync(p.t, ref.PID())
		}},
		"Rows of a table": {
			config: func(f *fault, c *observer.Config) {
				c.Tables = []view.Table{{Name: "bad", Rows: func(context.Context, string, int) ([][]string, int, error) {
					return nil, 0, errors.New(f.strike())
				}}}
			},
			ask: func(p *hostilePage, _ *fault) {
				p.refused("table", query.TableRequest{Name: "bad"})
				p.refused("table", query.TableRequest{Name: "bad"})
			},
		},
		"Error of a table's error": {
			config: func(f *fault, c *observer.Config) {
				c.Tables = []view.Table{{Name: "bad", Rows: func(context.Context, string, int) ([][]string, int, error) {
					return nil, 0, &badReason{f}
				}}}
			},
			ask: func(p *hostilePage, _ *fault) { p.refused("table", query.TableRequest{Name: "bad"}) },
		},
		"Self of the cluster":  {config: ofPeers("Self"), ask: askPeers},
		"Nodes of the cluster": {config: ofPeers("Nodes"), ask: askPeers},
		"Ask of the cluster":   {config: ofPeers("Ask"), ask: askPeers},
		"the end of Serve":     {config: ofPeers("stop"), ask: askPeers},
		"Authorize, before an act": {
			config: func(f *fault, c *observer.Config) {
				c.Authorize = func(*http.Request) (observer.Grant, error) {
					f.strike()
					return observer.Grant{Rights: observer.Act}, nil
				}
			},
			ask: func(p *hostilePage, f *fault) {
				ref := spawnAny(p.t, p.sys, actor.BehaviorFunc[any](ends))
				p.refused("act", map[string]string{"pid": ref.String(), "act": "kill"})
				if !ref.PID().Alive() {
					p.t.Error("it has been killed")
				}
				f.armed.Store(false)
				p.room = nil // it is over
			},
		},
	} {
		for _, how := range []string{"panics", "exits", "blocks", "is nil"} {
			if how == "is nil" && call.config != nil {
				continue
			}
			t.Run(name+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := &fault{how: how, release: make(chan struct{})}
					defer close(f.release)
					sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
					cfg := observer.Config{Authorize: lets(observer.Act)}
					given := f
					if how == "is nil" {
						given = nil
					}
					if call.config != nil {
						call.config(f, &cfg)
					}
					o, err := observer.Start(sys, cfg)
					if err != nil {
						t.Fatal(err)
					}
					_, room := join(t, o)
					p := &hostilePage{t, sys, room.Within(time.Minute)}
					f.armed.Store(true)
					call.ask(p, given)
					if p.room != nil {
						p.asks("tree", query.TreeRequest{})
						ref := spawnAny(t, sys, actor.BehaviorFunc[any](ends))
						p.asks("actor", query.ActorRequest{PID: ref.String()})
					}
					start := time.Now()
					if err := sys.Shutdown(context.Background()); err != nil {
						t.Error(err)
					}
					if took := time.Since(start); took > 20*time.Second {
						t.Errorf("the system has shut down after %v", took)
					}
				})
			})
		}
	}
}

func ofPeers(at string) func(*fault, *observer.Config) {
	return func(f *fault, c *observer.Config) { c.Cluster = badPeers{f, at} }
}

func askPeers(p *hostilePage, f *fault) {
	p.asks("cluster", query.ClusterRequest{})
	p.refused("top", map[string]any{"node": "b"})
}
