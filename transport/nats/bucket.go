package nats

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// bucket is what names need of a bucket of JetStream.
type bucket interface {
	// make makes the bucket, with revisions from first on. It reports whether there was none, or
	// only one that was made with the same first: a request may come through twice.
	make(ctx context.Context, first uint64) (made bool, err error)

	// get returns what stands under a key.
	get(ctx context.Context, key string) (entry, error)

	// put writes a value if the last revision under the key is after; 0: there is nothing.
	// It is gone after ttl, or never if that is 0.
	put(ctx context.Context, key string, value []byte, after uint64, ttl time.Duration) (revision uint64, err error)

	// remove leaves nothing under the key, if the last revision there is after. For a while a
	// marker says so, with the note.
	remove(ctx context.Context, key string, note []byte, after uint64) (revision uint64, err error)

	// born returns when the bucket was made, by NATS's clock: which one of those of its name it is.
	born(ctx context.Context) (int64, error)

	// raise has revisions be from first on, if they are not yet, in the bucket of that birth: older
	// ones are gone. It fails with errMoved if there is another one, as far as that can be known
	// when the request for it is sent.
	raise(ctx context.Context, first uint64, born int64) error

	// mayRaise changes nothing, and fails where raise would be refused.
	mayRaise(ctx context.Context, first uint64) error

	// follow tells all that stands in the bucket under keys without dots, and what comes to
	// stand there; and that it is at work, so often. ctx is for the beginning.
	follow(ctx context.Context, every time.Duration) (*feed, error)
}

// entry is what stands under a key. If value is nil that is nothing, though a marker with the
// revision may say so.
type entry struct {
	value    []byte
	revision uint64
	stored   time.Time // by NATS's clock; zero if NATS has not said it
	note     []byte    // what was left by the one that has removed the value
	lapsed   bool      // the value has gone by its TTL
}

var (
	errNoBucket = errors.New("there is no bucket")
	errMoved    = errors.New("another revision stands there")
)

// kvBucket is a bucket of JetStream's KV. It is written to as a stream: KV has no renewal with
// a TTL, and no choice of the first revision.
type kvBucket struct {
	js       jetstream.JetStream
	name     string
	replicas int
	prefix   string // of the subjects of what is written; that of what is read has no domain

	stream atomic.Pointer[jetstream.Stream] // nil until it is known that there is one
}

// markersFor is for how long a bucket remembers that a name has gone, for those that watch it.
const markersFor = time.Minute

func newKVBucket(js jetstream.JetStream, name string, replicas int) *kvBucket {
	o := js.Options()
	prefix := ""
	switch {
	case o.Domain != "":
		prefix = "$JS." + o.Domain + ".API."
	case o.APIPrefix != "":
		prefix = strings.TrimSuffix(o.APIPrefix, ".") + "."
	}
	return &kvBucket{js: js, name: name, replicas: max(replicas, 1), prefix: prefix}
}

// config is that of KV's buckets of one value for each key, but for the first revision. It
// does not depend on the lease, which so may differ from node to node.
func (b *kvBucket) config(first uint64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:                   "KV_" + b.name,
		Subjects:               []string{"$KV." + b.name + ".>"},
		MaxMsgsPerSubject:      1,
		MaxMsgs:                -1,
		MaxBytes:               -1,
		MaxMsgSize:             -1,
		MaxConsumers:           -1,
		Discard:                jetstream.DiscardNew,
		Duplicates:             2 * time.Minute,
		AllowRollup:            true,
		DenyDelete:             true,
		AllowMsgTTL:            true,
		SubjectDeleteMarkerTTL: markersFor, // so that those that watch see leases end
		Replicas:               b.replicas,
		// A replica's answer may be old; without this it is the leader that answers.
		AllowDirect: b.replicas == 1,
		// What is lost is lost as a whole, and that is seen. A file may come back without its
		// last revisions.
		Storage:  jetstream.MemoryStorage,
		FirstSeq: first,
	}
}

// fits returns an error if names cannot be in a stream of that kind.
func (b *kvBucket) fits(c jetstream.StreamConfig) error {
	switch {
	case !c.AllowMsgTTL:
		return errors.New("the bucket has no TTL for each key, for which nats-server must be 2.11 or later")
	case c.MaxMsgsPerSubject != 1 || c.MaxAge != 0 || c.DenyPurge,
		c.RePublish != nil || c.Mirror != nil || len(c.Sources) > 0 || c.SubjectTransform != nil:
		return errors.New("the bucket was not made for names")
	}
	return nil
}

func (b *kvBucket) make(ctx context.Context, first uint64) (made bool, err error) {
	config := b.config(first)
	stream, err := b.js.CreateStream(ctx, config)
	if made = err == nil; errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		stream, err = b.js.Stream(ctx, config.Name)
	}
	if err == nil {
		c := stream.CachedInfo().Config
		made = made || c.FirstSeq == first
		err = b.fits(c)
	}
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return false, fmt.Errorf("JetStream may not be enabled, or its servers elect a leader: %w", err)
	case err != nil:
		return false, err
	}
	b.stream.Store(&stream)
	return made, nil
}

