package pubsub_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// faults are what a callback may do wrong; held is what one that blocks waits for.
var faults = map[string]func(held chan struct{}) error{
	"error":     func(chan struct{}) error { return errors.New("no") },
	"typed nil": func(chan struct{}) error { return (*fs.PathError)(nil) },
	"panic":     func(chan struct{}) error { panic("no") },
	"Goexit":    func(chan struct{}) error { runtime.Goexit(); return nil },
	"block":     func(held chan struct{}) error { <-held; return nil },
}

// rogue is an adapter and a codec of which one method, named by at, has a fault.
type rogue struct {
	pubsub.Adapter
	pubsub.JSON[string]
	at    string
	fault func() error
}

func (r *rogue) try(method string) error {
	if r.at == method && r.fault != nil {
		return r.fault()
	}
	return nil
}

func (r *rogue) Join(to pubsub.Receiver) error {
	if err := r.try("Join"); err != nil {
		return err
	}
	return r.Adapter.Join(to)
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

func (r *rogue) Leave(ctx context.Context) error {
	if err := r.try("Leave"); err != nil {
		return err
	}
	return r.Adapter.Leave(ctx)
}

func (r *rogue) Encode(topic, msg string) ([]byte, error) {
	if err := r.try("Encode"); err != nil {
		return nil, err
	}
	return r.JSON.Encode(topic, msg)
}

func (r *rogue) Decode(topic string, data []byte) (string, error) {
	if err := r.try("Decode"); err != nil {
		return "", err
	}
	return r.JSON.Decode(topic, data)
}

// rogues runs a test with each of the faults in each of the methods. Node is the
// connected PubSub, with a subscriber; peer is another one.
func rogues(t *testing.T, methods []string, test func(t *testing.T, name string, r *rogue, node, peer *member)) {
	for _, method := range methods {
		for name, fault := range faults {
			t.Run(method+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					held := make(chan struct{})
					t.Cleanup(sync.OnceFunc(func() { close(held) }))
					sys := newSystem(t)
					hub := new(pubsub.Hub)
					node, peer := &member{owner: idle(t, sys)}, &member{owner: idle(t, sys)}
					node.Logger, peer.Logger = slog.New(slog.DiscardHandler), failing(t)
					subscribe(t, &node.PubSub, node.owner, "t", &node.in)
					subscribe(t, &peer.PubSub, peer.owner, "t", &peer.in)
					r := &rogue{Adapter: hub.Node("a"), at: method}
					connect(t, &node.PubSub, r, r)
					connect(t, &peer.PubSub, hub.Node("b"), pubsub.JSON[string]{})
					r.fault = func() error { return fault(held) }
					test(t, name, r, node, peer)
				})
			})
		}
	}
}

// What goes wrong on the way out costs the other nodes the message: those who broadcast
// get an error, within a second, and those who subscribe here the message.
func TestFaultOnTheWayOutIsAnError(t *testing.T) {
	rogues(t, []string{"Encode", "Broadcast", "Send"}, func(t *testing.T, name string, r *rogue, node, peer *member) {
		send := func(msg string) error {
			if r.at == "Send" {
				return node.DirectBroadcast("b", "t", msg)
			}
			return node.Broadcast("t", msg)
		}
		want := []string{"t one", "t two", "t three"}
		if r.at == "Send" {
			want = nil
		}
		for i, msg := range []string{"one", "two"} {
			var broadcaster sync.WaitGroup
			returned := false
			start := time.Now()
			broadcaster.Go(func() {
				if err := send(msg); err == nil {
					t.Error("no error")
				} else if (name == "block") != errors.Is(err, pubsub.ErrOverloaded) {
					t.Errorf("error: %v", err)
				}
				returned = true
			})
			broadcaster.Wait()
			if took := time.Since(start); !returned || took > time.Second || i > 0 && took > 0 {
				t.Errorf("returned: %v, after %v", returned, took)
			}
		}
		if name == "block" {
			return // and does so until the end
		}
		r.fault = nil
		expectErr(t, send("three"), nil)
		synctest.Wait()
		node.in.expect(t, want...)
		peer.in.expect(t, "t three")
	})
}

// An adapter that was stuck is used again when it returns.
func TestAdapterThatReturnsAfterAllIsUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := new(pubsub.Hub)
		var node pubsub.PubSub[string]
		r := &rogue{Adapter: hub.Node("a"), at: "Broadcast"}
		connect(t, &node, r, r)
		held := make(chan struct{})
		r.fault = func() error { <-held; return nil }
		for range 3 {
			expectErr(t, node.Broadcast("t", "x"), pubsub.ErrOverloaded)
		}
		close(held)
		synctest.Wait()
		expectErr(t, node.Broadcast("t", "x"), nil)
	})
}

// What goes wrong with one message on its way in costs that message.
func TestFaultOnTheWayInCostsOneMessage(t *testing.T) {
	rogues(t, []string{"Decode"}, func(t *testing.T, name string, r *rogue, node, peer *member) {
		bad := r.fault
		var calls atomic.Int32
		r.fault = func() error {
			if calls.Add(1) == 1 {
				return bad()
			}
			return nil
		}
		for _, msg := range []string{"one", "two"} {
			expectErr(t, peer.Broadcast("t", msg), nil)
		}
		time.Sleep(time.Minute)
		node.in.expect(t, "t two")
	})
}

