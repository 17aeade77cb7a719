package nats

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// lines are what is logged.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	select {
	case l <- string(b):
	default:
	}
	return len(b), nil
}

func (l lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// until waits until something is logged.
func (l lines) until(t *testing.T, text string) {
	t.Helper()
	for !strings.Contains(await(t, l), text) {
	}
}

// A node whose server has fewer subscriptions for it than the node wants topics takes all topics,
// and says so: what is published on any of them comes, and so does what was asked for meanwhile.
func TestNodeHearsAllThatItsServerRefuses(t *testing.T) {
	t.Parallel()
	const most, topics = 20, 40
	s := startServerWith(t, &server.Options{Port: server.RANDOM_PORT, MaxSubs: most})
	log, cluster := make(lines, 1000), prefix()
	n, ps := newMember(t, Config{URL: s.ClientURL(), Name: "a", Cluster: cluster, Logger: log.logger()})
	heard := make(map[string]subscriber)
	for i := range topics {
		topic := fmt.Sprint("t", i)
		heard[topic] = listen(t, ps, topic)
	}
	own, err := n.Conn().SubscribeSync("own") // also refused at first
	if err != nil {
		t.Fatal(err)
	}
	log.until(t, "node takes all topics")
	conn := connect(t, s)
	number := uint64(0)
	round := func() {
		number++
		for topic := range heard {
			h := hashOf("rooms/" + topic)
			f := topicFrame{incarnation: 1, number: number, topic: "rooms/" + topic, data: []byte(`"x"`)}
			if err := conn.Publish(cluster+".pubsub.on."+h.token()+"."+subjectToken("b"), f.append(nil)); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(conn.Publish("own", nil), conn.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	again := time.NewTicker(50 * time.Millisecond) // the node connects anew
	defer again.Stop()
	limit := time.After(patience)
	for topic, s := range heard {
		for came := false; !came; {
			select {
			case <-s:
				came = true
			case <-again.C:
				round()
			case <-limit:
				t.Fatalf("nothing has come on %q", topic)
			}
		}
	}
	if _, err := own.NextMsg(patience); err != nil {
		t.Errorf("the program's own subscription: %v", err)
	}
	if err := n.Health(); err != nil {
		t.Error(err)
	}
}

// A node that cannot do with the subscriptions that its server grants says that it is not well.
func TestNodeThatIsDeafIsNotWell(t *testing.T) {
	t.Parallel()
	s := startServerWith(t, &server.Options{Port: server.RANDOM_PORT, MaxSubs: 20})
	log := make(lines, 1000)
	n, _ := newMember(t, Config{URL: s.ClientURL(), Name: "a", Cluster: prefix(), Logger: log.logger()})
	if err := n.Health(); err != nil {
		t.Fatal(err)
	}
	for i := range 30 { // not its own
		if _, err := n.Conn().SubscribeSync(fmt.Sprint("own.", i)); err != nil {
			t.Fatal(err)
		}
	}
	log.until(t, "node is deaf")
	if err := n.Health(); !errors.Is(err, errDeaf) {
		t.Errorf("health: %v", err)
	}
}

// On a connection of the program's own, which has an error handler of its own, the node says and
// counts that it is refused subscriptions.
func TestRefusalOnTheProgramsConnectionIsTold(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		topics, own int // subscriptions
		logged      string
		denied      uint64
		deaf        bool
	}{
		"of topics":     {topics: 40, logged: "node takes all topics", denied: 1},
		"of what stays": {own: 30, logged: "node is deaf", denied: 2, deaf: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServerWith(t, &server.Options{Port: server.RANDOM_PORT, MaxSubs: 20})
			log, quick := make(lines, 1000), defaultTimes
			quick.linger = 20 * time.Millisecond
			told := make(chan error, 1000)
			conn := connect(t, s, nats.NoEcho(), nats.MaxReconnects(-1), nats.ReconnectWait(time.Millisecond))
			conn.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { told <- err })
			a := &Adapter{Conn: conn, Name: "a", Prefix: prefix(), Logger: log.logger(), times: quick}
			cluster, ps := pubsub.NewCluster(a), new(pubsub.PubSub[string])
			children := []supervisor.Child{supervisor.Actor("cluster", cluster.Behavior)}
			if _, err := supervisor.Start(newSystem(t), supervisor.Spec{Children: children}); err != nil {
				t.Fatal(err)
			}
			if err := ps.Connect(cluster, "rooms", pubsub.JSON[string]{}); err != nil {
				t.Fatal(err)
			}
			if n := cluster.Traffic().Denied; n != 0 {
				t.Errorf("%d are counted before any is refused", n)
			}
			for i := range test.topics {
				listen(t, ps, fmt.Sprint("t", i))
			}
			for i := range test.own {
				if _, err := conn.SubscribeSync(fmt.Sprint("own.", i)); err != nil {
					t.Fatal(err)
				}
			}
			log.until(t, test.logged)
			if n := cluster.Traffic().Denied; n != test.denied {
				t.Errorf("%d are counted, want %d", n, test.denied)
			}
			if deaf := a.deaf(); deaf != test.deaf {
				t.Errorf("deaf: %t, want %t", deaf, test.deaf)
			}
			if err := await(t, told); !errors.Is(err, nats.ErrMaxSubscriptionsExceeded) {
				t.Errorf("the program's handler is told %v", err)
			}
		})
	}
}

// What NATS does not permit is logged, and told to the program's own handler.
func TestWhatIsNotPermittedIsLogged(t *testing.T) {
	s := startServerWith(t, &server.Options{Port: server.RANDOM_PORT, Users: []*server.User{{
		Username: "a", Password: "a", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"secret"}}},
	}}})
	log, told := make(lines, 1000), make(chan error, 10)
	n, _ := newMember(t, Config{URL: s.ClientURL(), Name: "a", Cluster: prefix(), Logger: log.logger(), Options: []nats.Option{
		nats.UserInfo("a", "a"), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { told <- err }),
	}})
	if err := n.Conn().Publish("secret", nil); err != nil {
		t.Fatal(err)
	}
	log.until(t, "secret")
	if err := await(t, told); !errors.Is(err, nats.ErrPermissionViolation) {
		t.Errorf("told of %v", err)
	}
}
