package presence_test

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// faults are what a callback may do wrong; held is what one that blocks waits for.
var faults = map[string]func(held chan struct{}) error{
	"error":     func(chan struct{}) error { return errors.New("no") },
	"typed nil": func(chan struct{}) error { return (*fs.PathError)(nil) },
	"panic":     func(chan struct{}) error { panic("no") },
	"Goexit":    func(chan struct{}) error { runtime.Goexit(); return nil },
	"block":     func(held chan struct{}) error { <-held; return nil },
}

// times is more often than a supervisor would restart an actor that crashes.
const times = 10

// culprit is the configuration of a tracker of which one callback has a fault, in all
// that concerns the topic or the owner "bad".
type culprit struct {
	config presence.Config
	// act has the callback called, if tracking somebody in "bad" does not do so.
	act func(w *watched, bad presence.Owner)
	// deaf says that OnDiff itself is at fault, so that it is no witness.
	deaf bool
}

func culprits(fault func() error) map[string]culprit {
	bad := func(topic string) error {
		if topic == "bad" {
			return fault()
		}
		return nil
	}
	do := func(f func(w *watched, bad presence.Owner)) culprit { return culprit{act: f} }
	return map[string]culprit{
		"Fetch": {config: presence.Config{
			Fetch: func(_ context.Context, topic string, _ map[string]presence.Entry) (map[string]any, error) {
				return nil, bad(topic)
			},
		}},
		"Fetch for a list": {config: presence.Config{
			Fetch: func(_ context.Context, topic string, _ map[string]presence.Entry) (map[string]any, error) {
				return nil, bad(topic)
			},
		}, act: func(w *watched, bad presence.Owner) {
			if _, err := w.List(context.Background(), bad.Topic()); err == nil {
				w.t.Error("the list hides that Fetch failed")
			}
			if _, err := w.Get(context.Background(), bad.Topic(), "ann"); err == nil {
				w.t.Error("Get hides that Fetch failed")
			}
		}},
		"a value that Fetch returns": {config: presence.Config{
			Fetch: func(_ context.Context, topic string, _ map[string]presence.Entry) (map[string]any, error) {
				if topic != "bad" {
					return nil, nil
				}
				return map[string]any{"ann": marshaler(fault)}, nil
			},
		}},
		"OnDiff": {deaf: true, config: presence.Config{OnDiff: func(d presence.Diff) { _ = bad(d.Topic) }}},
		"a meta": do(func(w *watched, bad presence.Owner) { _, _ = w.Track(bad, "meta", marshaler(fault)) }),
		"an edit": do(func(w *watched, bad presence.Owner) {
			_, _ = presence.Edit(w.Tracker, bad, "ann", func(*meta) { _ = fault() })
		}),
		"an owner's PID":   do(func(w *watched, bad presence.Owner) { _, _ = w.Track(owner{bad, fault, nil}, "bob", nil) }),
		"an owner's topic": do(func(w *watched, bad presence.Owner) { _, _ = w.Track(owner{bad, nil, fault}, "bob", nil) }),
		"an owner's PID, untracked": do(func(w *watched, bad presence.Owner) {
			w.UntrackAll(owner{bad, fault, nil})
		}),
		"an owner's PID, updated": do(func(w *watched, bad presence.Owner) {
			_, _ = w.Update(owner{bad, fault, nil}, "ann", nil)
		}),
	}
}

// marshaler is a value that does not marshal.
type marshaler func() error

func (m marshaler) MarshalJSON() ([]byte, error) { return []byte("{}"), m() }

// owner is an owner whose methods have a fault, if they are not nil.
type owner struct {
	presence.Owner
	pid, topic func() error
}

func (o owner) PID() actor.PID {
	if o.pid != nil {
		_ = o.pid()
	}
	return o.Owner.PID()
}

func (o owner) Topic() string {
	if o.topic != nil {
		_ = o.topic()
	}
	return o.Owner.Topic()
}

// Whatever a callback does wrong, and however often, costs the one who gave it: others
// join, are listed, and are told of at once; and what is told of the culprit's topic is
// complete, but for what could not be had.
func TestFaultOfACallbackCostsNobodyElse(t *testing.T) {
	for name := range culprits(nil) {
		for kind, fault := range faults {
			t.Run(name+", "+kind, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					held := make(chan struct{})
					defer close(held)
					c := culprits(func() error { return fault(held) })[name]
					w := start(t, c.config)
					bad, good := w.member("bad"), w.member("room")
					want := []string{}
					for range times {
						w.track(bad, "ann")
						w.Untrack(bad, "ann")
						want = append(want, "bad+[ann*]-[]", "bad+[]-[ann*]")
					}
					w.track(bad, "ann")
					want = append(want, "bad+[ann*]-[]")
					if c.act != nil {
						for range times {
							go func() {
								defer func() { _ = recover() }()
								c.act(w, bad)
							}()
						}
					}
					synctest.Wait()
					start := time.Now()
					w.track(good, "bob")
					w.present("room", "[bob*]")
					if took := time.Since(start); took > 0 {
						t.Errorf("an innocent was held up for %v", took)
					}
					if c.deaf {
						return
					}
					w.mu.Lock()
					if n := len(w.diffs); n == 0 || w.diffs[n-1] != "room+[bob*]-[]" {
						t.Errorf("an innocent was not told of at once: %q", w.diffs)
					}
					w.mu.Unlock()
					time.Sleep(time.Minute)
					w.mu.Lock()
					got := []string{}
					for _, d := range w.diffs {
						if d != "room+[bob*]-[]" && d != "bad+[meta*]-[]" && d != "bad+[bob*]-[]" && len(got) < len(want) {
							got = append(got, d)
						}
					}
					w.mu.Unlock()
					for i, d := range want {
						if i >= len(got) || got[i] != d {
							t.Errorf("of the culprit's topic was told\n%q, want\n%q", got, want)
							break
						}
					}
				})
			})
		}
	}
}

