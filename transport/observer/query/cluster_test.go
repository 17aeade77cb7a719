package query_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/view"
	"github.com/troupe-go/troupe/transport/observer/query"
)

// bus connects sources of one process as a cluster does. A node that answers without a
// source does so by what it has here.
type bus struct {
	mu      sync.Mutex
	answers map[string]func(context.Context, []byte) []byte
	asked   [][]byte // what has crossed
}

var errNoNode = errors.New("there is no such node")

func newBus() *bus { return &bus{answers: map[string]func(context.Context, []byte) []byte{}} }

func (b *bus) set(node string, answer func(context.Context, []byte) []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if answer == nil {
		delete(b.answers, node)
	} else {
		b.answers[node] = answer
	}
}

// member is one node's way to the bus.
type member struct {
	*bus
	name string
}

func (m member) Self() string { return m.name }

func (m member) Nodes(context.Context) (names []string, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.answers {
		names = append(names, name)
	}
	return names, nil
}

func (m member) Ask(ctx context.Context, node string, question []byte) ([]byte, error) {
	m.mu.Lock()
	answer := m.answers[node]
	m.asked = append(m.asked, question)
	m.mu.Unlock()
	if answer == nil {
		return nil, errNoNode
	}
	return answer(ctx, question), nil
}

func (m member) Serve(answer func(context.Context, []byte) []byte) (func(), error) {
	m.set(m.name, answer)
	return func() { m.set(m.name, nil) }, nil
}

// join returns a source on the bus, with a system of its own and these tables.
func (b *bus) join(t *testing.T, name string, tables ...view.Table) (*actor.System, *query.Source) {
	t.Helper()
	sys := actor.NewSystem(actor.Config{})
	t.Cleanup(func() {
		if err := sys.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	source := query.New(sys, query.Config{Peers: member{b, name}, Tables: tables})
	stop, err := source.Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return sys, source
}

func reasonOf(err error) query.Reason {
	if e, ok := errors.AsType[*query.Error](err); ok {
		return e.Reason
	}
	return ""
}

// One node shows what the others say of themselves, and asks them for all else.
func TestNodesAnswerForEachOther(t *testing.T) {
	b := newBus()
	_, a := b.join(t, "a", view.Table{Name: "near"})
	sys, other := b.join(t, "b", view.Table{Name: "carts"}, view.Table{Name: "orders"})
	if _, err := actor.Spawn(sys, actor.Func[int](func(*actor.Context[int], int) error { return nil }), actor.Label("far")); err != nil {
		t.Fatal(err)
	}
	cluster, err := a.Cluster(t.Context(), query.ClusterRequest{})
	if err != nil || len(cluster.Nodes) != 2 {
		t.Fatalf("the cluster is %+v, %v", cluster, err)
	}
	for i, want := range []string{"a", "b"} {
		if n := cluster.Nodes[i]; n.Name != want || n.Self != (want == "a") || n.State != "running" || n.Error != "" || n.Go != runtime.Version() || n.Started == 0 {
			t.Errorf("node %d is %+v", i, n)
		}
	}
	if got := cluster.Nodes[1].Actors; got != sys.Count() {
		t.Errorf("the other one has %d actors, want %d", got, sys.Count())
	}
	answer, err := a.AskNode(t.Context(), "b", "node", nil)
	if err != nil {
		t.Fatal(err)
	}
	var about query.About
	if err := json.Unmarshal(answer.(json.RawMessage), &about); err != nil || about.Name != "b" || !slices.Equal(about.Tables, []string{"carts", "orders"}) {
		t.Errorf("b says of itself %s, %v", answer, err)
	}
	for _, source := range []*query.Source{a, other} { // from far and from near
		answer, err := source.AskNode(t.Context(), "b", "tree", json.RawMessage(`{"filter":"far"}`))
		if err != nil {
			t.Fatal(err)
		}
		if content, _ := json.Marshal(answer); !bytes.Contains(content, []byte(`"label":"far"`)) {
			t.Errorf("the answer is %s", content)
		}
	}
	if _, err := a.AskNode(t.Context(), "b", "actor", json.RawMessage(`{"pid":"<9.9>"}`)); reasonOf(err) != query.Gone {
		t.Errorf("an actor that is not there: %v", err)
	}
	if names, err := a.Nodes(t.Context()); err != nil || !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("the nodes are %q, %v", names, err)
	}
}

// Nothing but a question of this package is answered, and none that asks others in turn.
func TestOnlyQuestionsAreAnswered(t *testing.T) {
	b := newBus()
	_, a := b.join(t, "a")
	answer := b.answers["a"]
	for question, want := range map[string]query.Reason{
		``:               query.Invalid,
		`[]`:             query.Invalid,
		`{"question":7}`: query.Invalid,
		`{}`:             query.Invalid,
		`{"question":"act","params":{"pid":"<1.1>","act":"kill"}}`:          query.Invalid,
		`{"question":"trace","params":{"pid":"<1.1>","on":true}}`:           query.Invalid,
		`{"question":"cluster"}`:                                            query.Invalid,
		`{"question":"tree","params":"x"}`:                                  query.Invalid,
		`{"question":"tree","params":{"open":7}}`:                           query.Invalid,
		`{"question":"tree"} {}`:                                            query.Invalid,
		`{"question":"node","params":"` + strings.Repeat("x", 8<<10) + `"}`: query.Invalid,
		strings.Repeat(`{"question":`, 2000):                                query.Invalid,
	} {
		var got struct {
			Answer json.RawMessage
			Error  *query.Error
		}
		frame := answer(t.Context(), []byte(question))
		if err := json.Unmarshal(frame, &got); err != nil || got.Error == nil || got.Error.Reason != want || got.Answer != nil {
			t.Errorf("%.60s is answered with %.200s", question, frame)
		}
	}
	for _, name := range []string{"act", "trace", "cluster", ""} {
		if _, err := a.AskNode(t.Context(), "b", name, nil); reasonOf(err) != query.Invalid {
			t.Errorf("%q for another node: %v", name, err)
		}
	}
	if _, err := a.AskNode(t.Context(), "b", "tree", json.RawMessage(`{"filter":"`+strings.Repeat("x", 8<<10)+`"}`)); reasonOf(err) != query.Invalid {
		t.Errorf("a long question: %v", err)
	}
	if len(b.asked) != 0 {
		t.Errorf("questions have crossed: %s", b.asked)
	}
}

// Whatever a node answers, or does not, costs its own row an error.
func TestABadNodeCostsItsRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBus()
		_, a := b.join(t, "a")
		b.join(t, "b")
		fixed := func(answer string) func(context.Context, []byte) []byte {
			return func(context.Context, []byte) []byte { return []byte(answer) }
		}
		release := make(chan struct{})
		bad := map[string]func(context.Context, []byte) []byte{
			"empty":     fixed(""),
			"malformed": fixed(`{"answer":`),
			"neither":   fixed(`{}`),
			"other":     fixed(`{"answer":[1]}`),
			"huge":      func(context.Context, []byte) []byte { return bytes.Repeat([]byte(" "), 512<<10+1) },
			"refuses":   fixed(`{"error":{"reason":"forbidden","message":"` + strings.Repeat("x", 10_000) + `"}}`),
			"panics":    func(context.Context, []byte) []byte { panic("no") },
			"exits":     func(context.Context, []byte) []byte { runtime.Goexit(); return nil },
			"hangs":     func(context.Context, []byte) []byte { <-release; return nil },
			"late":      func(ctx context.Context, _ []byte) []byte { <-ctx.Done(); return nil },
		}
		for name, answer := range bad {
			b.set(name, answer)
		}
		b.set("\xff", fixed("{}"))
		b.set(strings.Repeat("x", 300), fixed("{}"))
		b.set("liar", fixed(`{"answer":{"name":"a","self":true,"state":"x","actors":-1,"go":"`+strings.Repeat("g", 100)+`"}}`))
		cluster, err := a.Cluster(t.Context(), query.ClusterRequest{})
		if err != nil || len(cluster.Nodes) != len(bad)+3 {
			t.Fatalf("the cluster is %+v, %v", cluster, err)
		}
		for _, n := range cluster.Nodes {
			switch {
			case n.Name == "a" || n.Name == "b":
				if n.State != "running" || n.Self != (n.Name == "a") {
					t.Errorf("%+v", n)
				}
			case n.Name == "liar":
				if n.Self || n.State != "running" || n.Actors != 0 || len(n.Go) > 48 {
					t.Errorf("%+v", n)
				}
			case n.Error == "" || len(n.Error) > 300 || n.State == "running":
				t.Errorf("%+v", n)
			}
		}
		if _, err := a.AskNode(t.Context(), "refuses", "tree", nil); reasonOf(err) != query.Unavailable {
			t.Errorf("another node's refusal is told as %v", err) // the page would take it for its own
		}
		close(release)
		synctest.Wait()
	})
}

