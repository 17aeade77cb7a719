package nats

import (
	"encoding/binary"
	"fmt"
)

// topicVersion begins each frame to the nodes that want a topic. A node that sends one knows
// that all others understand it, see [peers]. What goes to all, and to one, is of frameVersion.
const topicVersion = 3

// packVersion begins each pack, likewise: a node that sends one knows that all others
// understand it.
const packVersion = 4

// latestVersion is the highest that a node of this program understands.
const latestVersion = packVersion

// topicFrame is what travels to the nodes that want a topic: a message, several ones that have
// waited together, or how many there were.
type topicFrame struct {
	incarnation uint64 // as in a frame
	kind        byte

	// base grows with each series of numbers that the sender begins for the topic, and number
	// counts within it. Their sum only grows. A pack has the number of its first message.
	base, number uint64

	topic string // of a tally, "" if it is too long to be kept
	data  []byte // of a message; of a pack, those of all, each behind its length

	more uint64 // messages behind the first one; it is not written, as the data tell
}

// last returns the number of the last message.
func (f topicFrame) last() uint64 { return f.number + f.more }

// The kinds of topicFrames.
const (
	topicMessage byte = iota
	topicTally        // the message of that number was the latest one
	topicPack         // messages with numbers that follow each other; of packVersion
)

// A pack has at most so many messages, which a receiver insists on, since any of them costs more
// there than the byte that it may have here, and so many bytes, unless the server takes less.
const (
	packMessages = 1024
	packBytes    = 8 << 10
)

// packRoom is how many bytes a message of a pack may have besides its own.
const packRoom = 3

func (f topicFrame) append(b []byte) []byte {
	version := byte(topicVersion)
	if f.kind == topicPack {
		version = packVersion
	}
	b = append(b, version, f.kind)
	b = binary.BigEndian.AppendUint64(b, f.incarnation)
	b = binary.AppendUvarint(b, f.base)
	b = binary.AppendUvarint(b, f.number)
	b = appendString(b, f.topic)
	return append(b, f.data...)
}

// decodeTopic returns a frame that keeps b, of a version up to the latest that the node
// understands. A pack is sound as a whole, or an error.
func decodeTopic(b []byte, latest byte) (f topicFrame, err error) {
	switch {
	case len(b) < 10:
		return f, errFrame
	case b[0] < topicVersion || b[0] > latest:
		return f, fmt.Errorf("%w: version %d on a topic, want %d to %d", errFrame, b[0], topicVersion, latest)
	case b[0] == topicVersion && b[1] > topicTally, b[0] == packVersion && b[1] != topicPack:
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
	if f.kind == topicPack {
		if f.more, err = countPack(f.data); err != nil || f.base+f.last() < f.base+f.number {
			return topicFrame{}, errFrame
		}
	}
	return f, nil
}

// countPack returns how many messages there are behind the first one.
func countPack(b []byte) (more uint64, err error) {
	for n := range uint64(packMessages) {
		if _, b, err = cutBytes(b); err != nil {
			return 0, err
		}
		if len(b) == 0 {
			return n, nil
		}
	}
	return 0, errFrame
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