// OnDiff that fails costs a diff, and one that blocks what comes after: the clients are
// told all the same, which shows in what is fetched for them.
func TestFaultOfOnDiffKeepsNobodyFromBeingTold(t *testing.T) {
	for kind, fault := range faults {
		t.Run(kind, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				held := make(chan struct{})
				defer close(held)
				var fetched, seen atomic.Int32
				w := start(t, presence.Config{
					Fetch: func(context.Context, string, map[string]presence.Entry) (map[string]any, error) {
						fetched.Add(1)
						return nil, nil
					},
					OnDiff: func(presence.Diff) { seen.Add(1); _ = fault(held) },
				})
				ann := w.member("room")
				for range times {
					w.track(ann, "ann")
					w.Untrack(ann, "ann")
				}
				synctest.Wait()
				if n := fetched.Load(); n != 2*times {
					t.Errorf("%d diffs were told, want %d", n, 2*times)
				}
				n := int32(2 * times)
				if kind == "block" {
					n = 1
				}
				if seen.Load() != n {
					t.Errorf("OnDiff saw %d diffs, want %d", seen.Load(), n)
				}
			})
		})
	}
}

// Diffs that come while OnDiff is far behind are lost to it, and not kept.
func TestOnDiffThatBlocksDoesNotFillTheMemory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		held := make(chan struct{})
		var seen atomic.Int32
		w := start(t, presence.Config{OnDiff: func(presence.Diff) { seen.Add(1); <-held }})
		ann := w.member("room")
		const n = 12_000
		for range n / 2 {
			w.track(ann, "ann")
			w.Untrack(ann, "ann")
		}
		synctest.Wait()
		close(held)
		synctest.Wait()
		if got := seen.Load(); got != 10_001 {
			t.Errorf("OnDiff saw %d diffs of %d, want 10,001", got, n)
		}
	})
}

// rogue is an adapter of which one method, named by at, has a fault.
type rogue struct {
	pubsub.Adapter
	at    string
	fault func() error
}

func (r *rogue) try(method string) error {
	if r.at == method {
		return r.fault()
	}
	return nil
}

func (r *rogue) Broadcast(topic string, data []byte) error {
	if err := r.try("Broadcast"); err != nil {
		return err
	}
	return r.Adapter.Broadcast(topic, data)
}

func (r *rogue) Send(node, topic string, data []byte) error {
	if err := r.try("Send"); err != nil {
		return err
	}
	return r.Adapter.Send(node, topic, data)
}

// An adapter that fails costs the other nodes what this one has to say; nobody here
// notices, nor do the other nodes miss anything of each other.
func TestFaultOfAnAdapterStaysWithTheOtherNodes(t *testing.T) {
	for _, method := range []string{"Broadcast", "Send"} {
		for kind, fault := range faults {
			t.Run(method+", "+kind, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					held := make(chan struct{})
					release := sync.OnceFunc(func() { close(held) })
					defer release()
					var hub pubsub.Hub
					var faulty atomic.Bool
					faulty.Store(true)
					r := &rogue{Adapter: hub.Node("a"), at: method, fault: func() error {
						if faulty.Load() {
							return fault(held)
						}
						return nil
					}}
					a := start(t, presence.Config{Cluster: pubsub.NewCluster(r)})
					b, c := join(t, &hub, "b", presence.Config{}), join(t, &hub, "c", presence.Config{})
					for range times {
						ann := a.member("room")
						a.track(ann, "ann")
						a.Untrack(ann, "ann")
						a.expect("room+[ann*]-[]", "room+[]-[ann*]")
						time.Sleep(soon)
					}
					b.track(b.member("room"), "bob")
					a.track(a.member("room"), "ann")
					time.Sleep(soon)
					c.present("room", map[bool]string{true: "[bob*]", false: "[ann* bob*]"}[method == "Broadcast"])
					faulty.Store(false)
					release()
					time.Sleep(time.Minute)
					b.present("room", "[ann* bob*]")
					c.present("room", "[ann* bob*]")
				})
			})
		}
	}
}

// A tracker does not need the cluster to run: it tracks here, and the other nodes hear of
// it when the node is a member, also after its membership has been killed.
func TestTrackerWithoutMembership(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var hub pubsub.Hub
		b := join(t, &hub, "b", presence.Config{})
		cluster := pubsub.NewCluster(hub.Node("a"))
		w := &watched{t: t, sys: actortest.NewSystem(t)}
		var err error
		if w.Tracker, err = presence.Start(w.sys, presence.Config{Cluster: cluster, OnDiff: w.note}); err != nil {
			t.Fatal(err)
		}
		for _, user := range []string{"ann", "bob"} {
			w.track(w.member("room"), user)
			w.expect("room+[" + user + "*]-[]")
			time.Sleep(time.Minute)
			b.present("room", "[]") // it has not heard of a, or not for a minute
			member, err := actor.Spawn(w.sys, cluster.Behavior)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			b.present("room", map[string]string{"ann": "[ann*]", "bob": "[ann* bob*]"}[user])
			member.PID().Exit(actor.Kill)
			<-member.PID().Done()
			synctest.Wait()
		}
	})
}
