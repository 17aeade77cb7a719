package nats

import "encoding/binary"

// beat is what a node says of itself from time to time to all, and in answer to one.
type beat struct {
	incarnation uint64
	kind        byte
	sent        numbers // of the latest messages to all
	direct      numbers // and to the node that the beat is for, if it is for one
}

// numbers are those of messages, by part of the topics.
type numbers [shardCount]uint64

// The kinds of beats.
const (
	beatHere   byte = iota // it is there
	beatHello              // it has joined, or is connected again, and wants to hear of the others
	beatLeaves             // it leaves
)

func (b beat) encode() []byte {
	data := append(appendHead(nil, b.incarnation), b.kind)
	for _, list := range []numbers{b.sent, b.direct} {
		for _, n := range list {
			data = binary.AppendUvarint(data, n)
		}
	}
	return data
}

func decodeBeat(data []byte) (b beat, err error) {
	if b.incarnation, data, err = cutHead(data); err != nil {
		return beat{}, err
	}
	if len(data) == 0 || data[0] > beatLeaves {
		return beat{}, errFrame
	}
	b.kind, data = data[0], data[1:]
	for _, list := range []*numbers{&b.sent, &b.direct} {
		for i := range list {
			if list[i], data, err = cutNumber(data); err != nil {
				return beat{}, err
			}
		}
	}
	if len(data) > 0 {
		return beat{}, errFrame
	}
	return b, nil
}
