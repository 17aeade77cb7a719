package nats

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// standIn has a node of a simulated cluster stand by for "boss", in the time of a bubble.
func standIn(t *testing.T, n *simNode, edit func(*stage, *Singleton[string, book])) *stage {
	t.Helper()
	s := &stage{
		began: make(chan beginning, 10), ended: make(chan error, 10), last: make(chan book, 10),
		handOff: func(b *boss) (book, error) { return b.book, nil },
	}
	single := Singleton[string, book]{Name: "boss"}
	single.New = func(tenure *Tenure, handed *book) actor.Behavior[string] {
		s.init = func(ctx *actor.Context[string]) error {
			s.began <- beginning{ctx.Self(), tenure, handed}
			return nil
		}
		return &boss{stage: s, tenure: tenure, book: *cmp.Or(handed, new(book))}
	}
	if edit != nil {
		edit(s, &single)
	}
	o := &simOffice{simNode: n}
	child := single.child(func() (office[string], error) { return o, nil })
	var err error
	if s.sup, err = supervisor.Start(n.sys, supervisor.Spec{Children: []supervisor.Child{child}}); err != nil {
		t.Fatal(err)
	}
	return s
}

// However NATS loses the bucket, the actor goes on, and what it hands off then is what the next one
// begins with, when others may have the name in the new one.
func TestStateGoesOnInANewBucket(t *testing.T) {
	const lease = 15 * time.Second
	for how := range losses {
		t.Run(fmt.Sprint("loss ", how), func(t *testing.T) {
			simulated(t, func(t *testing.T, s *simServer, nodes []*simNode) {
				a := standIn(t, nodes[0], nil)
				first := await(t, a.began)
				b := standIn(t, nodes[1], nil)
				first.ref.Send("one")
				first.settled(t)
				time.Sleep(lease)
				s.lose(how)
				lost := time.Now()
				if len(a.ended) > 0 || !first.tenure.Valid() {
					t.Error("it does not go on")
				}
				a.stop(t)
				second := await(t, b.began)
				second.expectHanded(t, "one")
				if took := time.Since(lost); took > lease+time.Second {
					t.Errorf("the next one has begun after %v", took)
				}
				if second.tenure.Token() <= first.tenure.Token() {
					t.Errorf("token %d after %d", second.tenure.Token(), first.tenure.Token())
				}
				b.stop(t)
			}, lease, lease)
		})
	}
}

// What cannot be handed off is lost, and said so; the name goes on all the same.
func TestStateThatCannotBeHandedOffIsLost(t *testing.T) {
	type edit = func(hang chan struct{}, s *stage, single *Singleton[string, book])
	state := func(do func(hang chan struct{}) error) edit {
		return func(hang chan struct{}, _ *stage, s *Singleton[string, book]) {
			s.State = faultyCodec{func() error { return do(hang) }}
		}
	}
	handOff := func(do func(hang chan struct{}) error) edit {
		return func(hang chan struct{}, s *stage, _ *Singleton[string, book]) {
			s.handOff = func(*boss) (book, error) { return book{}, do(hang) }
		}
	}
	fails := func(chan struct{}) error { return errCut }
	panics := func(chan struct{}) error { panic("the boss") }
	hangs := func(hang chan struct{}) error { <-hang; return nil }
	exits := func(chan struct{}) error { runtime.Goexit(); return nil }
	for name, c := range map[string]struct {
		giver, taker edit
	}{
		"HandOff fails":              {giver: handOff(fails)},
		"HandOff panics":             {giver: handOff(panics)},
		"HandOff hangs":              {giver: handOff(hangs)},
		"HandOff exits":              {giver: handOff(exits)},
		"the error of HandOff hangs": {giver: handOff(func(hang chan struct{}) error { return hangingError(hang) })},
		"it is too large":            {giver: func(_ chan struct{}, _ *stage, s *Singleton[string, book]) { s.MaxState = 10 }},
		"Encode fails":               {giver: state(fails)},
		"Encode panics":              {giver: state(panics)},
		"Encode hangs":               {giver: state(hangs)},
		"Encode exits":               {giver: state(exits)},
		"Decode fails":               {taker: state(fails)},
		"Decode panics":              {taker: state(panics)},
		"Decode hangs":               {taker: state(hangs)},
		"Decode exits":               {taker: state(exits)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, hang := make(logLines, 20), make(chan struct{})
				s := &simServer{log: errorsTo(log)}
				sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
				var stages []*stage
				var nodes []*simNode
				for i, e := range []edit{c.giver, c.taker} {
					n := newSimNode(s, string(rune('a'+i)), 1, sys, defaultLease, 0)
					nodes = append(nodes, n)
					stages = append(stages, standIn(t, n, func(s *stage, single *Singleton[string, book]) {
						if e != nil {
							e(hang, s, single)
						}
					}))
					if i == 0 {
						first := await(t, stages[0].began)
						first.ref.Send("one")
						first.settled(t)
					}
				}
				if took := stages[0].stop(t); took > defaultShutdown {
					t.Errorf("stopped after %v", took)
				}
				await(t, stages[1].began).expectHanded(t)
				if line := await(t, log); !strings.Contains(line, "state of a singleton lost") {
					t.Errorf("logged %s", line)
				}
				close(hang)
				for _, n := range nodes {
					n.kill()
				}
				if err := sys.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Minute) // all that is on its way has come
			})
		})
	}
}

// So is what NATS refuses.
func TestStateThatNATSRefusesIsLost(t *testing.T) {
	s, cluster, log := startServer(t), prefix(), make(logLines, 20)
	config := NamesConfig{Lease: time.Hour, Logger: errorsTo(log)}
	na, nb := newNode(t, s, cluster, "a", config), newNode(t, s, cluster, "b", config)
	a := stand(t, na, func(s *stage, single *Singleton[string, book]) {
		single.MaxState = 100 << 20
		s.handOff = func(*boss) (book, error) { return book{[]string{strings.Repeat("x", 2<<20)}}, nil }
	})
	await(t, a.began)
	b := stand(t, nb, nil)
	a.stop(t)
	await(t, b.began).expectHanded(t)
	if line := await(t, log); !strings.Contains(line, "state of a singleton lost") {
		t.Errorf("logged %s", line)
	}
}

// errorsTo returns a logger of what is an error at least.
func errorsTo(log logLines) *slog.Logger {
	return slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelError}))
}

// hangingError is an error that does not tell its text until the channel is closed.
type hangingError chan struct{}

func (e hangingError) Error() string {
	<-e
	return "late"
}

// faultyCodec is JSON's but for what it does first.
type faultyCodec struct{ do func() error }

func (c faultyCodec) Encode(topic string, b book) ([]byte, error) {
	if err := c.do(); err != nil {
		return nil, err
	}
	return pubsub.JSON[book]{}.Encode(topic, b)
}

func (c faultyCodec) Decode(topic string, data []byte) (book, error) {
	if err := c.do(); err != nil {
		return book{}, err
	}
	return pubsub.JSON[book]{}.Decode(topic, data)
}
