package nats

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// watched is a node with an observer, and a page of that which somebody has open.
type watched struct {
	sys       *actor.System
	page      *wsclient.Channel
	authorize atomic.Int64 // how often the observer has asked who somebody is
}

// startObserver starts an observer of a node; peers may be nil.
func startObserver(t *testing.T, peers query.Peers) *watched {
	t.Helper()
	w := &watched{sys: newSystem(t)}
	o, err := observer.Start(w.sys, observer.Config{Cluster: peers, Authorize: func(*http.Request) (observer.Grant, error) {
		w.authorize.Add(1)
		return observer.Grant{Rights: observer.Act, Who: "ann"}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(o)
	t.Cleanup(web.Close)
	client, err := wsclient.Dial(t.Context(), wsclient.Config{URL: web.URL + "/socket"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	w.page = client.Channel("observer", nil)
	return w
}

// knownPeers are nodes that have been found before a page asks for them, which would not wait
// for long.
type knownPeers struct {
	*Observers
	names atomic.Pointer[[]string] // nil: those that answer in time
}

func (p *knownPeers) Nodes(ctx context.Context) ([]string, error) {
	if names := p.names.Load(); names != nil {
		return *names, nil
	}
	return p.Observers.Nodes(ctx)
}

// opens returns the names of the nodes that the page begins with.
func (w *watched) opens(t *testing.T) []string {
	t.Helper()
	hello, err := w.page.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var greeting struct{ Nodes []string }
	if err := hello.Decode(&greeting); err != nil {
		t.Fatal(err)
	}
	return greeting.Nodes
}

// asks has the page ask a question. The error is the reason that it is told.
func asks[A any](t *testing.T, w *watched, question string, params map[string]any) (answer A, refused query.Reason) {
	t.Helper()
	payload, err := w.page.Push(t.Context(), question, params)
	if reply, ok := errors.AsType[*wsclient.ReplyError](err); ok {
		return answer, query.Reason(reply.Reason())
	}
	if err == nil {
		err = json.Unmarshal(payload.Bytes(), &answer)
	}
	if err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	return answer, ""
}

// The page of one node shows the others, for as long as they are there. Rights are those at
// the node that serves the page: there one may look at all nodes, and nothing else.
func TestAPageShowsAllNodes(t *testing.T) {
	s := startServer(t)
	peers := observersOf(t, s, "berlin", "paris")
	view := &knownPeers{Observers: peers[0]}
	berlin, paris, hidden := startObserver(t, view), startObserver(t, peers[1]), startObserver(t, nil)
	for _, o := range peers { // the server knows that they answer
		if err := o.Conn.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	names := foundBy(t, peers[0], len(peers))
	view.names.Store(&names)
	if nodes := berlin.opens(t); !slices.Equal(nodes, []string{"berlin", "paris"}) {
		t.Errorf("the nodes are %q", nodes)
	}
	if nodes := hidden.opens(t); !slices.Equal(nodes, []string{"local"}) {
		t.Errorf("a node without Observers knows %q", nodes)
	}
	ref, err := actor.Spawn(paris.sys, actor.Func(func(*actor.Context[string], string) error { return errors.New("it broke") }), actor.Name("shop"))
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]any{"node": "paris", "filter": "shop"}
	if tree, why := asks[query.Tree](t, berlin, "tree", at); why != "" || len(tree.Matches) != 1 || tree.Matches[0].Node.Name != "shop" {
		t.Errorf("the tree of paris is %+v, %s", tree, why)
	}
	asked := paris.authorize.Load()
	for event, params := range map[string]map[string]any{
		"act":   {"node": "paris", "pid": ref.PID().String(), "act": "kill"},
		"trace": {"node": "paris", "pid": ref.PID().String(), "on": true},
	} {
		if _, why := asks[any](t, berlin, event, params); why != query.Unavailable {
			t.Errorf("%s at another node: %q", event, why)
		}
	}
	if !ref.PID().Alive() || paris.authorize.Load() != asked {
		t.Error("another node has been asked for rights, or has given them")
	}

	ref.Send("glass")
	<-ref.PID().Done()
	for { // the history is told beside the actor
		crashes, why := asks[query.Crashes](t, berlin, "crashes", at)
		if len(crashes.Groups) == 1 && crashes.Groups[0].Reason == "it broke" {
			break
		} else if why != "" || len(crashes.Groups) > 0 {
			t.Fatalf("the crashes at paris are %+v, %s", crashes, why)
		}
	}

	if err := paris.sys.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for { // it takes its subscriptions back without waiting for the server
		if _, why := asks[query.Tree](t, berlin, "tree", at); why == query.Unavailable {
			break
		} else if why != "" && why != query.Busy {
			t.Fatalf("a node that is gone: %q", why)
		}
	}
	view.names.Store(nil)
	if c, _ := asks[query.Cluster](t, berlin, "cluster", map[string]any{}); len(c.Nodes) != 1 || c.Nodes[0].Name != "berlin" || c.Error != "" {
		t.Errorf("the cluster is %+v", c)
	}
}

// A name that two nodes have is told of, once: what a page shows of it may be either's.
func TestTwoNodesOfOneNameAreToldOf(t *testing.T) {
	s := startServer(t)
	nodes := observersOf(t, s, "a", "b", "b")
	for i, o := range nodes {
		serve(t, o, func(context.Context, []byte) []byte { return []byte{byte('0' + i)} })
	}
	var told records
	nodes[0].Logger = slog.New(&told)
	for range 2 {
		if got := foundBy(t, nodes[0], len(nodes)); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("nodes %q", got)
		}
	}
	if list := told.all(); len(list) != 1 || !strings.Contains(list[0], "more than one node answers by a name") {
		t.Errorf("told: %q", list)
	}
	if got, err := nodes[0].Ask(t.Context(), "b", nil); err != nil || (string(got) != "1" && string(got) != "2") {
		t.Errorf("%q, %v, want the answer of one of them", got, err)
	}
}

// records is a slog.Handler that keeps what is logged.
type records struct {
	mu   sync.Mutex
	list []string
}

func (r *records) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *records) WithGroup(string) slog.Handler            { return r }

func (r *records) Handle(_ context.Context, record slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, record.Message)
	return nil
}

// However much a node answers, little of it waits here.
func TestAFloodOfAnswersIsDropped(t *testing.T) {
	s := startServer(t)
	o, conn := observersOf(t, s, "a")[0], connect(t, s)
	const flood = 20
	answered := make(chan struct{})
	if _, err := conn.Subscribe("liar", func(m *nats.Msg) {
		defer close(answered)
		for range flood {
			_ = m.Respond(make([]byte, maxAnswer))
		}
		_ = conn.Flush()
	}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	sub, err := o.request("liar", nil, answersOfTwins, answersOfTwins*(maxAnswer+2))
	if err != nil {
		t.Fatal(err)
	}
	await(t, answered)
	if err := o.Conn.Flush(); err != nil { // then all has come
		t.Fatal(err)
	}
	n, bytes, err := sub.Pending()
	if dropped, _ := sub.Dropped(); err != nil || n > answersOfTwins || bytes > answersOfTwins*(maxAnswer+2) || dropped != flood-n {
		t.Errorf("%d answers of %d bytes wait, %d have been dropped, %v", n, bytes, dropped, err)
	}
	if err := sub.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
}

// A node that is stopped, or whose network is, costs those that ask it the wait and nothing
// else. Meanwhile it is not among the nodes that answer; after that it is again.
func TestANodeThatStallsCostsTheWait(t *testing.T) {
	s := startServer(t)
	nodes := observersOf(t, s, "a", "b")
	link := newLink(t, s)
	conn, err := nats.Connect("nats://"+link.addr, nats.Timeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	nodes[1].Conn = conn
	serve(t, nodes[0], echo)
	serve(t, nodes[1], echo)

	link.stall()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if got, err := nodes[0].Ask(ctx, "b", []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("asked while it stalls: %q, %v", got, err)
	}
	if names, err := nodes[0].Nodes(t.Context()); err != nil || !slices.Equal(names, []string{"a"}) {
		t.Errorf("nodes %q, %v", names, err)
	}
	// It cannot ask either.
	if names, err := nodes[1].Nodes(t.Context()); err != nil || !slices.Equal(names, []string{"b"}) {
		t.Errorf("from there: nodes %q, %v", names, err)
	}
	link.goOn()
	if got, err := nodes[0].Ask(t.Context(), "b", []byte("y")); err != nil || string(got) != "y" {
		t.Errorf("asked after that: %q, %v", got, err)
	}
}

// link is a way to a server that can be held up.
type link struct {
	addr string
	mu   sync.Mutex // is held while nothing passes
}

func newLink(t *testing.T, s *server.Server) *link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &link{addr: l.Addr().String()}
	var over sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		over.Wait()
	})
	over.Go(func() {
		near, err := l.Accept()
		if err != nil {
			return
		}
		defer near.Close()
		far, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			return
		}
		defer far.Close()
		over.Go(func() { k.pass(near, far) })
		k.pass(far, near)
	})
	return k
}

func (k *link) stall() { k.mu.Lock() }
func (k *link) goOn()  { k.mu.Unlock() }

// pass passes on what one side writes, until either is closed.
func (k *link) pass(to, from net.Conn) {
	defer to.Close()
	piece := make([]byte, 32<<10)
	for {
		n, err := from.Read(piece)
		k.mu.Lock()
		if n > 0 && err == nil {
			_, err = to.Write(piece[:n])
		}
		k.mu.Unlock()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_ = from.Close()
			}
			return
		}
	}
}