// A subscriber that fails costs its owner; the others get the message, those of other
// nodes, too, and so does one that comes after it, here and there.
func TestFaultOfASubscriberCostsItsOwner(t *testing.T) {
	const n = 150 // more than two batches
	for name, fault := range faults {
		if name == "error" || name == "typed nil" {
			continue // it returns nothing
		}
		for _, through := range []string{"Deliver", "To"} {
			t.Run(through+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					held := make(chan struct{})
					defer close(held)
					nodes := members(t, 2)
					there := nodes[1]
					there.Logger = slog.New(deafHandler{})
					sys := newSystem(t)
					pids := owners(t, sys, n)
					var good inbox
					isBad := func(i int) bool { return i%60 == 7 }
					want := []string{}
					for i, pid := range pids {
						var s pubsub.Subscriber[string] = &good
						if isBad(i) && through == "Deliver" {
							s = deliver(func(string, string) { _ = fault(held) })
						} else if isBad(i) {
							ref, _ := actor.RefOf[struct{}](pid)
							s = pubsub.To(ref, func(string, string) struct{} { _ = fault(held); return struct{}{} })
						} else {
							want = append(want, "t two")
						}
						subscribe(t, &there.PubSub, pid, "t", s)
					}
					expectErr(t, nodes[0].Broadcast("t", "one"), nil)
					time.Sleep(time.Minute) // far longer than what blocks is waited for
					good.mu.Lock()
					if missed := len(want) - len(good.got); name != "block" && missed > 0 {
						t.Errorf("%d subscribers missed a message", missed)
					}
					good.got = nil
					good.mu.Unlock()
					if name == "block" { // one holds up the message, and is gone for the next
						for range 3 {
							expectErr(t, nodes[0].Broadcast("t", "one"), nil)
							time.Sleep(time.Minute)
						}
						good.mu.Lock()
						good.got = nil
						good.mu.Unlock()
					}
					expectErr(t, nodes[0].Broadcast("t", "two"), nil)
					synctest.Wait()
					good.expect(t, want...)
					for i, pid := range pids {
						if pid.Alive() == isBad(i) {
							t.Errorf("owner %d is alive: %v", i, pid.Alive())
						}
					}
				})
			})
		}
	}
}

// deafHandler is a slog.Handler that does what it must not.
type deafHandler struct{ slog.Handler }

func (deafHandler) Enabled(context.Context, slog.Level) bool { runtime.Goexit(); return false }

// A subscriber that blocks holds up the one that broadcasts to it, and nobody else.
func TestSubscriberThatBlocksHoldsUpOneBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		var ps pubsub.PubSub[string]
		var in, other inbox
		held := make(chan struct{})
		subscribe(t, &ps, idle(t, sys), "t", &in) // comes after it
		bad := idle(t, sys)
		subscribe(t, &ps, bad, "t", deliver(func(string, string) { <-held }))
		subscribe(t, &ps, idle(t, sys), "u", &other)
		go ps.Broadcast("t", "one")
		synctest.Wait()
		ps.BroadcastFrom(bad, "t", "two")
		ps.Broadcast("u", "three")
		in.expect(t, "t two")
		other.expect(t, "u three")
		end(t, bad)
		ps.Broadcast("t", "four")
		in.expect(t, "t four")
		close(held)
		synctest.Wait()
		in.expect(t, "t one")
	})
}

// What is nil is refused where it is given, not when it is needed.
func TestNilIsRefusedAtOnce(t *testing.T) {
	sys := newSystem(t)
	var ps pubsub.PubSub[string]
	owner := idle(t, sys)
	for _, s := range []pubsub.Subscriber[string]{nil, (*inbox)(nil), deliver(nil)} {
		if err := ps.Subscribe(owner, "t", s); err == nil || !strings.Contains(err.Error(), "is nil") {
			t.Errorf("%T: %v", s, err)
		}
	}
	cluster := pubsub.NewCluster(new(pubsub.Hub).Node("a"))
	for _, err := range []error{
		ps.Connect(nil, "x", pubsub.JSON[string]{}),
		ps.Connect(cluster, "x", nil), ps.Connect(cluster, "x", (*rogue)(nil)),
	} {
		if err == nil || !strings.Contains(err.Error(), "is nil") {
			t.Errorf("connected: %v", err)
		}
	}
	expectEmpty(t, &ps, "t")
	for name, f := range map[string]func(){
		"To":                     func() { pubsub.To[int, string](actor.Ref[int]{}, nil) },
		"SubscribeTo":            func() { _ = pubsub.SubscribeTo[int](&ps, actor.Ref[int]{}, "t", nil) },
		"NewCluster":             func() { pubsub.NewCluster(nil) },
		"NewCluster, a pointer,": func() { pubsub.NewCluster((*rogue)(nil)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s took nil", name)
				}
			}()
			f()
		}()
	}
}
