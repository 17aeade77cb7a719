package docs

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/flight"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// The code of guide/observability.md.

type cart struct {
	customer string // never changes
	items    []string
}

func (c *cart) ActorLabel() string { return "cart of " + c.customer }

func (c *cart) LogValue() slog.Value { return slog.IntValue(len(c.items)) }

func (c *cart) Receive(_ *actor.Context[string], item string) error {
	if item == "" {
		return errors.New("no such item")
	}
	c.items = append(c.items, item)
	return nil
}

// figures are what a page of metrics shows of the actors.
type figures struct {
	spawned, crashed, refused, undelivered, long atomic.Int64
}

func (f *figures) observe(e actor.Event) {
	switch e := e.(type) {
	case actor.Spawned:
		f.spawned.Add(1)
	case actor.Crashed:
		f.crashed.Add(1)
	case actor.SlowHandler:
		f.long.Add(1)
	case actor.DeadLetter:
		if errors.Is(e.Reason, actor.ErrFull) {
			f.refused.Add(1) // its mailbox was full
		} else {
			f.undelivered.Add(1) // it had ended
		}
	}
}

func (f *figures) watch(sys *actor.System, _ supervisor.Tree) {
	sys.Observe(f.observe)
	sys.Watchdog(10 * time.Second)
}

// longest returns the n actors with the most messages waiting.
func longest(sys *actor.System, n int) (all []actor.Info) {
	for _, pid := range sys.Actors() {
		if info, ok := pid.Info(); ok && info.QueueLen > 0 {
			all = append(all, info)
		}
	}
	slices.SortFunc(all, func(a, b actor.Info) int { return cmp.Compare(b.QueueLen, a.QueueLen) })
	return all[:min(n, len(all))]
}

// A meter finds the actor whose messages wait, and says how long.
func TestMeterFindsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actor.NewSystem(actor.Config{})
		busy, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error {
			time.Sleep(time.Minute)
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		busy.Send(1)
		synctest.Wait() // it works
		busy.Send(2)
		if top := waitLongest(sys, 30*time.Second); len(top) != 1 || top[0].PID != busy.PID() || top[0].Oldest != 30*time.Second {
			t.Errorf("found %v", top)
		}
		if err := sys.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// waitLongest returns the ten actors whose messages wait longest, after so long a look.
func waitLongest(sys *actor.System, look time.Duration) []actor.Info {
	m := sys.Meter(time.Second)
	defer m.Stop()
	time.Sleep(look)
	top, _ := m.Top(actor.ByOldest, 10, nil) // the ten whose messages wait longest
	return top
}

// record is for supervisor.Program.OnStart.
func record(sys *actor.System, log *slog.Logger) {
	if _, err := flight.Start(sys, flight.Config{Dir: "/var/lib/shop/flight"}); err != nil {
		log.Error("no flight recorder", "reason", err)
	}
}

var _ = record // it would write to a directory of the machine

// debug is for an address that strangers cannot reach.
func debug(sys *actor.System) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /actors", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		fmt.Fprint(w, supervisor.Snapshot(ctx, sys))
	})
	mux.HandleFunc("GET /queues", func(w http.ResponseWriter, _ *http.Request) {
		for _, info := range longest(sys, 10) {
			fmt.Fprintln(w, info.QueueLen, info.PID, info.Name, info.Label, info.Status)
		}
	})
	return mux
}

// items asks a running cart for what is in it.
func items(ctx context.Context, pid actor.PID) (list []string, err error) {
	err = pid.Inspect(ctx, func(behavior any) {
		list = slices.Clone(behavior.(*cart).items)
	})
	return list, err
}

// slow returns up to n connections whose clients do not read as fast as they are sent to,
// and how many there are.
func slow(e *ws.Endpoint, n int) (some []ws.ConnectionInfo, total int) {
	for c := range e.Connections() {
		if c.QueueBytes > 64<<10 {
			if total++; total <= n {
				some = append(some, c)
			}
		}
	}
	return some, total
}

// events adds up how long handlers of channels take.
type events struct{ handled, nanoseconds atomic.Int64 }

