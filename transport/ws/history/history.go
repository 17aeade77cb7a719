// Package history is what a store of recorded topics does, see the field Store of
// [github.com/troupe-go/troupe/transport/ws.History]. With a store the logs of topics are those
// of all nodes, and outlive each of them. Package
// [github.com/troupe-go/troupe/transport/nats] has one on JetStream.
//
// A node keeps a copy of the log of each topic that it has clients on, reads it from the store
// once, and serves all of them from that. So a store sees one Since for a topic however many
// clients come back at the same time.
package history

import (
	"context"
	"errors"
	"time"
)

// Store keeps the logs of topics, and takes what is appended to them to all nodes: it is the
// one that puts the messages of a topic in order.
//
// It may be called from any goroutine. Its methods are bounded in time, by their ctx and
// otherwise: one that takes longer is left alone, and counts as failed. They may fail, panic or
// hang; what that costs are broadcasts, which fail, and clients, which are told that they may
// have missed something.
type Store interface {
	// Append adds data to the log of a topic, behind all that is there, and returns when the
	// store keeps it. If the log has a record with the same key from not long ago, Append
	// does nothing and returns nil; "" is no key. An error says nothing about whether it has
	// been added. The store must not change data, and may keep it.
	Append(ctx context.Context, topic, key string, data []byte) error

	// Since returns the records of a topic that are kept behind an offset, the oldest
	// first: limit of them at most, which is at least 1, or fewer where they are many bytes.
	// What was appended before Since was called counts, whatever node did that.
	Since(ctx context.Context, topic string, after uint64, limit int) (Span, error)

	// Follow tells of what is appended to a topic from when it returns until stop is called.
	// It does its best: records may come twice, late, in another order, or not at all. The
	// follower makes good what is missing by Since, as soon as it knows; so a store that has
	// been cut off calls Recheck. ctx is for Follow itself.
	Follow(ctx context.Context, topic string, f Follower) (stop func(), err error)
}

// Follower is told of what is appended to a topic. Its methods do not block, and may be called
// from any goroutine, also behind the end.
type Follower interface {
	// Deliver takes a record.
	Deliver(Record)
	// Recheck says that there may be records that have not been delivered.
	Recheck()
}

// Record is an entry of a topic's log. Its data must not be changed.
type Record struct {
	// Offset is where it stands: more than that of the records before it on the topic.
	Offset uint64
	// Previous is, for [Follower.Deliver], the offset of the record before it on the topic,
	// by which the follower knows that it has missed none. 0 stands for unknown.
	Previous uint64
	// At is when it was appended, by the store's clock, and the same whenever the store tells of
	// the record or it is read; the zero time is now.
	At   time.Time
	Data []byte
}

// Span is a part of the log of a topic, as one read of it.
type Span struct {
	// Epoch names the log. It is another one if the store has lost the log and begun anew, so
	// that an offset means something else. It has 1 to 64 letters, digits, - and _.
	Epoch string
	// Lost says up to which offset records may have been lost: what was appended behind both
	// Lost and the offset that was asked for, up to Top, is all there.
	Lost uint64
	// Top is the offset up to which the log has been read. It may be that of a record, or
	// more, as where topics share one numbering, but less than that of any record to come.
	Top uint64
	// Records are in order, and behind the offset that was asked for.
	Records []Record
	// More says that there are records behind Top already.
	More bool
}

// Check returns what is wrong with a span that was read behind an offset, or nil.
func (s Span) Check(after uint64) error {
	if !isEpoch(s.Epoch) {
		return errEpoch
	}
	last := after
	for _, r := range s.Records {
		if r.Offset <= last || r.Offset > s.Top {
			return errOrder
		}
		last = r.Offset
	}
	if s.More && last <= after {
		return errNothing
	}
	return nil
}

var (
	errEpoch   = errors.New("the epoch of the store's log is malformed")
	errOrder   = errors.New("the records of the store are not in order")
	errNothing = errors.New("the store has more records, and gives none")
)

func isEpoch(text string) bool {
	if text == "" || len(text) > 64 {
		return false
	}
	for _, r := range text {
		if (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-' && r != '_' {
			return false
		}
	}
	return true
}
