package nats

import (
	"encoding/binary"
	"fmt"
)

// topicVersion begins each frame to the nodes that want a topic. A node that sends one knows
// that all others understand it, see [peers]. What goes to all, and to one, is of frameVersion.
const topicVersion = 3

// topicFrame is what travels to the nodes that want a topic: a message, or how many there were.
type topicFrame struct {
	incarnation uint64 // as in a frame
	kind        byte

	// base grows with each series of numbers that the sender begins for the topic, and number
	// counts within it. Their sum only grows.
	base, number uint64

	topic string // of a tally, "" if it is too long to be kept
	data  []byte // of a message
}

// The kinds of topicFrames.
const (
	topicMessage byte = iota
	topicTally        // the message of that number was the latest one
)

func (f topicFrame) append(b []byte) []byte {
	b = append(b, topicVersion, f.kind)
	b = binary.BigEndian.AppendUint64(b, f.incarnation)
	b = binary.AppendUvarint(b, f.base)
	b = binary.AppendUvarint(b, f.number)
	b = appendString(b, f.topic)
	return append(b, f.data...)
}

// decodeTopic returns a frame that keeps b.
func decodeTopic(b []byte) (f topicFrame, err error) {
	switch {
	case len(b) < 10:
		return f, errFrame
	case b[0] != topicVersion:
		return f, fmt.Errorf("%w: version %d on a topic, want %d", errFrame, b[0], topicVersion)
	case b[1] > topicTally:
		return f, errFrame
	}
	f.kind, f.incarnation, b = b[1], binary.BigEndian.Uint64(b[2:]), b[10:]
	if f.base, b, err = cutNumber(b); err != nil {
		return topicFrame{}, err
	}
	if f.number, b, err = cutNumber(b); err != nil {
		return topicFrame{}, err
	}
	if f.number == 0 || f.base+f.number < f.base {
		return topicFrame{}, errFrame
	}
	if f.topic, f.data, err = cutString(b); err != nil {
		return topicFrame{}, err
	}
	return f, nil
}

// announcement is what a node says of itself before each of its beats to those that
// understand it.
type announcement struct {
	incarnation uint64
	version     byte   // the highest that it understands
	published   uint64 // how many messages it has sent to those that want their topics
}

// announcementVersion begins each announcement. It stays, whatever comes to stand behind what
// is known here: so any version can tell which one another node has.
const announcementVersion = 1

func (a announcement) encode() []byte {
	b := binary.BigEndian.AppendUint64([]byte{announcementVersion}, a.incarnation)
	return binary.AppendUvarint(append(b, a.version), a.published)
}

func decodeAnnouncement(b []byte) (a announcement, err error) {
	switch {
	case len(b) < 10:
		return a, errFrame
	case b[0] != announcementVersion:
		return a, fmt.Errorf("%w: version %d of an announcement, want %d", errFrame, b[0], announcementVersion)
	}
	a.incarnation, a.version = binary.BigEndian.Uint64(b[1:]), b[9]
	a.published, _, err = cutNumber(b[10:])
	return a, err
}
