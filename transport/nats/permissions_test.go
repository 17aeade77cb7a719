package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/group"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws/history"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// startGuarded starts a server that has the permissions of this package, in which each node's
// password is its name.
func startGuarded(t *testing.T) *server.Server {
	t.Helper()
	for _, name := range []string{"berlin", "tokyo", "lima"} {
		t.Setenv(strings.ToUpper(name)+"_PASSWORD", name)
	}
	opts, err := server.ProcessConfigFile("permissions.conf")
	if err != nil {
		t.Fatal(err)
	}
	opts.Host, opts.Port, opts.NoLog, opts.NoSigs = "127.0.0.1", server.RANDOM_PORT, true, true
	opts.JetStream, opts.StoreDir = true, t.TempDir()
	opts.Users = append(opts.Users, &server.User{Username: "admin", Password: "admin"})
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server is not ready")
	}
	return s
}

// citizen is a node under permissions, with all that a node may have.
type citizen struct {
	*Node
	names   *Names[order]
	boss    supervisor.Tree
	clan    *clan
	joined  chan string // keys that are present on "lobby"
	began   chan *book  // what a boss has begun with here
	page    *Observers
	refused chan error // by the server
	ps      *pubsub.PubSub[order]
	who     *presence.Tracker
}

// chief is the boss of a citizen.
type chief struct {
	worker
	book book
}

func (c *chief) HandOff() (book, error) { return c.book, nil }

