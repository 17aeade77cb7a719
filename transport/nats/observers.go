package nats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
)

// Observers are the observers of a cluster's nodes, so that one page shows them all: the
// Cluster of an observer's Config. Each node has one with the same Cluster and a Name of its
// own. The fields must not be changed once it is in use; all methods may be called from any
// goroutine.
//
// A node answers all that may publish on its subjects, which begin with "troupe.observer.":
// NATS's permissions say which programs may look, and its observer's Authorize is not asked.
// Nothing can be changed that way. A node that is not to be seen has no Observers.
type Observers struct {
	// Conn is the connection, which may serve others as well. It must outlive what Serve
	// returns.
	Conn *nats.Conn

	// Name is the node's name, which no other node of the cluster may have. It must not be
	// empty. If two have it both are asked, and the answer counts that comes first; Nodes logs
	// it, once.
	Name string

	// Cluster is what all nodes of a cluster call it; "troupe" if empty.
	Cluster string

	// Logger gets what goes wrong in the background, within the bounds of package boundlog;
	// slog.Default() if nil.
	Logger *slog.Logger

	twins sync.Once // has told of them
}

const (
	observerSubjects = "troupe.observer."
	observerVersion  = 1

	maxQuery  = 8 << 10
	maxAnswer = 512 << 10
	maxName   = 256 // bytes of a node's name that another one believes

	askFor      = 10 * time.Second       // how long Ask waits at most, and an answer may take
	nodesQuiet  = 100 * time.Millisecond // after the last node has answered, no other one is expected
	nodesFor    = 500 * time.Millisecond
	nodesAtMost = 1000

	queriesAtOnce = 16

	answersOfTwins = 4 // that may wait, where one is wanted
)

// Self returns the node's name.
func (o *Observers) Self() string { return o.Name }

func (o *Observers) subjects() string {
	return observerSubjects + subjectToken(cmp.Or(o.Cluster, "troupe"))
}

func (o *Observers) subjectOfAll() string { return o.subjects() + ".all" }

func (o *Observers) subjectOf(node string) string {
	return o.subjects() + ".node." + subjectToken(node)
}

// inbox returns a subject for replies, which no other request has, and to which permissions of
// NATS let no other node listen.
func (o *Observers) inbox() string {
	return o.subjects() + ".re." + subjectToken(o.Name) + "." + strings.TrimPrefix(nats.NewInbox(), nats.InboxPrefix)
}

// isInbox reports whether a subject is one that a reply may go to. Others could make a node
// publish elsewhere.
func (o *Observers) isInbox(subject string) bool {
	return strings.HasPrefix(subject, o.subjects()+".re.")
}

