package ws_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wire"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// A base for handlers with a mistake: it can be joined.
type joinable struct{}

func (joinable) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

// Handlers with a method that would never be called.
type (
	wrongIn         struct{ joinable }
	wrongInfo       struct{ joinable }
	wrongOut        struct{ joinable }
	wrongIntercepts struct{ joinable }
	wrongGap        struct{ joinable }
	wrongTerminate  struct{ joinable }
	onlyOut         struct{ joinable }
	onlyIntercepts  struct{ joinable }
	ofPointer       struct{ joinable }
	outerOf         struct{ *wrongInfo } // by embedding
	greedy          struct{ joinable }   // intercepts what is never broadcast
)

func (wrongIn) HandleIn(*ws.Channel, string, map[string]any) (ws.Reply, error) {
	return ws.NoReply, nil
}
func (wrongInfo) HandleInfo(*ws.Channel, string) error                         { return nil }
func (wrongOut) HandleOut(*ws.Channel, ws.Broadcast) error                     { return nil }
func (wrongOut) Intercepts() []string                                          { return nil }
func (wrongIntercepts) Intercepts() string                                     { return "" }
func (wrongIntercepts) HandleOut(*ws.Channel, string, ws.Payload) error        { return nil }
func (wrongGap) HandleGap(*ws.Channel, *pubsub.Gap) error                      { return nil }
func (wrongTerminate) Terminate(context.Context, ...error)                     {}
func (onlyOut) HandleOut(*ws.Channel, string, ws.Payload) error                { return nil }
func (onlyIntercepts) Intercepts() []string                                    { return nil }
func (*ofPointer) Terminate(*ws.Channel, error)                                {}
func (greedy) Intercepts() []string                                            { return []string{"news", "phx_reply"} }
func (greedy) HandleOut(c *ws.Channel, event string, payload ws.Payload) error { return nil }

const (
	wantInfo      = `would never be called: it must be HandleInfo(*ws.Channel, any) error`
	wantTerminate = `would never be called: it must be Terminate(*ws.Channel, error)`
)

// handledBy is a route of handlers of a type.
func handledBy[H ws.Handler]() ws.Route {
	return ws.Topic("room:*", func() (h H) { return h }, nil)
}

// unset is a tracker that a program has forgotten to make.
type unset struct{ served int }

// Serve implements [ws.Tracker].
func (u *unset) Serve(*ws.Endpoint) func() { u.served++; return func() {} }

// Serializers with a mistake.
type (
	versionless struct{ wire.V2 }
	laterPatch  struct{ wire.V2 }
	uncompared  struct {
		wire.V2
		_ [0]func()
	}
)

func (versionless) Version() string { return "2" }
func (laterPatch) Version() string  { return "2.0.3" }