func (b *kvBucket) get(ctx context.Context, key string) (entry, error) {
	stream := b.stream.Load()
	if stream == nil {
		return entry{}, errNoBucket
	}
	m, err := (*stream).GetLastMsgForSubject(ctx, "$KV."+b.name+"."+key)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return entry{}, nil
	case err != nil:
		return entry{}, bucketError(err)
	}
	e := entry{revision: m.Sequence, stored: m.Time}
	e.read(m.Header, m.Data)
	return e, nil
}

// operation is the header of KV's markers.
const operation = "KV-Operation"

// read takes from a message of the stream what it says of its key.
func (e *entry) read(h nats.Header, data []byte) {
	switch reason := h.Get(jetstream.MarkerReasonHeader); {
	case reason != "":
		e.lapsed = reason == "MaxAge"
	case h.Get(operation) != "":
		e.note = data
	default:
		e.value = data
		if data == nil {
			e.value = []byte{} // it stands there
		}
	}
}

func (b *kvBucket) put(ctx context.Context, key string, value []byte, after uint64, ttl time.Duration) (uint64, error) {
	return b.publish(ctx, key, "", value, after, ttl)
}

func (b *kvBucket) remove(ctx context.Context, key string, note []byte, after uint64) (uint64, error) {
	return b.publish(ctx, key, "DEL", note, after, markersFor)
}

func (b *kvBucket) publish(ctx context.Context, key, marker string, data []byte, after uint64, ttl time.Duration) (uint64, error) {
	m := nats.NewMsg(b.prefix + "$KV." + b.name + "." + key)
	m.Data = data
	if marker != "" {
		m.Header.Set(operation, marker)
	}
	options := []jetstream.PublishOpt{
		jetstream.WithExpectLastSequencePerSubject(after),
		jetstream.WithRetryAttempts(0), // there is somebody, or there is no bucket
	}
	if ttl > 0 {
		options = append(options, jetstream.WithMsgTTL(wholeSeconds(ttl)))
	}
	ack, err := b.js.PublishMsg(ctx, m, options...)
	if err != nil {
		return 0, bucketError(err)
	}
	return ack.Sequence, nil
}

// wholeSeconds rounds up: the server rounds TTLs down to seconds.
func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

func (b *kvBucket) born(ctx context.Context) (int64, error) {
	info, err := b.info(ctx)
	if err != nil {
		return 0, err
	}
	return info.Created.UnixNano(), nil
}

func (b *kvBucket) info(ctx context.Context) (*jetstream.StreamInfo, error) {
	stream := b.stream.Load()
	if stream == nil {
		return nil, errNoBucket
	}
	info, err := (*stream).Info(ctx)
	return info, bucketError(err)
}

// raise needs a right to purge if the bucket begins below first: one made by a NATS cluster of which
// all servers were restarted is as it was when it was made at first.
func (b *kvBucket) raise(ctx context.Context, first uint64, born int64) error {
	info, err := b.info(ctx)
	if err == nil && info.Created.UnixNano() != born {
		err = fmt.Errorf("%w: the bucket was made again", errMoved)
	}
	if err != nil {
		return err
	}
	return b.purge(ctx, info, first, jetstream.WithPurgeSequence(first))
}

// mayRaise purges what there is never.
func (b *kvBucket) mayRaise(ctx context.Context, first uint64) error {
	info, err := b.info(ctx)
	if err != nil {
		return err
	}
	return b.purge(ctx, info, first, jetstream.WithPurgeSubject("$KV."+b.name+".nothing.stands.here"))
}

// purge does so if the bucket begins below first.
func (b *kvBucket) purge(ctx context.Context, info *jetstream.StreamInfo, first uint64, what jetstream.StreamPurgeOpt) error {
	if info.State.FirstSeq >= first {
		return nil
	}
	err := bucketError((*b.stream.Load()).Purge(ctx, what))
	if err != nil {
		return fmt.Errorf("purge the stream %q up to %d: %w", "KV_"+b.name, first, b.refused(err, "STREAM.PURGE.KV_"+b.name+`"`))
	}
	return nil
}

// refused returns the error of a request that has had no answer, with what the server has said of
// it, if anything: what it does not permit it does not answer, but tells the connection.
func (b *kvBucket) refused(err error, subject string) error {
	last := b.js.Conn().LastError()
	if errors.Is(last, nats.ErrPermissionViolation) && strings.Contains(last.Error(), subject) {
		return fmt.Errorf("%w: %w", err, last)
	}
	return err
}

// leaderless reports whether NATS cannot do now what it can when its servers have elected leaders.
func leaderless(err error) bool {
	e, ok := errors.AsType[*jetstream.APIError](err)
	return ok && e.Code == http.StatusServiceUnavailable || errors.Is(err, errNoBucket) ||
		errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrJetStreamNotEnabled)
}

// bucketError wraps what NATS says with what that means for a bucket.
func bucketError(err error) error {
	e, ok := errors.AsType[*jetstream.APIError](err)
	switch {
	case ok && (e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant):
		return fmt.Errorf("%w: %w", errMoved, err)
	case errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrNoStreamResponse),
		errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("%w: %w", errNoBucket, err)
	}
	return err
}
