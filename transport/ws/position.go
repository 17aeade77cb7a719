package ws

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Position is a place in the log of a recorded topic, see [History]: that of a message, or
// the beginning. Positions of one epoch are in the order of their messages; those of two
// have nothing to do with each other. The zero Position is none.
//
// As text, "@epoch:offset", it is the ref of a recorded message at the client, and the
// parameter since of its next join. In JSON it is that text, "" for none.
type Position struct {
	Epoch  string // names the log: another one after each start of the endpoint
	Offset uint64 // counts up, from 1; 0 is before the first message
}

// ErrPosition says that a text is no [Position].
var ErrPosition = errors.New("malformed position")

// The longest text of a position that is read, and of its epoch.
const (
	maxEpoch    = 64
	maxPosition = 1 + maxEpoch + 1 + 20
)

// ParsePosition reads what [Position.String] writes. It comes from clients, so it is read
// strictly. The error wraps [ErrPosition].
func ParsePosition(text string) (Position, error) {
	name, offset, _ := strings.Cut(text, ":")
	epoch, ok := strings.CutPrefix(name, "@")
	n, err := strconv.ParseUint(offset, 10, 64)
	if !ok || epoch == "" || len(epoch) > maxEpoch || strings.ContainsFunc(epoch, foreignToEpochs) ||
		err != nil || offset != strconv.FormatUint(n, 10) {
		return Position{}, fmt.Errorf("ws: %w %.100q", ErrPosition, text)
	}
	return Position{epoch, n}, nil
}

// foreignToEpochs keeps epochs to what needs no escape in JSON, in a URL or in a subject.
func foreignToEpochs(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-' && r != '_'
}

// IsZero reports whether p is none.
func (p Position) IsZero() bool { return p == Position{} }

// String returns "@epoch:offset", or "" for none.
func (p Position) String() string {
	if p.IsZero() {
		return ""
	}
	return "@" + p.Epoch + ":" + strconv.FormatUint(p.Offset, 10)
}

// MarshalText returns what String does. It implements [encoding.TextMarshaler]. It fails for what
// is neither a position nor none, such as an Offset without an Epoch; the error wraps [ErrPosition].
func (p Position) MarshalText() ([]byte, error) {
	text := p.String()
	if _, err := ParsePosition(text); err != nil && text != "" {
		return nil, err
	}
	return []byte(text), nil
}

// UnmarshalText reads what MarshalText writes, as [ParsePosition] does, and "" as none. After an
// error p is as it was. It implements [encoding.TextUnmarshaler].
func (p *Position) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*p = Position{}
		return nil
	}
	read, err := ParsePosition(string(text))
	if err == nil {
		*p = read
	}
	return err
}