// Mistakes in a Config fail the start, with an error that names what is wrong and where.
func TestMistakesDoNotStart(t *testing.T) {
	var decoded func(*desk, *ws.Channel, note) (ws.Reply, error)
	var binary func(*desk, *ws.Channel, []byte) (ws.Reply, error)
	newDesk := func() *desk { return new(desk) }
	room := handledBy[*room]()
	routes := func(rs ...ws.Route) ws.Socket { return ws.Socket{Path: "/a", Channels: rs} }
	table := func(events ws.Events[*desk]) ws.Socket { return routes(ws.Topic("desk:*", newDesk, events)) }
	pattern := func(p string) ws.Socket { return routes(ws.Topic(p, newDesk, nil)) }
	through := func(m ws.Middleware) ws.Socket {
		return routes(ws.Topic("desk:*", newDesk, nil, membersOnly, m))
	}
	speaking := func(all ...wire.Serializer) ws.Socket {
		return ws.Socket{Path: "/a", Channels: ws.Routes{room}, Serializers: all}
	}
	at := func(path string) ws.Socket { return ws.Socket{Path: path, Channels: ws.Routes{room}} }
	const badPath = `path must be like "/socket"`
	for name, c := range map[string]struct {
		socket ws.Socket
		want   string // after what names the socket
	}{
		"no path":          {at(""), badPath},
		"relative path":    {at("a"), badPath},
		"trailing slash":   {at("/a/"), badPath},
		"nameless segment": {at("/{}/a"), `segment "{}" of the path: a parameter must be like "{name}"`},
		"half a segment":   {at("/a{b}/c"), `segment "a{b}" of the path: a parameter must be like "{name}"`},

		"no routes":            {routes(), `no routes: its clients could join nothing`},
		"zero route":           {routes(room, ws.Route{}), `route 1: empty pattern`},
		"empty pattern":        {pattern(""), `route 0: empty pattern`},
		"star in between":      {pattern("a*b"), `route "a*b": a * is allowed at the end only`},
		"two stars":            {pattern("a**"), `route "a**": a * is allowed at the end only`},
		"the protocol's topic": {pattern("phoenix"), `route "phoenix": this topic is the protocol's own`},
		"no constructor":       {routes(ws.Topic[*desk]("x", nil, nil)), `route "x": no function that makes a handler`},
		"topic too long": {pattern(strings.Repeat("a", 1025) + "*"),
			`route "` + strings.Repeat("a", 1025) + `*": topics have at most 1024 bytes`},
		"behind *":                 {routes(ws.Topic("*", newDesk, nil), room), `route "room:*" is never reached: route "*" before it has all of its topics`},
		"behind itself":            {routes(room, room), `route "room:*" is never reached: route "room:*" before it has all of its topics`},
		"behind a wider pattern":   {routes(room, ws.Topic("room:vip:*", newDesk, nil)), `route "room:vip:*" is never reached: route "room:*" before it has all of its topics`},
		"a topic behind a pattern": {routes(room, ws.Topic("room:lobby", newDesk, nil)), `route "room:lobby" is never reached: route "room:*" before it has all of its topics`},

		"no function":           {table(ws.Events[*desk]{"b": nil, "add": nil}), `route "desk:*": event "add" has no function`},
		"no function, On":       {table(ws.Events[*desk]{"add": ws.On(decoded)}), `route "desk:*": event "add" has no function`},
		"no function, OnStrict": {table(ws.Events[*desk]{"add": ws.OnStrict(decoded)}), `route "desk:*": event "add" has no function`},
		"no function, OnBinary": {table(ws.Events[*desk]{"add": ws.OnBinary(binary)}), `route "desk:*": event "add" has no function`},
		"the protocol's event": {table(ws.Events[*desk]{"phx_leave": (*desk).echo}),
			`route "desk:*": event "phx_leave": names that begin with phx_ are the protocol's own`},

		"HandleIn": {routes(handledBy[*wrongIn]()), `route "room:*": *ws_test.wrongIn has the method HandleIn(*ws.Channel, string, map[string]any) (ws.Reply, error), ` +
			`which would never be called: it must be HandleIn(*ws.Channel, string, ws.Payload) (ws.Reply, error)`},
		"HandleInfo": {routes(handledBy[*wrongInfo]()), `route "room:*": *ws_test.wrongInfo has the method HandleInfo(*ws.Channel, string) error, which ` + wantInfo},
		"HandleOut": {routes(handledBy[wrongOut]()), `route "room:*": ws_test.wrongOut has the method HandleOut(*ws.Channel, ws.Broadcast) error, ` +
			`which would never be called: it must be HandleOut(*ws.Channel, string, ws.Payload) error`},
		"Intercepts": {routes(handledBy[wrongIntercepts]()), `route "room:*": ws_test.wrongIntercepts has the method Intercepts() string, ` +
			`which would never be called: it must be Intercepts() []string`},
		"HandleGap": {routes(handledBy[*wrongGap]()), `route "room:*": *ws_test.wrongGap has the method HandleGap(*ws.Channel, *pubsub.Gap) error, ` +
			`which would never be called: it must be HandleGap(*ws.Channel, pubsub.Gap) error`},
		"Terminate": {routes(handledBy[*wrongTerminate]()), `route "room:*": *ws_test.wrongTerminate has the method Terminate(context.Context, ...error), which ` + wantTerminate},
		"embedded":  {routes(handledBy[*outerOf]()), `route "room:*": *ws_test.outerOf has the method HandleInfo(*ws.Channel, string) error, which ` + wantInfo},
		"no Intercepts": {routes(handledBy[*onlyOut]()), `route "room:*": *ws_test.onlyOut has HandleOut, which would never be called: ` +
			`it needs Intercepts() []string, the events that it is called with`},
		"no HandleOut": {routes(handledBy[*onlyIntercepts]()), `route "room:*": *ws_test.onlyIntercepts has Intercepts, ` +
			`which does nothing without HandleOut(*ws.Channel, string, ws.Payload) error`},
		"method of the pointer": {routes(handledBy[ofPointer]()), `route "room:*": Terminate is a method of *ws_test.ofPointer, and would never be called: use a *ws_test.ofPointer`},

		"middleware without a Join": {through(ws.Middleware{Join: func(ws.JoinFunc) ws.JoinFunc { return nil }}),
			`route "desk:*": middleware 1: its Join has returned nil, and not a function that may call next`},
		"middleware without a HandleIn": {through(ws.Middleware{HandleIn: func(ws.HandleInFunc) ws.HandleInFunc { return nil }}),
			`route "desk:*": middleware 1: its HandleIn has returned nil, and not a function that may call next`},

		"no rate":         {through(ws.RateLimit{Event: "add"}.Middleware()), `route "desk:*": middleware 1: 0 events per 0s with a burst of 0 is no rate`},
		"negative time":   {through(ws.RateLimit{Max: 1, Per: -1}.Middleware()), `route "desk:*": middleware 1: 1 events per -1ns with a burst of 0 is no rate`},
		"negative burst":  {through(ws.RateLimit{Max: 1, Burst: -1}.Middleware()), `route "desk:*": middleware 1: 1 events per 0s with a burst of -1 is no rate`},
		"rate beyond all": {through(ws.RateLimit{Max: 2, Per: 1}.Middleware()), `route "desk:*": middleware 1: 2 events per 1ns with a burst of 0 cannot be counted in nanoseconds`},
		"burst beyond all": {through(ws.RateLimit{Max: 1, Per: 24 * time.Hour, Burst: 1 << 40}.Middleware()),
			`route "desk:*": middleware 1: 1 events per 24h0m0s with a burst of 1099511627776 cannot be counted in nanoseconds`},
		"limit on no event": {through(ws.RateLimit{Event: "ad", Max: 1}.Middleware()), `route "desk:*": middleware 1: limits event "ad", which the route does not have`},

		"nil serializer":           {speaking(wire.V2{}, nil), `serializer 1 is nil`},
		"serializer that is unset": {speaking((*versionless)(nil)), `serializer 0 is nil`},
		"no version":               {speaking(versionless{}), `version "2" of a serializer: want one like "2.0.0"`},
		"not comparable":           {speaking(uncompared{}), `serializer ws_test.uncompared is not comparable`},
		"one version twice": {speaking(wire.V1{}, wire.V2{}, &wire.V2{}),
			`serializer 2, *wire.V2 of version 2.0.0, is never asked: serializer 1 has version 2.0.0`},
		"a later patch": {speaking(wire.V2{}, laterPatch{}),
			`serializer 1, ws_test.laterPatch of version 2.0.3, is never asked: serializer 0 has version 2.0.0`},

		"overflow":       {ws.Socket{Path: "/a", Channels: ws.Routes{room}, Overflow: 7}, `there is no Overflow 7`},
		"negative limit": {ws.Socket{Path: "/a", Channels: ws.Routes{room}, MaxChannels: -1}, `MaxChannels is negative`},
		"subprotocol":    {ws.Socket{Path: "/a", Channels: ws.Routes{room}, Subprotocols: []string{"chat", "a, b"}}, `subprotocol "a, b" is not a name`},
		"origin":         {ws.Socket{Path: "/a", Channels: ws.Routes{room}, Origins: []string{"example.com"}}, `origin "example.com": want a form like https://example.com, //example.com or //*.example.com`},
	} {
		t.Run(name, func(t *testing.T) {
			expectNoStart(t, ws.Config{Sockets: []ws.Socket{c.socket}}, `socket 0, "`+c.socket.Path+`": `+c.want)
		})
	}

	who := new(unset)
	for name, c := range map[string]struct {
		cfg  ws.Config
		want string
	}{
		"no sockets":      {ws.Config{}, `no sockets: nobody could connect`},
		"second socket":   {ws.Config{Sockets: []ws.Socket{at("/a"), at("b")}}, `socket 1, "b": ` + badPath},
		"one path twice":  {ws.Config{Sockets: []ws.Socket{at("/a"), at("/a")}}, `socket 1, "/a": socket 0 has that path`},
		"parameter again": {ws.Config{Sockets: []ws.Socket{at("/{a}/s"), at("/{b}/s")}}, `socket 1, "/{b}/s", is never reached: socket 0, "/{a}/s", has all of its paths`},
		"behind a parameter": {ws.Config{Sockets: []ws.Socket{at("/{a}/s"), at("/x/s")}},
			`socket 1, "/x/s", is never reached: socket 0, "/{a}/s", has all of its paths`},
		"no tracker":    {ws.Config{Sockets: []ws.Socket{at("/a")}, Trackers: []ws.Tracker{nil}}, "tracker 0 is nil"},
		"unset tracker": {ws.Config{Sockets: []ws.Socket{at("/a")}, Trackers: []ws.Tracker{(*unset)(nil)}}, "tracker 0 is nil"},
		"tracker twice": {ws.Config{Sockets: []ws.Socket{at("/a")}, Trackers: []ws.Tracker{who, who}}, "trackers 0 and 1 are the same"},
		"batch":         {ws.Config{Sockets: []ws.Socket{at("/a")}, DrainBatch: -1}, "drain in batches of -1 every 0s"},
		"interval":      {ws.Config{Sockets: []ws.Socket{at("/a")}, DrainInterval: -1}, "drain in batches of 0 every -1ns"},
	} {
		t.Run(name, func(t *testing.T) { expectNoStart(t, c.cfg, c.want) })
	}
}