func (e *events) observe(o ws.Observation) {
	if h, ok := o.(ws.Handled); ok {
		e.handled.Add(1)
		e.nanoseconds.Add(int64(h.Duration))
	}
}

func sockets(e *events, routes ws.Routes) []ws.Socket {
	var log ws.ObservationLog // as Phoenix logs
	return []ws.Socket{{
		Path:     "/socket",
		Channels: routes,
		Observe:  func(o ws.Observation) { log.Observe(o); e.observe(o) },
	}}
}

func TestWhatTheGuideToObservabilityShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		defer sys.Shutdown(t.Context())
		var f figures
		f.watch(sys, supervisor.Tree{})
		spawn := func() actor.Ref[string] {
			ref, err := actor.Spawn(sys, func() *cart { return &cart{customer: "ann"} })
			if err != nil {
				t.Fatal(err)
			}
			return ref
		}
		a, b := spawn(), spawn()
		a.Send("tea")
		if got, err := items(t.Context(), a.PID()); err != nil || !slices.Equal(got, []string{"tea"}) {
			t.Errorf("there are %q in the cart, %v", got, err)
		}
		b.Send("milk")
		b.Send("")
		<-b.PID().Done()
		b.Send("late")
		for _, want := range []string{"actor crashed", "label=\"cart of ann\"", "behavior=*docs.cart", "state=1", "reason=\"no such item\""} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("no %s in the log:\n%s", want, &log)
			}
		}
		if err := a.PID().Suspend(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.Send("bread")
		a.Send("jam")
		page := func(path string) string {
			w := httptest.NewRecorder()
			debug(sys).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
			return w.Body.String()
		}
		if got, want := page("/queues"), fmt.Sprintf("2 %v  cart of ann suspended\n", a.PID()); got != want {
			t.Errorf("queues: %q, want %q", got, want)
		}
		if got := page("/actors"); !strings.Contains(got, "(cart of ann) suspended waiting:2") {
			t.Errorf("actors:\n%s", got)
		}
		if f.spawned.Load() != 2 || f.crashed.Load() != 1 || f.undelivered.Load() != 1 || f.refused.Load() != 0 {
			t.Errorf("%d spawned, %d crashed, %d undelivered", f.spawned.Load(), f.crashed.Load(), f.undelivered.Load())
		}
		stuck := actortest.Inject(func() *cart { return &cart{} },
			actortest.Fault{Message: 1, Do: func(context.Context) error { time.Sleep(time.Minute); return nil }})
		ref, err := actor.Spawn(sys, stuck)
		if err != nil {
			t.Fatal(err)
		}
		ref.Send("slow")
		time.Sleep(20 * time.Second)
		if f.long.Load() != 1 || !strings.Contains(log.String(), "a handler runs long") {
			t.Errorf("the watchdog told of %d handlers", f.long.Load())
		}
		time.Sleep(time.Minute)
	})
}

func TestHandledEventsAreCounted(t *testing.T) {
	var e events
	socket := sockets(&e, nil)[0]
	socket.Observe(ws.Handled{Topic: "room:1", Event: "new_msg", Duration: time.Second})
	socket.Observe(ws.Ended{Topic: "room:1"})
	if e.handled.Load() != 1 || e.nanoseconds.Load() != int64(time.Second) {
		t.Errorf("%d handled in %d ns", e.handled.Load(), e.nanoseconds.Load())
	}
}

func TestNoConnectionIsSlowThatDoesNotWait(t *testing.T) {
	routes := ws.Routes{ws.Topic("room:*", func() *Room { return &Room{} }, nil)}
	e := wstest.NewEndpoint(t, sockets(&events{}, routes)...)
	wstest.NewClient(t, e, "/socket", ws.Identity{})
	if n := len(slices.Collect(e.Connections())); n != 1 {
		t.Fatalf("there are %d connections, want 1", n)
	}
	if some, total := slow(e, 10); len(some) != 0 || total != 0 {
		t.Errorf("%d of %d are slow", len(some), total)
	}
}