func newCitizen(t *testing.T, s *server.Server, name string) *citizen {
	t.Helper()
	c := &citizen{
		clan:   &clan{sys: newSystem(t), events: make(chan group.Event[string], 1000), got: make(chan string, 1000)},
		joined: make(chan string, 100), began: make(chan *book, 10), refused: make(chan error, 100),
		ps: new(pubsub.PubSub[order]),
	}
	var err error
	c.Node, err = patiently(t, Config{URL: s.ClientURL(), Name: name, Logger: slog.New(slog.DiscardHandler), Options: []nats.Option{
		nats.UserInfo(name, name),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { c.refused <- err }),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.who = presence.New(presence.Config{Cluster: c.Cluster(), BroadcastPeriod: 100 * time.Millisecond, OnDiff: func(d presence.Diff) {
		for key := range d.Joins {
			c.joined <- key
		}
	}})
	_, err = supervisor.Start(c.clan.sys, supervisor.Spec{Children: []supervisor.Child{
		c.Child(), group.Child(&c.clan.set, c.Cluster(), "clans"), c.who.Child(),
	}})
	if err == nil {
		err = errors.Join(c.clan.set.Serve(hail), c.ps.Connect(c.Cluster(), "orders", pubsub.JSON[order]{}))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.clan.set.Observe("g", func(e group.Event[string]) { c.clan.events <- e }).Stop)
	c.page = &Observers{Conn: c.Conn(), Name: name}
	serve(t, c.page, echo)
	c.startNames(t)
	return c
}

func (c *citizen) startNames(t *testing.T) {
	t.Helper()
	js, err := jetstream.New(c.Conn())
	if err != nil {
		t.Fatal(err)
	}
	settle(t, js, defaultBucket) // as a node may
	c.names, err = StartNames(t.Context(), js, c.ps, NamesConfig{Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = c.names.Serve(do)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.names.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// standBy has the node stand by for the boss.
func (c *citizen) standBy(t *testing.T) {
	t.Helper()
	boss := Singleton[order, book]{Names: c.names, Name: "boss", New: func(_ *Tenure, handed *book) actor.Behavior[order] {
		c.began <- handed
		return &chief{worker{make(chan order, 100)}, book{[]string{c.Name()}}}
	}}
	var err error
	c.names.leases.talk = patience
	child := boss.Child(supervisor.Shutdown(5 * patience))
	if c.boss, err = supervisor.Start(c.clan.sys, supervisor.Spec{Children: []supervisor.Child{child}}); err != nil {
		t.Fatal(err)
	}
}

// With the permissions that this package has for nats-server, all that there is works between
// nodes of which each has its own credentials, and the server refuses none of it.
func TestEverythingWorksUnderPermissions(t *testing.T) {
	s := startGuarded(t)
	berlin, tokyo, lima := newCitizen(t, s, "berlin"), newCitizen(t, s, "tokyo"), newCitizen(t, s, "lima")
	all := []*citizen{berlin, tokyo, lima}

	heard := func(c *citizen) <-chan order {
		ref, got := sink(t, c)
		if err := c.ps.Subscribe(ref.PID(), c.Name(), pubsub.To(ref, func(_ string, o order) order { return o })); err != nil {
			t.Fatal(err)
		}
		return got
	}
	inTokyo, inLima := heard(tokyo), heard(lima)
	err := errors.Join(berlin.ps.Broadcast("lima", order{}), berlin.ps.DirectBroadcast("tokyo", "tokyo", order{}))
	if err != nil {
		t.Fatal(err)
	}
	await(t, inTokyo)
	await(t, inLima)

	ref, _ := sink(t, tokyo)
	if _, err := tokyo.names.Register(t.Context(), "desk", ref); err != nil {
		t.Fatal(err)
	}
	desk, err := berlin.names.Lookup(t.Context(), "desk")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := do.Call(t.Context(), desk, "say hello"); err != nil || got != "hello" {
		t.Errorf("a call: %q, %v", got, err)
	}
	down := make(chan error, 1)
	if _, err := desk.Monitor(t.Context(), func(reason error) { down <- reason }); err != nil {
		t.Fatal(err)
	}
	ref.PID().Exit(actor.Kill)
	if reason := await(t, down); reason != actor.Killed {
		t.Errorf("a monitor: %v", reason)
	}

	berlin.standBy(t)
	if handed := await(t, berlin.began); handed != nil {
		t.Errorf("the first boss was handed %v", handed)
	}
	lima.standBy(t)
	if err := berlin.boss.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if handed := await(t, lima.began); handed == nil || !slices.Equal(handed.Lines, []string{"berlin"}) {
		t.Errorf("the next boss was handed %v", handed)
	}

	tokyo.clan.join(t)
	lima.clan.join(t)
	berlin.clan.until(t, "lima", "tokyo")
	if err := hail.SendAll(berlin.clan.set.Group("g"), "all"); err != nil {
		t.Fatal(err)
	}
	await(t, tokyo.clan.got)
	await(t, lima.clan.got)

	user, _ := sink(t, lima)
	if _, err := lima.who.Track(presence.Actor(user.PID(), "lobby"), "ann", nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if key := await(t, c.joined); key != "ann" {
			t.Errorf("%q is present", key)
		}
	}

	if got, err := berlin.page.Ask(t.Context(), "tokyo", []byte("tree")); err != nil || string(got) != "tree" {
		t.Errorf("the observer was answered %q, %v", got, err)
	}
	if nodes := foundBy(t, berlin.page, len(all)-1); !slices.Contains(nodes, "tokyo") {
		t.Errorf("the observer sees %q", nodes)
	}
	keepsHistory(t, berlin, tokyo)
	for _, c := range all {
		if err := c.Conn().Flush(); err != nil {
			t.Error(err)
		}
		for len(c.refused) > 0 {
			t.Errorf("refused to %s: %v", c.Name(), <-c.refused)
		}
		if got := c.Stats(); got.Malformed != 0 {
			t.Errorf("%s: %+v", c.Name(), got)
		}
	}
}

// keepsHistory has one citizen follow a recorded topic, and the other one append to it.
func keepsHistory(t *testing.T, by, follower *citizen) {
	t.Helper()
	here, there := &History{Conn: by.Conn()}, &History{Conn: follower.Conn()}
	told := make(chan history.Record, 10)
	stop, err := there.Follow(t.Context(), "lobby", tellRecords(told))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := here.Append(t.Context(), "lobby", "key", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if r := await(t, told); string(r.Data) != "hello" {
		t.Errorf("told of %q", r.Data)
	}
	if span, err := there.Since(t.Context(), "lobby", 0, 10); err != nil || len(span.Records) != 1 {
		t.Errorf("read %+v, %v", span, err)
	}
	if _, err := here.lastOf(t.Context(), "lobby"); err != nil {
		t.Error(err)
	}
}

// tellRecords is a [history.Follower] that tells of records only.
type tellRecords chan history.Record

func (c tellRecords) Deliver(r history.Record) { c <- r }
func (tellRecords) Recheck()                   {}

// sink starts a worker of a citizen.
func sink(t *testing.T, c *citizen) (actor.Ref[order], <-chan order) {
	t.Helper()
	got := make(chan order, 100)
	ref, err := actor.Spawn(c.clan.sys, func() *worker { return &worker{got} })
	if err != nil {
		t.Fatal(err)
	}
	return ref, got
}

// intruder is a connection with the credentials of berlin, and what the server refuses it.
func intruder(t *testing.T, s *server.Server) (*nats.Conn, <-chan error) {
	t.Helper()
	refused := make(chan error, 100)
	conn, err := nats.Connect(s.ClientURL(), nats.UserInfo("berlin", "berlin"), nats.Timeout(patience), nats.CustomInboxPrefix("_INBOX."+subjectToken("berlin")),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn, refused
}

// What a node must not do the server refuses it, whatever program has its credentials.
func TestPermissionsRefuseWhatIsNotOnesOwn(t *testing.T) {
	s := startGuarded(t)
	admin := connect(t, s, nats.UserInfo("admin", "admin"))
	js, err := jetstream.New(admin)
	if err != nil {
		t.Fatal(err)
	}
	settle(t, js, defaultBucket)
	if _, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "shop"}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateConsumer(t.Context(), "KV_"+defaultBucket, jetstream.ConsumerConfig{Durable: "audit"}); err != nil {
		t.Fatal(err)
	}
	conn, refused := intruder(t, s)
	tokyo := newSubjects("troupe.pubsub", "tokyo")
	names, token := "KV_"+defaultBucket, subjectToken("tokyo")
	api := func(act string) string { return "$JS.API." + act }
	for _, subject := range []string{
		tokyo.all[0], tokyo.toAll(partBeat), tokyo.toNode("lima", "0"), tokyo.toNode("tokyo", partAlive), // in another one's name
		tokyo.toTopic(hashOf("t")), tokyo.toNodes(),
		"troupe.call.troupe-names." + subjectToken("lima") + ".do." + token,
		"_INBOX." + token + ".x",
		api("STREAM.DELETE." + names), api("STREAM.PURGE." + names), api("STREAM.UPDATE." + names), api("STREAM.MSG.DELETE." + names),
		api("STREAM.SNAPSHOT." + names), api("STREAM.RESTORE." + names), api("STREAM.LEADER.STEPDOWN." + names), api("STREAM.PEER.REMOVE." + names),
		api("CONSUMER.DELETE." + names + ".audit"), api("CONSUMER.CREATE." + names), api("CONSUMER.DURABLE.CREATE." + names + ".x"),
		api("CONSUMER.CREATE." + names + ".audit"), api("CONSUMER.CREATE." + names + ".x.>"), api("CONSUMER.MSG.NEXT." + names + ".audit"),
		api("CONSUMER.PAUSE." + names + ".audit"), api("CONSUMER.LIST." + names), api("CONSUMER.INFO." + names + ".audit"),
		api("STREAM.CREATE.other"), api("STREAM.INFO.KV_shop"), api("STREAM.MSG.GET.KV_shop"), api("DIRECT.GET.KV_shop.$KV.shop.x"),
		api("STREAM.LIST"), api("STREAM.NAMES"), api("INFO"), api("ACCOUNT.PURGE.x"), api("META.LEADER.STEPDOWN"),
		api("STREAM.DELETE.troupe-history"), api("STREAM.PURGE.troupe-history"), api("STREAM.UPDATE.troupe-history"),
		api("STREAM.MSG.DELETE.troupe-history"), api("CONSUMER.CREATE.troupe-history.x"),
		"troupe-history.on." + topicToken("lobby"), "troupe-history.x",
		"$KV.shop.x", "$KV.troupe-names.a.b", "$SYS.REQ.SERVER.PING", "anything",
	} {
		expectRefused(t, "publish on "+subject, subject, conn, refused, func() error {
			return conn.Publish(subject, []byte("{}"))
		})
	}
	for _, subject := range []string{
		"troupe.pubsub.to." + token + ".>", "troupe.call.*." + token + ".>", "troupe.call.>",
		"troupe.observer.74726f757065.re.>", "troupe.observer.74726f757065.re." + token + ".>", "troupe.observer.74726f757065.node." + token,
		"_INBOX.>", "_INBOX." + token + ".>", "$KV.>", "$JS.>", "$SYS.>", ">",
	} {
		expectRefused(t, "subscribe to "+subject, subject, conn, refused, func() error {
			_, err := conn.SubscribeSync(subject)
			return err
		})
	}
	for _, stream := range []string{names, "KV_shop"} { // it is all there
		if _, err := js.Stream(t.Context(), stream); err != nil {
			t.Errorf("%s: %v", stream, err)
		}
	}
	if _, err := js.Consumer(t.Context(), names, "audit"); err != nil {
		t.Error(err)
	}
}

// expectRefused has something be tried that the server refuses.
func expectRefused(t *testing.T, what, subject string, conn *nats.Conn, refused <-chan error, try func() error) {
	t.Helper()
	if err := errors.Join(try(), conn.Flush()); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	// The server's answer came before that of Flush, so that this one is of this act.
	err := conn.LastError()
	if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), fmt.Sprintf("%q", subject)) {
		t.Errorf("%s: %v", what, err)
	}
	for len(refused) > 0 {
		<-refused
	}
}

// What others can have NATS deliver to subjects of calls, by a consumer, is dropped there: it
// comes with the subject that it was published on, which may look like a caller's.
func TestConsumerCannotForgeCalls(t *testing.T) {
	s, here, there := pair(t, NamesConfig{})
	_, got := there.worker(t, "desk")
	if _, err := do.Call(t.Context(), here.find(t, "desk"), "say hello"); err != nil { // here listens to replies then
		t.Fatal(err)
	}
	await(t, got)
	conn := connect(t, s)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	bucket := bucketOf(there.leases)
	subject := "$KV." + bucket + "." + subjectToken("berlin") // the sender's place
	q := request{kind: toSend, name: "desk", method: "do", body: []byte(`"say hello"`)}
	if _, err := js.Publish(t.Context(), subject, q.encode()); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{there.calls.x.toSelf + subjectToken("berlin"), here.calls.x.inbox + "1"} {
		delivered, err := conn.SubscribeSync(to) // without one the server delivers nothing
		if err == nil {
			_, err = js.CreatePushConsumer(t.Context(), "KV_"+bucket, jetstream.ConsumerConfig{
				DeliverSubject: to, FilterSubject: subject, AckPolicy: jetstream.AckNonePolicy,
			})
		}
		if err == nil {
			_, err = delivered.NextMsg(patience)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	until(t, there.calls.x, func() bool { return there.Stats().Malformed == 1 })
	if got, err := do.Call(t.Context(), here.find(t, "desk"), "say hello"); err != nil || got != "hello" {
		t.Errorf("a call: %q, %v", got, err)
	}
	if n := len(got); n != 1 {
		t.Errorf("%d requests were carried out, want the one that was a node's", n)
	}
}