// expectNoStart starts an endpoint, alone and in a tree, which must fail for this reason,
// and leave nothing.
func expectNoStart(t *testing.T, cfg ws.Config, want string) {
	t.Helper()
	sys := newSystem()
	_, err := ws.Start(sys, cfg)
	if err == nil || err.Error() != "ws: start endpoint: "+want {
		t.Errorf("got  %v\nwant ws: start endpoint: %s", err, want)
	}
	_, err = supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{ws.New(cfg).Child()}})
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("in a tree: %v", err)
	}
	if n := sys.Count(); n != 0 {
		t.Errorf("%d actors run", n)
	}
	if err := sys.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// What a more special route, socket or serializer is for is reached if it comes first.
func TestTheMoreSpecialComesFirst(t *testing.T) {
	room := handledBy[*room]()
	special := ws.Socket{Path: "/x/s", Serializers: []wire.Serializer{laterPatch{}, wire.V2{}}, Channels: ws.Routes{
		ws.Topic("room:lobby", func() *desk { return new(desk) }, nil),
		ws.Topic("room:lobby*", func() *desk { return new(desk) }, nil),
		room, ws.Topic("*", func() *desk { return new(desk) }, nil),
	}}
	serve(t, special, ws.Socket{Path: "/{a}/s", Channels: ws.Routes{room}}, ws.Socket{Path: "/s", Channels: ws.Routes{room}})
}

