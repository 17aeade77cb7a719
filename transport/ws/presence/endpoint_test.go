package presence_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// room is a channel in which all are present, under the name that they connect with.
type room struct {
	who  *presence.Tracker
	user string
}

func (r *room) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	r.user = c.Assigns().(string)
	c.Continue(func(c *ws.Channel) error {
		if r.user != "nobody" {
			if _, err := r.who.Track(c, r.user, meta{Status: "here"}); err != nil {
				return err
			}
		}
		return r.who.PushState(c)
	})
	return nil, nil
}

func (r *room) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	switch event {
	case "status":
		var to meta
		if err := in.Decode(&to); err != nil {
			return ws.NoReply, err
		}
		_, err := presence.Edit(r.who, c, r.user, func(m *meta) { m.Status = to.Status })
		return ws.OK(nil), err
	case "hide":
		r.who.Untrack(c, r.user)
		return ws.OK(nil), nil
	case "crash":
		panic("crash")
	}
	return ws.UnknownEvent, nil
}

// site is a node that clients can connect to.
type site struct {
	t        *testing.T
	url      string
	who      *presence.Tracker
	endpoint *ws.Endpoint
	tree     supervisor.Tree // whose children they are
}

// serve starts a site, on a loopback port and in real time.
func serve(t *testing.T, cfg presence.Config) *site { return serveIn(t, supervisor.Spec{}, cfg) }

// serveIn starts a site whose tree has an actor "before", and then the tracker and the
// endpoint, as a spec without children says.
func serveIn(t *testing.T, spec supervisor.Spec, cfg presence.Config) *site {
	t.Helper()
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	who := presence.New(cfg)
	endpoint := ws.New(ws.Config{Cluster: cfg.Cluster, Trackers: []ws.Tracker{who}, Sockets: []ws.Socket{{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("room:*", func() *room { return &room{who: who} }, nil)},
		Connect: func(r *ws.Request) (ws.Identity, error) {
			user := r.Params.Get("user")
			return ws.Identity{ID: "user:" + user, Assigns: user}, nil
		},
	}}})
	before := supervisor.Actor("before", actor.Func(func(*actor.Context[int], int) error { return nil }))
	spec.Children = []supervisor.Child{before, who.Child(), endpoint.Child()}
	if cfg.Cluster != nil {
		spec.Children = slices.Insert(spec.Children, 0, supervisor.Actor("cluster", cfg.Cluster.Behavior))
	}
	tree, err := supervisor.Start(sys, spec)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(endpoint)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		server.Close()
		if err := errors.Join(endpoint.Shutdown(ctx), sys.Shutdown(ctx)); err != nil {
			t.Error(err)
		}
	})
	return &site{t, "ws" + strings.TrimPrefix(server.URL, "http") + "/socket", who, endpoint, tree}
}

// guest is a client in a room that follows who is there.
type guest struct {
	t       *testing.T
	client  *wsclient.Client
	channel *wsclient.Channel
	list    wsclient.Presence
	synced  chan struct{}
	diffs   chan string // as they came
}

