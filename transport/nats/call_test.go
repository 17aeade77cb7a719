package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// order is what the actors of these tests get: a function that they call, with its Reply.
type order struct {
	do    string
	reply actor.Reply[string]
}

var errPoor = errors.New("no money")

// do has an actor do what the text says.
var do = Method[order, string, string]{
	Name:   "do",
	Make:   func(what string, r actor.Reply[string]) order { return order{what, r} },
	Errors: []error{errPoor},
}

// worker is an actor that follows orders.
type worker struct{ got chan<- order }

func (w *worker) Receive(c *actor.Context[order], o order) error {
	w.got <- o
	switch verb, what, _ := strings.Cut(o.do, " "); verb {
	case "say":
		o.reply.Send(what)
	case "hold":
	case "refuse":
		o.reply.Fail(fmt.Errorf("order of %s: %w", what, errPoor))
	case "fail":
		o.reply.Fail(errors.New(what))
	case "panic":
		panic(what)
	case "goexit":
		runtime.Goexit()
	case "end":
		return errors.New(what)
	case "stop":
		return actor.Stop
	case "shutdown":
		return fmt.Errorf("for %s: %w", what, actor.Shutdown)
	case "twice":
		o.reply.Send(what)
		o.reply.Send("again")
	}
	return nil
}

// station is a node with names for workers.
type station struct {
	*Names[order]
	name string
	wire *wire
	conn *nats.Conn
	sys  *actor.System

	cluster *pubsub.Cluster
}

// newStation returns a node of a cluster, which serves do.
func newStation(tb testing.TB, s *server.Server, cluster, name string, c NamesConfig, options ...nats.Option) *station {
	tb.Helper()
	n := &station{name: name, wire: new(wire), sys: newSystem(tb)}
	options = append(options, nats.SetCustomDialer(n.wire), nats.ReconnectWait(time.Millisecond), nats.MaxReconnects(-1))
	n.conn = connect(tb, s, options...)
	ps := new(pubsub.PubSub[order])
	member := pubsub.NewCluster(&Adapter{Conn: n.conn, Name: name, Prefix: cluster})
	n.cluster = member
	if err := ps.Connect(member, "test", pubsub.JSON[order]{}); err != nil {
		tb.Fatal(err)
	}
	js, err := jetstream.New(n.conn)
	if err != nil {
		tb.Fatal(err)
	}
	c.Bucket = strings.ReplaceAll(cluster, ".", "-")
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	settle(tb, js, c.Bucket)
	if n.Names, err = StartNames(tb.Context(), js, ps, c); err != nil {
		tb.Fatal(err)
	}
	if err := n.Serve(do); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if n.wire.down || n.conn.IsClosed() {
			cancel()
		}
		_ = n.Shutdown(ctx)
	})
	return n
}

// worker starts a worker with a name, and returns what it gets.
func (n *station) worker(tb testing.TB, name string, options ...actor.Option) (actor.Ref[order], <-chan order) {
	tb.Helper()
	got := make(chan order, 1000)
	ref, err := actor.Spawn(n.sys, func() *worker { return &worker{got: got} }, options...)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = n.Register(tb.Context(), name, ref)
	until(tb, n.calls.x, func() bool { // the former one's name goes a moment after it
		if _, taken := errors.AsType[*TakenError](err); taken {
			_, err = n.Register(tb.Context(), name, ref)
			return false
		}
		return true
	})
	if err != nil {
		tb.Fatal(err)
	}
	return ref, got
}

