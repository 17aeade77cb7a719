package nats

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// frame is what travels in a message between adapters. The sender is in the message's subject,
// where permissions of NATS can bind it. The topic is not, because it may be any string.
type frame struct {
	// incarnation is random: the sender from one Join to the next Leave.
	incarnation uint64

	// number counts what the sender has sent to all in this part of the topics, or to this
	// node in it. So what is missing is noticed. 0 is not counted.
	number uint64

	topic string
	data  []byte
}

// frameVersion begins each frame. Version 1 had the sender in it, and no version.
const frameVersion = 2

// frameRoom is how many bytes of a frame, or a topicFrame, are neither topic nor data, at most.
const frameRoom = 2 + 8 + 3*binary.MaxVarintLen64

func (f frame) append(b []byte) []byte {
	b = appendHead(b, f.incarnation)
	b = binary.AppendUvarint(b, f.number)
	b = appendString(b, f.topic)
	return append(b, f.data...)
}

func appendHead(b []byte, incarnation uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, frameVersion), incarnation)
}

func appendString[S string | []byte](b []byte, s S) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

var errFrame = errors.New("malformed frame")

// cutHead returns the incarnation that a message begins with, and the rest.
func cutHead(b []byte) (incarnation uint64, rest []byte, err error) {
	switch {
	case len(b) < 9:
		return 0, nil, errFrame
	case b[0] != frameVersion:
		return 0, nil, fmt.Errorf("%w: version %d, want %d", errFrame, b[0], frameVersion)
	}
	return binary.BigEndian.Uint64(b[1:]), b[9:], nil
}

func cutNumber(b []byte) (n uint64, rest []byte, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 {
		return 0, nil, errFrame
	}
	return n, b[size:], nil
}

// decode returns a frame that keeps b.
func decode(b []byte) (f frame, err error) {
	if f.incarnation, b, err = cutHead(b); err != nil {
		return frame{}, err
	}
	if f.number, b, err = cutNumber(b); err != nil {
		return frame{}, err
	}
	if f.topic, f.data, err = cutString(b); err != nil {
		return frame{}, err
	}
	return f, nil
}

// cutBytes returns what stands at the beginning of b behind its length, and the rest.
func cutBytes(b []byte) (part, rest []byte, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, errFrame
	}
	b = b[size:]
	return b[:n:n], b[n:], nil
}

func cutString(b []byte) (s string, rest []byte, err error) {
	part, rest, err := cutBytes(b)
	return string(part), rest, err
}
