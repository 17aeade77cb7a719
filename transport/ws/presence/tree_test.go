package presence_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// part returns a child of a tracker, or the zero PID while there is none.
func part(who *presence.Tracker, id string) actor.PID {
	tree, _ := supervisor.TreeOf(who.PID())
	info, _ := tree.Child(context.Background(), id)
	return info.PID
}

// often allows as many restarts as a test causes.
var often = supervisor.Spec{Intensity: 1000, Period: time.Second}

func with(s supervisor.Strategy) supervisor.Spec {
	spec := often
	spec.Strategy = s
	return spec
}

// A tracker that is restarted knows nobody. The channels that were present join again, and
// come back with their presence; a client that only looks on is told of all that.
func TestPresencesComeBackWithTheirChannels(t *testing.T) {
	killed := func(s *site) { s.who.PID().Exit(actor.Kill) }
	for name, c := range map[string]struct {
		strategy supervisor.Strategy
		damage   func(*site)
	}{
		"it is killed":               {supervisor.OneForOne, killed},
		"it is killed, rest for one": {supervisor.RestForOne, killed},
		"it is killed, one for all":  {supervisor.OneForAll, killed},
		"its teller is killed too often": {supervisor.OneForOne, func(s *site) {
			for first := s.who.PID(); s.who.PID() == first; {
				if pid := part(s.who, "teller 0"); !pid.IsZero() {
					pid.Exit(actor.Kill)
					<-pid.Done()
				}
			}
		}},
		"it is shut down": {supervisor.OneForOne, func(s *site) { s.who.Shutdown(context.Background()) }},
		"one before it is killed, rest for one": {supervisor.RestForOne, func(s *site) {
			info, _ := s.tree.Child(context.Background(), "before")
			info.PID.Exit(actor.Kill)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveIn(t, with(c.strategy), presence.Config{})
			ann, bob, nobody := s.enter("ann"), s.enter("bob"), s.enter("nobody")
			for _, g := range []*guest{ann, bob, nobody} {
				g.sees("ann here, bob here")
			}
			ref := nobody.seesAnother("ann", "")
			c.damage(s)
			nobody.seesAnother("ann", ref)
			for _, g := range []*guest{ann, bob, nobody} {
				g.sees("ann here, bob here")
			}
			ann.push("status", meta{Status: "away"})
			for _, g := range []*guest{ann, bob, nobody} {
				g.sees("ann away', bob here")
			}
		})
	}
}

// plant starts a tracker in a tree, in a bubble.
func plant(t *testing.T, cfg presence.Config, backoff supervisor.Backoff) *watched {
	t.Helper()
	w := &watched{t: t, sys: actortest.NewSystem(t)}
	if cfg.OnDiff == nil {
		cfg.OnDiff = w.note
	}
	w.Tracker = presence.New(cfg)
	child := w.Child()
	child.Backoff = backoff
	spec := often
	spec.Children = []supervisor.Child{child}
	if _, err := supervisor.Start(w.sys, spec); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestRestartTellsThatAllHaveLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := plant(t, presence.Config{}, supervisor.Backoff{})
		ann, bob := w.member("room"), w.member("hall")
		w.track(ann, "ann")
		w.track(bob, "bob")
		w.track(bob, "bert")
		w.Untrack(bob, "bert")
		bystander := w.member("room")
		w.track(bystander, "by")
		w.Untrack(bystander, "by")
		w.forget()
		w.PID().Exit(actor.Kill)
		w.expect("room+[]-[ann*]", "hall+[]-[bob*]")
		for _, o := range []presence.Owner{ann, bob} {
			if err := o.PID().Err(); !errors.Is(err, actor.Killed) || !strings.Contains(err.Error(), "the tracker has ended") {
				t.Errorf("the end of who was present: %v", err)
			}
		}
		if !bystander.PID().Alive() {
			t.Error("an actor has ended that was present no more")
		}
		w.present("room", "[]")
		w.track(bystander, "ann")
		w.present("room", "[ann*]")
		w.expect("room+[ann*]-[]")
	})
}

func TestTrackerThatIsDownSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := plant(t, presence.Config{}, supervisor.Backoff{Min: time.Minute})
		w.PID().Exit(actor.Kill)
		synctest.Wait()
		downIs := func(when string, who *presence.Tracker) {
			ann := w.member("room")
			who.Untrack(ann, "ann")
			who.UntrackAll(ann)
			_, track := who.Track(ann, "ann", nil)
			_, update := who.Update(ann, "ann", nil)
			_, edit := presence.Edit(who, ann, "ann", func(*meta) {})
			_, list := who.List(t.Context(), "room")
			_, get := who.Get(t.Context(), "room", "ann")
			for i, err := range []error{track, update, edit, list, get} {
				if !errors.Is(err, actor.NoProc) {
					t.Errorf("%s, %d: %v", when, i, err)
				}
			}
			if pid := who.PID(); !pid.IsZero() {
				t.Errorf("%s it is %v", when, pid)
			}
			if err := who.Shutdown(t.Context()); err != nil {
				t.Errorf("%s: %v", when, err)
			}
		}
		downIs("before its start", presence.New(presence.Config{}))
		downIs("while it is down", w.Tracker)
		time.Sleep(2 * time.Minute)
		w.track(w.member("room"), "ann")
		w.present("room", "[ann*]")
	})
}

