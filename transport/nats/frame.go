package nats

import (
	"encoding/binary"
	"errors"
)

// frame is what travels in a NATS message: sender, topic and data. The topic
// is not in the subject, because it may be any string.
type frame struct {
	from, topic string
	data        []byte
}

func (f frame) encode() []byte {
	b := make([]byte, 0, 2*binary.MaxVarintLen32+len(f.from)+len(f.topic)+len(f.data))
	b = appendString(b, f.from)
	b = appendString(b, f.topic)
	return append(b, f.data...)
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// headOf is what all frames of a sender begin with, and no other one's.
func headOf(sender string) []byte { return appendString(nil, sender) }

var errFrame = errors.New("malformed frame")

// decode returns a frame that keeps b.
func decode(b []byte) (f frame, err error) {
	for _, s := range []*string{&f.from, &f.topic} {
		if *s, b, err = cutString(b); err != nil {
			return frame{}, err
		}
	}
	f.data = b
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
