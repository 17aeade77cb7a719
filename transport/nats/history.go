package nats

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/transport/ws/history"
)

// History is a [history.Store] on JetStream, for the field Store of ws.History: what is broadcast
// on recorded topics has one order on all nodes, and outlives them. Only Conn must be set:
//
//	store := &nats.History{Conn: node.Conn()}
//	rooms.History = &ws.History{Store: store}
//
// There is nothing to start or to close. The first node that needs it makes the stream, which all
// nodes and topics share; nats-server must be 2.11 or later. An existing stream keeps its limits,
// whatever the fields say: change them by NATS's own tools. The fields must not be changed once
// it is in use.
//
// What a node appends is acknowledged when the stream has it, and comes to the nodes that follow
// the topic, and to no other, over a subscription of NATS for each topic; there are no consumers.
// Each message says which one was before it. What was lost on its way is read from the stream:
// when the next one comes, when the connection is back, or after a minute.
//
// What holds, in each failure:
//
//   - A node crashes, or is replaced: the others, and the next one, have the same log.
//   - A node is cut off: its broadcasts fail; one that was on its way fails with
//     nats.ErrDisconnected, and may have been recorded; its clients get what they have missed when
//     it is back, in order, or are told if that is more than the stream keeps.
//   - NATS is restarted: the stream is in files, so the same holds.
//   - The stream is deleted, or lost: a node makes another one, whose positions have another
//     epoch, and clients are told that they may have missed something. To empty it, delete it.
//   - The server refuses subscriptions, by max_subscriptions or for want of a permission:
//     [History.Follow] fails, which is logged and tried again, and clients that join a topic whose
//     log is not here yet are told that they may have missed something. After max_subscriptions
//     Follow fails until the connection is made anew, also when others are given up: NATS does not
//     say which one it has refused, so any may be deaf, and a connection asks for them again only
//     when it is made anew. That of a [Node] is so the first time; one of the program's own is
//     if an [Adapter] is on it, or by nats.Conn.ForceReconnect.
//   - The stream loses acknowledged messages, or is brought back from a backup: nodes that have
//     seen more tell their clients, also after others have taken the places of those messages, and
//     those that come back before the stream is as long again are told anew. A client that comes
//     to another node then is not told. Replicas, or sync_interval: always, prevent it.
//
// A position is good for as long as the stream keeps what came after it on any topic: a client
// of a topic that was quiet for longer than TTL may be told that it may have missed something on
// another node though it has not.
//
// Phoenix: none.
type History struct {
	// Conn is the connection, such as that of [Node.Conn].
	Conn *nats.Conn
	// Stream is the stream's name, which begins its subjects; "troupe-history" if empty.
	// It has no dots, spaces, slashes and wildcards.
	Stream string
	// Size is how many messages of each topic are kept; 1,000 if 0.
	Size int
	// TTL is how long they are kept; an hour if 0.
	TTL time.Duration
	// MaxBytes is how many bytes of all topics are kept; 1 GiB if 0.
	MaxBytes int64
	// Replicas is on how many servers of a NATS cluster the stream is; 1 if 0.
	Replicas int

	turns chan struct{} // of those that read, a few at a time
	once  sync.Once
	js    jetstream.JetStream
	fault error // why it cannot be used

	states  shared[streamState]
	flushes shared[struct{}]
	live    historyFeed
}

var _ history.Store = (*History)(nil)

const (
	defaultHistory = "troupe-history"

	// plainTopic is up to which length a topic is in its subject as it is: subjects stay below what
	// NATS takes by default.
	plainTopic = 1024

	// idempotentFor is how long the stream knows the keys of broadcasts.
	idempotentFor = 5 * time.Minute

	// historyReads is how many topics are read at a time: a node that is back reads all its own.
	historyReads = 32

	// historyPart is how many bytes are read at a time, and one message.
	historyPart = 1 << 20

	// historyAgain is after how long without an answer something is asked for again. There is none,
	// ever, while servers elect a leader, or where two connections are the first to ask one that has
	// just been started.
	historyAgain = time.Second
)

func (h *History) stream() string { return cmp.Or(h.Stream, defaultHistory) }

