package nats

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
)

// observersOf returns the observers of some nodes of a cluster that has no other ones.
func observersOf(t *testing.T, s *server.Server, names ...string) (list []*Observers) {
	cluster := prefix()
	for _, name := range names {
		list = append(list, &Observers{
			Conn: connect(t, s), Name: name, Cluster: cluster, Logger: slog.New(slog.DiscardHandler),
		})
	}
	return list
}

// foundBy returns the nodes that a node finds, with as many answers as there are.
func foundBy(t *testing.T, o *Observers, answers int) []string {
	t.Helper()
	names, err := o.collect(t.Context(), nodesWait{patience, patience, answers})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func serve(t *testing.T, o *Observers, answer func(ctx context.Context, query []byte) []byte) (stop func()) {
	t.Helper()
	stop, err := o.Serve(answer)
	if err == nil {
		err = o.Conn.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return stop
}

func echo(_ context.Context, query []byte) []byte { return query }

// Each node finds those that answer, and asks one of them.
func TestObserversAskEachOther(t *testing.T) {
	s := startServer(t)
	nodes := observersOf(t, s, "a", "b. >", "c")
	stranger := observersOf(t, s, "d")[0]
	serve(t, stranger, echo)
	for _, o := range nodes[1:] {
		serve(t, o, func(_ context.Context, query []byte) []byte {
			return append([]byte(o.Self()+": "), query...)
		})
	}
	if got, want := foundBy(t, nodes[0], 2), []string{"a", "b. >", "c"}; !slices.Equal(got, want) {
		t.Errorf("nodes %q, want %q", got, want)
	}
	if names, err := nodes[0].Nodes(t.Context()); err != nil || slices.Contains(names, "d") {
		t.Errorf("nodes %q, %v: one is of another cluster", names, err)
	}
	for _, name := range []string{"b. >", "c"} {
		if got, err := nodes[0].Ask(t.Context(), name, []byte("tree")); err != nil || string(got) != name+": tree" {
			t.Errorf("%q, %v", got, err)
		}
	}
	for _, name := range []string{"a", "d", "", "nowhere"} {
		if got, err := nodes[0].Ask(t.Context(), name, nil); !errors.Is(err, ErrNoConnection) {
			t.Errorf("asked %q: %q, %v, want ErrNoConnection", name, got, err)
		}
	}
}

// A node that fails, hangs, answers too much or is asked too much is an error for those that
// ask, and answers on.
func TestObserverOutlivesWhatItsAnswersDo(t *testing.T) {
	s := startServer(t)
	nodes := observersOf(t, s, "a", "b")
	hold, held := make(chan struct{}), make(chan struct{}, queriesAtOnce)
	answer := func(ctx context.Context, query []byte) []byte {
		switch string(query) {
		case "panic":
			panic("no")
		case "goexit":
			runtime.Goexit()
		case "huge":
			return make([]byte, maxAnswer+1)
		case "hold":
			held <- struct{}{}
			<-hold
		}
		return query
	}
	stop := serve(t, nodes[1], answer)
	for query, want := range map[string]string{
		"panic": "no", "goexit": actor.Goexit.Error(), "huge": "524289 bytes", strings.Repeat("x", maxQuery+1): "8193 bytes",
	} {
		if got, err := nodes[0].Ask(t.Context(), "b", []byte(query)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.10q: %q, %v, want %q", query, got, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, queriesAtOnce)
	for range queriesAtOnce {
		go func() {
			_, err := nodes[0].Ask(ctx, "b", []byte("hold"))
			asked <- err
		}()
		await(t, held)
	}
	if _, err := nodes[0].Ask(t.Context(), "b", []byte("more")); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("one more: %v", err)
	}
	cancel()
	for range queriesAtOnce {
		if err := await(t, asked); !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v", err)
		}
	}
	close(hold)
	for {
		if got, err := nodes[0].Ask(t.Context(), "b", []byte("again")); err == nil && string(got) == "again" {
			break
		} else if err == nil || !strings.Contains(err.Error(), "too many") { // until one has returned
			t.Fatalf("%q, %v", got, err)
		}
	}
	stop()
	stop()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), nodesQuiet) // one that it had still got has no answer
		_, err := nodes[0].Ask(ctx, "b", nil)
		cancel()
		if errors.Is(err, ErrNoConnection) {
			break
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("stopped: %v", err)
		}
	}
}

// Forged questions go nowhere, and forged answers are errors.
func TestObserversTrustNothing(t *testing.T) {
	s := startServer(t)
	nodes := observersOf(t, s, "a", "b")
	serve(t, nodes[1], echo)
	conn := connect(t, s)
	trap, err := conn.SubscribeSync("victim")
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{nodes[1].subjectOfAll(), nodes[1].subjectOf("b")} {
		for _, reply := range []string{"", "victim"} {
			if err := conn.PublishMsg(&nats.Msg{Subject: subject, Reply: reply, Data: []byte("x")}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, forged := range [][]byte{nil, {1}, {2, 1, 'x'}, {1, 0, 'n', 'o'}, make([]byte, maxAnswer+3)} {
		liar, err := conn.Subscribe(nodes[0].subjectOf("liar"), func(m *nats.Msg) { _ = m.Respond(forged) })
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		if got, err := nodes[0].Ask(t.Context(), "liar", nil); err == nil {
			t.Errorf("%.10q was an answer: %q", forged, got)
		}
		if err := liar.Unsubscribe(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := nodes[0].Ask(t.Context(), "b", []byte("x")); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
	if n, _, _ := trap.Pending(); n != 0 {
		t.Errorf("%d answers have gone elsewhere", n)
	}
	if _, err := (&Observers{Conn: conn}).Serve(echo); err == nil {
		t.Error("a node without a name serves")
	}
	if _, err := (&Observers{Name: "a"}).Serve(echo); err == nil {
		t.Error("a node without a connection serves")
	}
}