// What only shows when a handler is made fails the join, and says why in the log.
func TestMistakesOfAHandlerThatIsMade(t *testing.T) {
	for name, c := range map[string]struct {
		newHandler func() ws.Handler
		want       string
	}{
		"nil":           {func() ws.Handler { return nil }, `the function that makes a handler has returned nil`},
		"nil pointer":   {func() ws.Handler { return (*desk)(nil) }, `the function that makes a handler has returned nil, a *ws_test.desk`},
		"a wrong one":   {func() ws.Handler { return new(wrongInfo) }, `*ws_test.wrongInfo has the method HandleInfo(*ws.Channel, string) error, which ` + wantInfo},
		"no such event": {func() ws.Handler { return greedy{} }, `ws_test.greedy intercepts event "phx_reply": names that begin with phx_ are the protocol's own`},
	} {
		t.Run(name, func(t *testing.T) {
			log := new(lines)
			sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(log, nil))})
			s := serveSystem(t, sys, ws.Socket{Path: "/socket", Channels: ws.Routes{ws.Topic("x:*", c.newHandler, nil)}})
			client := s.connect(t)
			client.send(`["1","1","x:1","phx_join",{}]`)
			client.expect(`["1","1","x:1","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]`)
			client.heartbeat()
			if want := `ws: route "x:*": ` + c.want; !strings.Contains(strings.ReplaceAll(log.text(), `\"`, `"`), want) {
				t.Errorf("logged %s\nwant %s", log.text(), want)
			}
		})
	}
}

// misread is an input whose Validate would never be called.
type misread struct{ Body string }

func (misread) Validate(context.Context) error { return nil }

