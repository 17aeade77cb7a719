package actor_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
)

// tracing keeps the spans of a trace in memory: one for each handling.
type tracing struct {
	mu    sync.Mutex
	last  int
	spans []span
	start time.Time
}

type span struct {
	id, parent int
	name       string
	sent       time.Time
	waited     time.Duration
	worked     time.Duration
}

type spanKey struct{}

// instrument returns the instrument that makes the spans. What a message carries is the
// number of the span that sent it.
func (t *tracing) instrument() actor.Instrument {
	return actor.Instrument{
		OneIn: -1,
		Send:  func(ctx context.Context, _ actor.Sending) any { return ctx.Value(spanKey{}) },
		Begin: func(ctx context.Context, _ *actor.Handling) context.Context {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.last++
			return context.WithValue(ctx, spanKey{}, t.last)
		},
		End: func(ctx context.Context, h *actor.Handling) {
			t.mu.Lock()
			defer t.mu.Unlock()
			id, name := ctx.Value(spanKey{}).(int), fmt.Sprint(h.Behavior)
			t.spans = append(t.spans, span{id, h.Carried.(int), name, h.Sent(), h.Waited, h.Worked})
		},
	}
}

// bars draws the trace: a column for each second, with - while a message waited and # while
// its handler worked.
func (t *tracing) bars() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.SortFunc(t.spans, func(a, b span) int { return cmp.Compare(a.id, b.id) })
	var lines []string
	for _, s := range t.spans {
		column := func(d time.Duration) int { return int(d / time.Second) }
		lines = append(lines, fmt.Sprintf("%d<%d %s|%s%s%s", s.id, s.parent, s.name,
			strings.Repeat(" ", column(s.sent.Sub(t.start))), strings.Repeat("-", column(s.waited)), strings.Repeat("#", column(s.worked))))
	}
	return lines
}

type query struct {
	work  time.Duration
	reply actor.Reply[int]
}

// stock and prices answer after a while, store asks them both.
type (
	stock  struct{}
	prices struct{}
	store  struct {
		stock  actor.Ref[query]
		prices actor.Ref[query]
	}
)

func (stock) Receive(_ *actor.Context[query], q query) error {
	time.Sleep(q.work)
	q.reply.Send(1)
	return nil
}

func (prices) Receive(c *actor.Context[query], q query) error { return stock{}.Receive(c, q) }

func (s store) Receive(c *actor.Context[query], q query) error {
	for _, to := range []actor.Ref[query]{s.stock, s.prices} {
		if _, err := actor.Call(c, to, func(r actor.Reply[int]) query { return query{q.work, r} }); err != nil {
			return err
		}
	}
	time.Sleep(q.work)
	q.reply.Send(2)
	return nil
}

// A trace over calls of calls is one tree, and its bars show waiting and work apart.
func TestTracesShowWaitingAndWork(t *testing.T) {
	tr := &tracing{}
	instrumented(t, func(t *testing.T, sys *actor.System, _ *bytes.Buffer) {
		tr.start = time.Now()
		spawn := func(b actor.Behavior[query]) actor.Ref[query] {
			ref, err := actor.Spawn(sys, func() actor.Behavior[query] { return b })
			if err != nil {
				t.Fatal(err)
			}
			return ref
		}
		s := store{spawn(stock{}), spawn(prices{})}
		front := spawn(s)
		s.prices.Send(query{work: 5 * time.Second}) // prices is busy, and that is not traced
		ctx := context.WithValue(context.Background(), spanKey{}, 0)
		if _, err := actor.Call(ctx, front, func(r actor.Reply[int]) query { return query{2 * time.Second, r} }); err != nil {
			t.Fatal(err)
		}
		settle()
		want := []string{
			"1<0 actor_test.store|#########",
			"2<1 actor_test.stock|##",
			"3<1 actor_test.prices|  ---##",
		}
		if got := tr.bars(); !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}, tr.instrument())
}

// Of those that come and go, nothing is left with the instruments.
func TestInstrumentsKeepNothingOfTheActors(t *testing.T) {
	n := 200_000
	if long.Race {
		n = 5_000
	}
	sys := actor.NewSystem(actor.Config{Instruments: []actor.Instrument{
		actor.Carry(tenant{}), {End: func(context.Context, *actor.Handling) {}, OneIn: 10},
	}})
	defer sys.Shutdown(context.Background())
	generation := func(n int) {
		for range n {
			ref := start(t, sys, &plain{})
			if err := ref.SendContext(of("ann"), returning(actor.Stop)); err != nil {
				t.Fatal(err)
			}
			<-ref.PID().Done()
		}
	}
	generation(1000)
	before := heapInUse()
	generation(n)
	if grown := heapInUse() - before; grown > 256<<10 {
		t.Errorf("the heap grew by %d bytes over %d actors", grown, n)
	}
}

// plain handles messages and nothing else.
type plain struct{}

func (*plain) Receive(ctx *doContext, m do) error { return m(ctx) }
