package wire

import "fmt"

// MaxField is the longest text, in bytes, that a binary message has room for: its topic, its
// event, a reference, or the status of a reply.
const MaxField = 255

// The kinds of binary messages.
const (
	kindPush      = 0
	kindReply     = 1
	kindBroadcast = 2
)

// appendBinary appends a binary message: kind, a size for each text, texts, data.
func appendBinary(buf []byte, kind byte, data []byte, texts ...string) ([]byte, bool, error) {
	buf = append(buf, kind)
	for _, t := range texts {
		if len(t) > MaxField {
			return nil, false, fmt.Errorf("%d bytes are too many for a field of a binary message: %.40q", len(t), t)
		}
		buf = append(buf, byte(len(t)))
	}
	for _, t := range texts {
		buf = append(buf, t...)
	}
	return append(buf, data...), true, nil
}

// splitBinary takes apart what appendBinary makes, behind the kind: it sets the texts and
// returns the data.
func splitBinary(data []byte, texts []*string) (rest []byte, err error) {
	if len(data) < len(texts) {
		return nil, fmt.Errorf("%w: binary message cut short", ErrMalformed)
	}
	sizes, rest := data[:len(texts)], data[len(texts):]
	for i, text := range texts {
		size := int(sizes[i])
		if size > len(rest) {
			return nil, fmt.Errorf("%w: sizes overrun the binary message", ErrMalformed)
		}
		*text, rest = string(rest[:size]), rest[size:]
	}
	return rest, nil
}
