package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrPayload says that a payload cannot be sent: a push, a join or a broadcast must be a
// JSON object or [Binary], because its receiver reads fields from it.
var ErrPayload = errors.New("payload must be a JSON object or Binary")

// Payload is what a message carries: JSON, not decoded, or bytes. The zero Payload is an
// empty JSON object. A Payload is never changed; it may be kept and sent on.
type Payload struct {
	data   []byte // JSON text, or the bytes; nil and not binary: {}
	binary bool
}

// Binary returns the payload of a binary message, an ArrayBuffer of the JavaScript client.
// The caller must not change data afterwards.
//
// Phoenix: {:binary, data}.
func Binary(data []byte) Payload { return Payload{data, true} }

// JSON returns v as a JSON payload: a [Payload] as it is, nil as {}, and anything else as
// [json.Marshal] has it. It fails if v cannot be marshalled.
func JSON(v any) (Payload, error) {
	switch v := v.(type) {
	case nil:
		return Payload{}, nil
	case Payload:
		return v, nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return Payload{}, fmt.Errorf("payload: %w", err)
	}
	return Payload{data: data}, nil
}

// RawJSON returns JSON text as a payload, as it is and unchecked: for text that was made
// from values that had been marshalled before. The caller must not change it.
func RawJSON(text []byte) Payload { return Payload{data: text} }

// Object is [JSON] for a push, a join or a broadcast: the error wraps [ErrPayload] unless v
// becomes a JSON object or is [Binary].
func Object(v any) (Payload, error) {
	p, err := JSON(v)
	if err != nil {
		return p, err
	}
	if !p.binary && !bytes.HasPrefix(bytes.TrimLeft(p.Bytes(), " \t\r\n"), []byte("{")) {
		return p, fmt.Errorf("%w, not %.40s", ErrPayload, p.data)
	}
	return p, nil
}

// IsBinary reports whether the payload is bytes and not JSON.
func (p Payload) IsBinary() bool { return p.binary }

// Bytes returns the payload as it travels: JSON text, or the bytes. The caller must not
// change them.
func (p Payload) Bytes() []byte {
	if p.data == nil && !p.binary {
		return []byte("{}")
	}
	return p.data
}

// Decode unmarshals a JSON payload into v, as [json.Unmarshal] does. It fails for a binary
// payload. Numbers that a float64 cannot hold survive in fields of an integer type,
// [json.Number] or [json.RawMessage].
func (p Payload) Decode(v any) error {
	if p.binary {
		return errors.New("decode payload: it is binary")
	}
	if err := json.Unmarshal(p.Bytes(), v); err != nil {
		return fmt.Errorf("decode payload: %w", err)
	}
	return nil
}

// String returns JSON text as it is, and the length of a binary payload.
func (p Payload) String() string {
	if p.binary {
		return fmt.Sprintf("%d bytes", len(p.data))
	}
	return string(p.Bytes())
}

// MarshalJSON returns a JSON payload as it is, so that it can be part of another, and
// bytes as a base64 string.
func (p Payload) MarshalJSON() ([]byte, error) {
	if p.binary {
		return json.Marshal(p.data)
	}
	return p.Bytes(), nil
}