// Nodes returns the nodes that answer now, with this one. It waits until no more answers come,
// for half a second at most, or until ctx is done.
func (o *Observers) Nodes(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	nodes := make(chan []string, 1)
	err := actor.Guard(ctx, func() error { // Publish may wait for the server
		found, err := o.collect(ctx, nodesWait{nodesQuiet, nodesFor, math.MaxInt})
		nodes <- found
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("nats: ask for the nodes: %w", err)
	}
	return <-nodes, nil
}

// nodesWait says for how many answers to wait, for how long in all, and for how long without one.
type nodesWait struct {
	quiet, within time.Duration
	answers       int
}

func (o *Observers) collect(ctx context.Context, wait nodesWait) ([]string, error) {
	sub, err := o.request(o.subjectOfAll(), nil, nodesAtMost, nodesAtMost*(maxName+2))
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	ctx, cancel := context.WithTimeout(ctx, wait.within)
	defer cancel()
	nodes, answers := []string{o.Name}, map[string]int{}
	for n := 0; n < wait.answers && len(nodes) < nodesAtMost; n++ {
		quiet, cancel := context.WithTimeout(ctx, wait.quiet)
		m, err := sub.NextMsgWithContext(quiet)
		cancel()
		if err != nil || isNobody(m) { // no more have come in time, or there are none
			break
		}
		name, err := answerIn(m.Data)
		if err != nil || len(name) == 0 || len(name) > maxName {
			continue
		}
		node := string(name)
		answers[node]++
		switch {
		case answers[node] > 1:
			o.tellOfTwins(node)
		case node != o.Name:
			nodes = append(nodes, node)
		}
	}
	return nodes, nil
}

func (o *Observers) tellOfTwins(node string) {
	o.twins.Do(func() {
		newLog(o.Logger).Error("more than one node answers by a name: what is shown may be of either", "node", node)
	})
}

// request publishes a request, and returns what its replies come through. No more of these
// wait than are wanted: others can send as many as they like.
func (o *Observers) request(subject string, data []byte, replies, bytes int) (*nats.Subscription, error) {
	if !o.Conn.IsConnected() {
		return nil, errNotSent
	}
	inbox := o.inbox()
	sub, err := o.Conn.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	err = sub.SetPendingLimits(replies, bytes)
	if err == nil {
		err = o.Conn.PublishRequest(subject, inbox, data)
	}
	if err != nil {
		_ = sub.Unsubscribe()
		return nil, err
	}
	return sub, nil
}

// Ask has another node answer a query, and waits until ctx is done, or ten seconds. If there
// is no such node it fails at once, with an error that wraps [ErrNoConnection].
func (o *Observers) Ask(ctx context.Context, node string, query []byte) ([]byte, error) {
	switch {
	case len(node) > maxName: // of no node; and no subject for NATS, which would end the connection
		return nil, fmt.Errorf("nats: ask a node with a name of %d bytes: %w", len(node), ErrNoConnection)
	case len(query) > maxQuery:
		return nil, fmt.Errorf("nats: ask node %q: %d bytes, of at most %d: %w", node, len(query), maxQuery, ErrTooLarge)
	}
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	answer := make(chan []byte, 1)
	err := actor.Guard(ctx, func() error { // Publish may wait for the server
		data, err := o.ask(ctx, node, query)
		if err == nil {
			answer <- data
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("nats: ask node %q: %w", node, err)
	}
	return <-answer, nil
}

func (o *Observers) ask(ctx context.Context, node string, query []byte) ([]byte, error) {
	sub, err := o.request(o.subjectOf(node), query, answersOfTwins, answersOfTwins*(maxAnswer+2))
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	m, err := sub.NextMsgWithContext(ctx)
	switch {
	case errors.Is(err, nats.ErrNoResponders), err == nil && isNobody(m):
		return nil, ErrNoConnection
	case err != nil:
		return nil, err
	}
	return answerIn(m.Data)
}

// Answers are a version, whether there is one, and the answer or the text of the error.
const (
	answerFailed = iota
	answerGiven
)

func answerIn(data []byte) ([]byte, error) {
	switch {
	case len(data) < 2 || len(data) > maxAnswer+2:
		return nil, errFrame
	case data[0] != observerVersion:
		return nil, ErrVersion
	case data[1] != answerGiven:
		return nil, &RemoteError{Text: cut(string(data[2:]))}
	}
	return data[2:], nil
}

// Serve has answer called for what the other nodes ask, until stop is called, which waits for
// nothing. It runs on a goroutine of its own for each query, at most 16 at a time, with a
// context that is done after ten seconds or at stop. An answer has at most 512 KiB. If answer
// panics or calls runtime.Goexit, that is the asker's error.
func (o *Observers) Serve(answer func(ctx context.Context, query []byte) []byte) (stop func(), err error) {
	if o.Conn == nil {
		return nil, errors.New("nats: serve an observer: it needs a connection")
	}
	if err := checkNode(o.Name); err != nil {
		return nil, fmt.Errorf("nats: serve an observer: %w", err)
	}
	s := &observed{Observers: o, answer: answer, log: newLog(o.Logger), room: make(chan struct{}, queriesAtOnce)}
	s.life, s.end = context.WithCancel(context.Background())
	for subject, f := range map[string]nats.MsgHandler{o.subjectOfAll(): s.present, o.subjectOf(o.Name): s.take} {
		sub, err := o.Conn.Subscribe(subject, f)
		if err != nil {
			s.stop()
			return nil, fmt.Errorf("nats: serve an observer: %w", err)
		}
		s.subs = append(s.subs, sub)
	}
	return s.stop, nil
}

// observed is a node that answers.
type observed struct {
	*Observers
	answer func(context.Context, []byte) []byte
	log    *slog.Logger
	subs   []*nats.Subscription
	room   chan struct{} // has one for each query that is being answered
	life   context.Context
	end    context.CancelFunc
	once   sync.Once
}

func (s *observed) stop() {
	s.once.Do(func() {
		s.end()
		go func() { // it may wait for a slow server
			for _, sub := range s.subs {
				_ = sub.Unsubscribe() // it fails if the connection is closed, and they with it
			}
		}()
	})
}

// present tells a node that asks for all that this one is there.
func (s *observed) present(m *nats.Msg) {
	if s.life.Err() == nil {
		s.reply(m.Reply, answerGiven, []byte(s.Name))
	}
}

func (s *observed) reply(to string, kind byte, data []byte) {
	if !s.isInbox(to) {
		s.log.Error("not a request of an observer", "reply", to, "node", s.Name)
		return
	}
	if err := s.Conn.Publish(to, append([]byte{observerVersion, kind}, data...)); err != nil {
		s.log.Warn("answer of an observer not sent", "node", s.Name, "error", err)
	}
}

// take has a query answered, if there is room.
func (s *observed) take(m *nats.Msg) {
	if s.life.Err() != nil {
		return
	}
	if len(m.Data) > maxQuery || !s.isInbox(m.Reply) {
		s.log.Error("not a request of an observer", "reply", m.Reply, "bytes", len(m.Data), "node", s.Name)
		return
	}
	select {
	case s.room <- struct{}{}:
		go func() {
			defer func() { <-s.room }()
			s.carryOut(m)
		}()
	default:
		s.reply(m.Reply, answerFailed, []byte("too many questions at once"))
	}
}

func (s *observed) carryOut(m *nats.Msg) {
	ctx, cancel := context.WithTimeout(s.life, askFor)
	defer cancel()
	answer := make(chan []byte, 1)
	err := actor.Guard(context.Background(), func() error { // as long as it runs it has its place
		answer <- s.answer(ctx, m.Data)
		return nil
	})
	if err != nil {
		s.log.Error("answer of an observer failed", "node", s.Name, "error", err)
		s.reply(m.Reply, answerFailed, []byte(cut(err.Error())))
		return
	}
	if data := <-answer; len(data) > maxAnswer || int64(len(data))+2 > s.Conn.MaxPayload() {
		s.reply(m.Reply, answerFailed, fmt.Appendf(nil, "an answer of %d bytes, of at most %d", len(data), maxAnswer))
	} else {
		s.reply(m.Reply, answerGiven, data)
	}
}