// begin makes ready what all methods use.
func (h *History) begin() error {
	h.once.Do(func() {
		h.turns = make(chan struct{}, historyReads)
		switch name := h.stream(); {
		case h.Conn == nil:
			h.fault = errors.New("nats: a History needs a Conn")
		case !isSubject(name) || strings.ContainsAny(name, `./\`):
			h.fault = fmt.Errorf("nats: %q cannot be the name of a stream", name)
		case h.Size < 0 || h.TTL < 0 || h.MaxBytes < 0 || h.Replicas < 0:
			h.fault = errors.New("nats: a limit of a History is negative")
		default:
			h.js, h.fault = jetstream.New(h.Conn)
		}
	})
	return h.fault
}

// put and on are the subjects of a topic: of what is appended, and of what has been.
func (h *History) put(topic string) string { return h.stream() + ".put." + topicToken(topic) }
func (h *History) on(topic string) string  { return h.stream() + ".on." + topicToken(topic) }

// topicToken names a topic in subjects. No two have the same, and it is never empty.
func topicToken(topic string) string {
	if topic == "" || len(topic) > plainTopic {
		return fmt.Sprintf("sha256-%x", sha256.Sum256([]byte(topic)))
	}
	return hex.EncodeToString([]byte(topic))
}

// check returns why a call must fail. ctx counts first: later on, an answer may be as quick.
func (h *History) check(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return h.begin()
}

func (h *History) config() jetstream.StreamConfig {
	ttl := cmp.Or(h.TTL, time.Hour)
	return jetstream.StreamConfig{
		Name:              h.stream(),
		Subjects:          []string{h.stream() + ".put.*"},
		MaxMsgsPerSubject: int64(cmp.Or(h.Size, 1000)),
		MaxAge:            ttl,
		MaxBytes:          cmp.Or(h.MaxBytes, 1<<30),
		Discard:           jetstream.DiscardOld,
		Duplicates:        min(idempotentFor, ttl),
		Storage:           jetstream.FileStorage,
		Replicas:          max(h.Replicas, 1),
		AllowDirect:       true,
		// So that nothing is lost but from the beginning.
		DenyDelete: true,
		DenyPurge:  true,
		RePublish:  &jetstream.RePublish{Source: h.stream() + ".put.*", Destination: h.stream() + ".on.{{wildcard(1)}}"},
	}
}

var errForeignStream = errors.New("the stream was not made for histories")

// streamState is what a stream says of itself.
type streamState struct {
	epoch       string
	first, last uint64
	perTopic    int
	replicas    int
}

// state asks the stream, which is made if there is none. The answer is of after the call.
func (h *History) state(ctx context.Context) (streamState, error) {
	return h.states.get(ctx, func(ctx context.Context) (streamState, error) {
		return persist(ctx, historyAgain, h.askState, drop)
	})
}

func (h *History) askState(ctx context.Context) (s streamState, err error) {
	stream, err := h.js.Stream(ctx, h.stream())
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = h.js.CreateStream(ctx, h.config())
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			stream, err = h.js.Stream(ctx, h.stream())
		}
	}
	if err != nil {
		return s, err
	}
	info := stream.CachedInfo()
	c, want := info.Config, h.config()
	if c.RePublish == nil || c.RePublish.Destination != want.RePublish.Destination || c.RePublish.HeadersOnly ||
		!c.DenyDelete || !c.DenyPurge || !c.AllowDirect || c.AllowRollup || c.Mirror != nil || c.MaxMsgsPerSubject < 1 {
		return s, fmt.Errorf("stream %q: %w", h.stream(), errForeignStream)
	}
	return streamState{
		epoch: "J" + strconv.FormatInt(info.Created.UnixNano(), 36),
		first: info.State.FirstSeq, last: info.State.LastSeq,
		perTopic: int(c.MaxMsgsPerSubject), replicas: c.Replicas,
	}, nil
}

// Append implements [history.Store]. A key is known for five minutes.
func (h *History) Append(ctx context.Context, topic, key string, data []byte) error {
	if err := h.check(ctx); err != nil {
		return err
	}
	err := h.append(ctx, topic, key, data)
	if errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders) {
		if _, err = h.state(ctx); err == nil {
			err = h.append(ctx, topic, key, data)
		}
	}
	if err != nil {
		return fmt.Errorf("nats: append to the history of %q: %w", topic, err)
	}
	return nil
}

func (h *History) append(ctx context.Context, topic, key string, data []byte) error {
	m := &nats.Msg{Subject: h.put(topic), Data: data}
	options := []jetstream.PublishOpt{jetstream.WithExpectStream(h.stream()), jetstream.WithRetryAttempts(0)}
	if key != "" {
		options = append(options, jetstream.WithMsgID(messageID(topic, key)))
	}
	ctx, done := untilCut(ctx, h.Conn)
	defer done()
	_, err := h.js.PublishMsg(ctx, m, options...)
	if err != nil && context.Cause(ctx) == nats.ErrDisconnected {
		err = nats.ErrDisconnected
	}
	return err
}

// messageID returns what the stream knows a key of a topic by.
func messageID(topic, key string) string {
	text := binary.AppendUvarint(nil, uint64(len(topic)))
	sum := sha256.Sum256(append(append(text, topic...), key...))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