type misreadPointer struct{ Body string }

func (*misreadPointer) Validate() bool { return false }

func TestInputWhoseValidateIsNoValidator(t *testing.T) {
	panicOf := func(f func()) (got any) {
		defer func() { got = recover() }()
		f()
		return nil
	}
	for name, c := range map[string]struct {
		on   func()
		want string
	}{
		"On": {func() { ws.On(func(*desk, *ws.Channel, misread) (ws.Reply, error) { return ws.NoReply, nil }) },
			"ws: On: *ws_test.misread has the method Validate(context.Context) error, which would never be called: it must be Validate() error"},
		"On a pointer": {func() { ws.On(func(*desk, *ws.Channel, *misread) (ws.Reply, error) { return ws.NoReply, nil }) },
			"ws: On: *ws_test.misread has the method Validate(context.Context) error, which would never be called: it must be Validate() error"},
		"OnStrict": {func() {
			ws.OnStrict(func(*desk, *ws.Channel, misreadPointer) (ws.Reply, error) { return ws.NoReply, nil })
		},
			"ws: On: *ws_test.misreadPointer has the method Validate() bool, which would never be called: it must be Validate() error"},
	} {
		if got := panicOf(c.on); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The client would take them for the protocol's.
func TestEventsOfTheProtocolAreNotSent(t *testing.T) {
	errs := make(chan error, 1)
	endpoint := wstest.NewEndpoint(t, ws.Socket{Path: "/socket", Channels: ws.Routes{
		ws.Topic("room:*", func() *room { return new(room) }, nil, ws.Middleware{HandleIn: func(ws.HandleInFunc) ws.HandleInFunc {
			return func(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
				errs <- errors.Join(c.Push("phx_close", nil), c.Broadcast("phx_error", nil), c.BroadcastFrom("phx_reply", nil),
					c.Endpoint().Broadcast(c.Topic(), "phx_close", nil), c.Endpoint().LocalBroadcast(c.Topic(), "phx_x", nil))
				return ws.OK(nil), nil
			}
		}}),
	}})
	room, _ := wstest.NewClient(t, endpoint, "/socket", ws.Identity{}).Join("room:a", nil)
	room.AssertReply(room.Push("try", nil), "ok")
	const why = ": names that begin with phx_ are the protocol's own"
	want := `ws: push "phx_close"` + why + "\n" + `ws: broadcast "phx_error" on "room:a"` + why + "\n" + `ws: broadcast "phx_reply" on "room:a"` + why +
		"\n" + `ws: broadcast "phx_close" on "room:a"` + why + "\n" + `ws: broadcast "phx_x" on "room:a"` + why
	if got := <-errs; got == nil || got.Error() != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}

// A Channel that has ended says so, on whatever goroutine, and is no race.
func TestChannelThatHasEnded(t *testing.T) {
	channels := make(chan *ws.Channel, 1)
	sys := actortest.NewSystem(t)
	endpoint, err := ws.Start(sys, ws.Config{Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{
		ws.Topic("room:*", func() *room { return new(room) }, nil, ws.Middleware{Join: func(next ws.JoinFunc) ws.JoinFunc {
			return func(c *ws.Channel, topic string, in ws.Payload) (any, error) {
				channels <- c
				return next(c, topic, in)
			}
		}}),
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	ann := wstest.NewClient(t, endpoint, "/socket", ws.Identity{ID: "user:ann"})
	room, _ := ann.Join("room:a", nil)
	c := <-channels
	if err := errors.Join(c.Push("by", nil), c.Broadcast("the way", nil)); err != nil { // while it lives
		t.Error(err)
	}
	room.AssertPush("by")
	room.AssertPush("the way")
	room.AssertReply(room.Leave(), "ok")
	room.AssertClose()
	for what, err := range map[string]error{
		"Push": c.Push("x", nil), "Broadcast": c.Broadcast("x", nil), "BroadcastFrom": c.BroadcastFrom("x", nil),
	} {
		if !errors.Is(err, ws.ErrEnded) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := c.Subscribe("room:b"); err == nil {
		t.Error("subscribed")
	}
	if c.Topic() != "room:a" || c.SocketID() != "user:ann" || c.Endpoint() != endpoint || c.PID().Alive() {
		t.Error("it says something else about itself")
	}
	c.Ref().Send("nothing")
}