// enter connects a guest and has it join "room:1".
func (s *site) enter(user string) *guest {
	s.t.Helper()
	at := func(int) time.Duration { return time.Millisecond }
	client, err := wsclient.Dial(s.t.Context(), wsclient.Config{
		URL:            s.url + "?user=" + user,
		Logger:         slog.New(slog.DiscardHandler),
		RejoinDelay:    at,
		ReconnectDelay: at,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	g := &guest{s.t, client, client.Channel("room:1", nil), wsclient.Presence{}, make(chan struct{}, 1), make(chan string, 1000)}
	s.t.Cleanup(g.close)
	g.list.OnSync = func() {
		select {
		case g.synced <- struct{}{}:
		default:
		}
	}
	// First, so that a diff has been noted when it is seen.
	g.channel.On("presence_diff", func(m wsclient.Message) { g.diffs <- m.Payload.String() })
	g.list.Follow(g.channel)
	if _, err := g.channel.Join(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return g
}

func (g *guest) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := g.client.Close(ctx); err != nil {
		g.t.Error(err)
	}
}

// present shows whom the guest sees: their statuses, with a ' where one was updated.
func (g *guest) present() string {
	var all []string
	list := g.list.List()
	for _, key := range slices.Sorted(maps.Keys(list)) {
		text := key
		for _, m := range list[key].Metas {
			var v meta
			if err := m.Payload.Decode(&v); err != nil {
				g.t.Error(err)
			}
			text += " " + v.Status
			if m.PrevRef != "" {
				text += "'"
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// sees waits until the guest sees what it should.
func (g *guest) sees(want string) {
	g.t.Helper()
	g.until(want, func() bool { return g.present() == want })
}

// seesAnother waits until a user is present once, with another ref, and returns that.
func (g *guest) seesAnother(user, ref string) (now string) {
	g.t.Helper()
	g.until(user+" anew", func() bool {
		metas := g.list.List()[user].Metas
		if len(metas) != 1 {
			return false
		}
		now = metas[0].Ref
		return now != ref
	})
	return now
}

func (g *guest) until(want string, ok func() bool) {
	g.t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for !ok() {
		select {
		case <-g.synced:
		case <-limit.C:
			g.t.Fatalf("the guest sees %q, want %q", g.present(), want)
		}
	}
}

func (g *guest) push(event string, payload any) {
	g.t.Helper()
	if _, err := g.channel.Push(g.t.Context(), event, payload); err != nil {
		g.t.Fatal(err)
	}
}

// PRES-2, PRES-3, PRES-5, PRES-7, PRES-12: what clients see of each other, by state
// and diffs, on one node.
func TestClientsSeeEachOther(t *testing.T) {
	s := serve(t, presence.Config{})
	ann := s.enter("ann")
	ann.sees("ann here")
	bob, bobToo := s.enter("bob"), s.enter("bob")
	for _, g := range []*guest{ann, bob, bobToo} {
		g.sees("ann here, bob here here")
	}
	bob.push("status", meta{Status: "away"})
	for _, g := range []*guest{ann, bobToo} {
		g.sees("ann here, bob here away'")
	}
	bobToo.push("hide", nil)
	ann.sees("ann here, bob away'")

	if err := bob.channel.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	ann.sees("ann here")
	bobToo.sees("ann here")
	carl := s.enter("carl")
	ann.sees("ann here, carl here")
	carl.close() // its socket is gone
	ann.sees("ann here")
	ref := bobToo.seesAnother("ann", "")
	if err := ann.channel.Send("crash", nil); err != nil { // and it joins again
		t.Fatal(err)
	}
	ref = bobToo.seesAnother("ann", ref)
	if err := s.endpoint.Disconnect("user:ann"); err != nil { // and it reconnects
		t.Fatal(err)
	}
	ref = bobToo.seesAnother("ann", ref)
	ann.until("herself, by the same ref", func() bool {
		metas := ann.list.List()["ann"].Metas
		return len(metas) == 1 && metas[0].Ref == ref
	})
	bobToo.sees("ann here")
}

// PRES-3, PRES-5: what a diff looks like on the wire.
func TestDiffOnTheWire(t *testing.T) {
	s := serve(t, presence.Config{
		Fetch: func(_ context.Context, _ string, entries map[string]presence.Entry) (map[string]any, error) {
			users := map[string]any{}
			for key := range entries {
				users[key] = map[string]any{"user": user{strings.ToUpper(key)}}
			}
			return users, nil
		},
	})
	ann := s.enter("ann")
	ann.sees("ann here")
	first := s.ref("ann")
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-ann.diffs:
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("nothing came; want %s", want)
		}
	}
	expect(`{"joins":{"ann":{"metas":[{"status":"here","phx_ref":"` + first + `"}],"user":{"name":"ANN"}}},"leaves":{}}`)
	ann.push("status", meta{Status: "away"})
	second := s.ref("ann")
	expect(`{"joins":{"ann":{"metas":[{"status":"away","phx_ref":"` + second + `","phx_ref_prev":"` + first + `"}],"user":{"name":"ANN"}}},` +
		`"leaves":{"ann":{"metas":[{"status":"here","phx_ref":"` + first + `"}],"user":{"name":"ANN"}}}}`)
	ann.push("hide", nil)
	expect(`{"joins":{},"leaves":{"ann":{"metas":[{"status":"away","phx_ref":"` + second + `","phx_ref_prev":"` + first + `"}],"user":{"name":"ANN"}}}}`)
	ann.sees("")
}

// ref returns the ref of a user who is present once.
func (s *site) ref(user string) string {
	s.t.Helper()
	entry, err := s.who.Get(s.t.Context(), "room:1", user)
	if err != nil || len(entry.Metas) != 1 {
		s.t.Fatalf("%s is %+v, %v", user, entry, err)
	}
	return entry.Metas[0].Ref
}

// PRES-3, CRDT-1: clients on two nodes see each other.
func TestClientsOnTwoNodes(t *testing.T) {
	var hub pubsub.Hub
	cfg := func(name string) presence.Config {
		return presence.Config{Cluster: pubsub.NewCluster(hub.Node(name)), BroadcastPeriod: 20 * time.Millisecond}
	}
	here, there := serve(t, cfg("here")), serve(t, cfg("there"))
	ann, bob := here.enter("ann"), there.enter("bob")
	ann.sees("ann here, bob here")
	bob.sees("ann here, bob here")
	annToo := there.enter("ann")
	ann.sees("ann here here, bob here")
	bob.sees("ann here here, bob here")
	bob.push("status", meta{Status: "away"})
	ann.sees("ann here here, bob away'")
	annToo.close()
	ann.sees("ann here, bob away'")
	if err := bob.channel.Send("crash", nil); err != nil {
		t.Fatal(err)
	}
	ann.sees("ann here, bob here")
	// The node goes, and its clients with it.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	bob.close()
	if err := there.tree.TerminateChild(ctx, "endpoint"); err != nil {
		t.Fatal(err)
	}
	ann.sees("ann here")
}

// PRES-3: each node tells its own members, once, also when the endpoints are a cluster
// themselves.
func TestEndpointsInACluster(t *testing.T) {
	var hub pubsub.Hub
	start := func(name string) *site {
		return serve(t, presence.Config{Cluster: pubsub.NewCluster(hub.Node(name)), BroadcastPeriod: 20 * time.Millisecond})
	}
	here, there := start("here"), start("there")
	ann := here.enter("ann")
	ann.sees("ann here") // before bob comes, or she would find him in her state
	bob := there.enter("bob")
	ann.sees("ann here, bob here")
	bob.sees("ann here, bob here")
	for _, status := range []string{"away", "back"} {
		bob.push("status", meta{Status: status})
		ann.sees("ann here, bob " + status + "'")
	}
	bob.push("hide", nil)
	ann.sees("ann here")
	ann.push("hide", nil)
	ann.sees("")
	// Her own coming and going, and bob's, with two changes between.
	if n := len(ann.diffs); n != 6 {
		t.Errorf("%d diffs came, want 6", n)
	}
}