func (n *station) find(tb testing.TB, name string) Remote[order] {
	tb.Helper()
	r, err := n.Lookup(tb.Context(), name)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// pair returns two nodes of one cluster.
func pair(tb testing.TB, c NamesConfig) (s *server.Server, here, there *station) {
	s = startServer(tb)
	cluster := prefix()
	return s, newStation(tb, s, cluster, "here", c), newStation(tb, s, cluster, "there", c)
}

// call is a call in the background.
func call(ctx context.Context, to Address[order], what string) <-chan result {
	c := make(chan result, 1)
	go func() {
		v, err := do.Call(ctx, to, what)
		c <- result{v, err}
	}()
	return c
}

type result struct {
	value string
	err   error
}

func (r result) String() string { return fmt.Sprintf("%q, %v", r.value, r.err) }

// GO-28: the same call site for an actor of this node, by its Ref or by its name, and for one
// of another node; and the same outcome of whatever the callee does.
func TestCallIsTheSameHereAndThere(t *testing.T) {
	_, here, there := pair(t, NamesConfig{})
	for _, test := range []struct {
		what  string
		value string
		text  string // of the cause
		is    error
		ended bool
	}{
		{what: "say hello", value: "hello"},
		{what: "say", value: ""},
		{what: "twice one", value: "one"},
		{what: "fail badly", text: "badly"},
		{what: "refuse it", text: "order of it: no money", is: errPoor},
		{what: "panic boom", text: "boom", ended: true},
		{what: "goexit", text: actor.Goexit.Error(), is: actor.Goexit, ended: true},
		{what: "end broken", text: "broken", ended: true},
		{what: "stop", text: "normal", is: actor.Normal, ended: true},
		{what: "shutdown lunch", text: "for lunch: shutdown", is: actor.Shutdown, ended: true},
	} {
		t.Run(test.what, func(t *testing.T) {
			for i, way := range []string{"ref", "own name", "remote"} {
				home := []*station{here, here, there}[i]
				name := way + ":" + test.what
				ref, got := home.worker(t, name)
				var to Address[order] = ref
				if way != "ref" {
					to = here.find(t, name)
				}
				v, err := do.Call(t.Context(), to, test.what)
				await(t, got)
				if test.text == "" {
					if v != test.value || err != nil {
						t.Errorf("%s: %q, %v, want %q", way, v, err, test.value)
					}
					continue
				}
				e, ok := errors.AsType[*CallError](err)
				if !ok || v != "" {
					t.Fatalf("%s: %q, %v (%T), want a CallError", way, v, err, err)
				}
				if e.Method != "do" || e.To != to.String() || e.Ended != test.ended || !strings.Contains(e.Err.Error(), test.text) {
					t.Errorf("%s: %+v, want %q, ended: %v", way, e, test.text, test.ended)
				}
				if test.is != nil && !errors.Is(err, test.is) {
					t.Errorf("%s: %v is not %v", way, err, test.is)
				}
			}
		})
	}
}

// What is refused is refused at once, in one round trip, with an error that says why and that
// nothing was carried out.
func TestCallThatCannotBeCarriedOutFailsAtOnce(t *testing.T) {
	_, here, there := pair(t, NamesConfig{})
	there.worker(t, "x")
	x := here.find(t, "x")
	full, _ := there.worker(t, "full", actor.Mailbox(mailbox.Bounded(1, mailbox.Fail)))
	release := make(chan struct{})
	defer close(release)
	stuck := make(chan struct{})
	go full.PID().Inspect(context.Background(), func(any) { close(stuck); <-release })
	await(t, stuck)
	if err := full.TrySend(order{}); err != nil {
		t.Fatal(err)
	}
	unknown := do
	unknown.Name = "unknown"
	unread := Method[order, int, string]{Name: "do", Make: func(int, actor.Reply[string]) order { return order{} }}
	large := strings.Repeat("x", 1<<20)
	for name, test := range map[string]struct {
		call func(ctx context.Context) error
		want []error
	}{
		"nobody": {func(ctx context.Context) error { _, err := do.Call(ctx, nil, ""); return err }, []error{actor.NoProc}},
		"zero":   {func(ctx context.Context) error { _, err := do.Call(ctx, Remote[order]{}, ""); return err }, []error{actor.NoProc}},
		"no such name": {func(ctx context.Context) error {
			_, err := do.Call(ctx, Remote[order]{Node: "there", Name: "y", names: here.Names}, "")
			return err
		}, []error{actor.NoProc}},
		"no such name here": {func(ctx context.Context) error {
			_, err := do.Call(ctx, Remote[order]{Node: "here", Name: "y", names: here.Names}, "")
			return err
		}, []error{actor.NoProc}},
		"no such node": {func(ctx context.Context) error {
			_, err := do.Call(ctx, Remote[order]{Node: "nowhere", Name: "x", names: here.Names}, "")
			return err
		}, []error{actor.NoProc, ErrNoConnection}},
		"no such method": {func(ctx context.Context) error { _, err := unknown.Call(ctx, x, ""); return err }, []error{ErrNoMethod}},
		"full":           {func(ctx context.Context) error { _, err := do.Call(ctx, here.find(t, "full"), ""); return err }, []error{actor.ErrFull}},
		"unreadable":     {func(ctx context.Context) error { _, err := unread.Call(ctx, x, 1); return err }, []error{errCannotRead}},
		"too large":      {func(ctx context.Context) error { _, err := do.Call(ctx, x, large); return err }, []error{ErrTooLarge}},
	} {
		t.Run(name, func(t *testing.T) {
			// No deadline: it does not wait for one.
			err := test.call(t.Context())
			for _, want := range test.want {
				if !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
			}
			if _, ok := errors.AsType[*CallError](err); !ok {
				t.Errorf("%T, want a CallError", err)
			}
		})
	}
	// A call is over where it was carried out a moment after its answer has been sent.
	until(t, here.calls.x, func() bool { return here.Stats().Waiting+there.Stats().Open == 0 })
}