func TestTrackerRunsOnce(t *testing.T) {
	who := presence.New(presence.Config{})
	spec := supervisor.Spec{Children: []supervisor.Child{who.Child()}}
	here, there := actortest.NewSystem(t), actortest.NewSystem(t)
	if _, err := supervisor.Start(here, spec); err != nil {
		t.Fatal(err)
	}
	if _, err := supervisor.Start(there, spec); err == nil || !strings.HasSuffix(err.Error(), "presence: start: it is running already") {
		t.Errorf("started a second time: %v", err)
	}
	if err := here.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := supervisor.Start(there, spec); err != nil {
		t.Errorf("started again when it had ended: %v", err)
	}
}

// An endpoint that does not run is let go, and one that runs again is served again.
func TestTrackerHoldsNoEndpointThatIsDown(t *testing.T) {
	sys := actortest.NewSystem(t)
	who := presence.New(presence.Config{})
	if _, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{who.Child()}}); err != nil {
		t.Fatal(err)
	}
	cfg := ws.Config{Trackers: []ws.Tracker{who}, Sockets: []ws.Socket{{
		Path: "/socket", Channels: ws.Routes{ws.Topic("*", func() joiner { return nil }, nil)},
	}}}
	for range 2 {
		endpoint, err := ws.Start(sys, cfg)
		if err != nil {
			t.Fatal(err)
		}
		other, err := ws.Start(sys, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if n := who.Served(); n != 2 {
			t.Errorf("%d endpoints are served, want 2", n)
		}
		for _, e := range []*ws.Endpoint{endpoint, other} {
			if err := e.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if n := who.Served(); n != 0 {
			t.Errorf("%d endpoints are held that are down", n)
		}
	}
	cfg.DrainBatch = -1
	if _, err := ws.Start(sys, cfg); err == nil || who.Served() != 0 {
		t.Errorf("%v, %d endpoints are held that did not start", err, who.Served())
	}
}

// What an endpoint has not been told of cannot go unnoticed.
func TestChannelOfAnEndpointWithoutTheTracker(t *testing.T) {
	sys := actortest.NewSystem(t)
	who, err := presence.Start(sys, presence.Config{})
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error, 2)
	wstest.NewClient(t, wstest.NewEndpoint(t, ws.Socket{
		Path: "/socket",
		Channels: ws.Routes{ws.Topic("room:*", func() joiner {
			return func(c *ws.Channel) {
				_, err := who.Track(c, "ann", nil)
				errs <- err
				errs <- who.PushState(c)
			}
		}, nil)},
	}), "/socket", ws.Identity{}).Join("room:1", nil)
	const why = "the channel's endpoint does not have this Tracker in its Config.Trackers"
	for _, want := range []string{`presence: track "ann" in "room:1": ` + why, `presence: state of "room:1": ` + why} {
		if err := <-errs; err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// joiner is a channel that does something when its client is in.
type joiner func(*ws.Channel)

func (f joiner) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	c.Continue(func(c *ws.Channel) error { f(c); return nil })
	return nil, nil
}

// Parts of the tree are killed in any order, while actors come and go. When that is over,
// those that were let in and live are present, nobody else is, and OnDiff has been told so.
func TestTrackerSurvivesWhateverIsKilled(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 13))
				var mu sync.Mutex
				seen := map[string]bool{} // refs
				w := plant(t, presence.Config{PoolSize: 2, OnDiff: func(d presence.Diff) {
					mu.Lock()
					defer mu.Unlock()
					for _, e := range d.Leaves {
						for _, m := range e.Metas {
							delete(seen, m.Ref)
						}
					}
					for _, e := range d.Joins {
						for _, m := range e.Metas {
							seen[m.Ref] = true
						}
					}
				}}, supervisor.Backoff{})
				topics := []string{"a", "b", "c"}
				tracked := map[presence.Owner]string{} // and by which ref
				lossy := seed%2 == 1                   // a crash may overtake what is to be told
				for range 60 {
					if !lossy || rnd.IntN(2) == 0 {
						synctest.Wait()
					}
					switch rnd.IntN(8) {
					case 0:
						w.PID().Exit(actor.Kill)
					case 1:
						if lossy {
							part(w.Tracker, fmt.Sprint("teller ", rnd.IntN(2))).Exit(actor.Kill)
						}
					case 2:
						go w.Shutdown(context.Background())
					case 3:
						for o := range tracked {
							o.PID().Exit(actor.Kill)
							break
						}
					default:
						o := w.member(topics[rnd.IntN(len(topics))])
						if ref, err := w.Track(o, "key", nil); err == nil {
							tracked[o] = ref
						}
					}
				}
				synctest.Wait()
				want := map[string]bool{}
				for o, ref := range tracked {
					if o.PID().Alive() {
						want[ref] = true
					}
				}
				got := map[string]bool{}
				for _, topic := range topics {
					list, err := w.List(t.Context(), topic)
					if err != nil {
						t.Fatal(err)
					}
					for _, m := range list["key"].Metas {
						got[m.Ref] = true
					}
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("present %v\nwant    %v", got, want)
				}
				if !lossy && fmt.Sprint(seen) != fmt.Sprint(want) {
					t.Errorf("told    %v\nwant    %v", seen, want)
				}
				w.track(w.member("a"), "last")
			})
		})
	}
}