// A cluster whose methods hang, panic or fail leaves a node with itself.
func TestABadClusterLeavesTheNodeItself(t *testing.T) {
	for name, do := range map[string]func(ctx context.Context) error{
		"error":  func(context.Context) error { return errNoNode },
		"panic":  func(context.Context) error { panic("no") },
		"goexit": func(context.Context) error { runtime.Goexit(); return nil },
	} {
		sys := actor.NewSystem(actor.Config{})
		source := query.New(sys, query.Config{Peers: broken{do}})
		if stop, err := source.Serve(); err == nil {
			t.Errorf("%s: it serves", name)
			stop()
		}
		cluster, err := source.Cluster(t.Context(), query.ClusterRequest{})
		if err != nil || len(cluster.Nodes) != 1 || !cluster.Nodes[0].Self || cluster.Error == "" {
			t.Errorf("%s: the cluster is %+v, %v", name, cluster, err)
		}
		if _, err := source.AskNode(t.Context(), "b", "tree", nil); reasonOf(err) != query.Unavailable {
			t.Errorf("%s: asked another node: %v", name, err)
		}
		if err := sys.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

type broken struct{ do func(context.Context) error }

func (b broken) Self() string                                                { return "a" }
func (b broken) Nodes(ctx context.Context) ([]string, error)                 { return nil, b.do(ctx) }
func (b broken) Ask(ctx context.Context, _ string, _ []byte) ([]byte, error) { return nil, b.do(ctx) }
func (b broken) Serve(func(context.Context, []byte) []byte) (func(), error) {
	return nil, b.do(context.Background())
}

func TestANodeAloneIsItsOwnCluster(t *testing.T) {
	sys := actor.NewSystem(actor.Config{})
	defer func() { _ = sys.Shutdown(context.Background()) }()
	source := query.New(sys, query.Config{})
	stop, err := source.Serve()
	if err != nil {
		t.Fatal(err)
	}
	stop()
	cluster, err := source.Cluster(t.Context(), query.ClusterRequest{})
	if err != nil || len(cluster.Nodes) != 1 || cluster.Nodes[0].Name != "local" || !cluster.Nodes[0].Self {
		t.Errorf("the cluster is %+v, %v", cluster, err)
	}
	if _, err := source.AskNode(t.Context(), "b", "tree", nil); reasonOf(err) != query.Unavailable {
		t.Errorf("asked another node: %v", err)
	}
}
