package ws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrPayload says that a payload cannot be sent: a push or a broadcast must be a
// JSON object or [Binary], because the client reads fields from it.
var ErrPayload = errors.New("ws: payload must be a JSON object or Binary")

// Payload is what a message carries: JSON, undecoded, or bytes. The zero Payload
// is an empty JSON object. A Payload is never changed; it may be kept and sent on.
type Payload struct {
	data   []byte // JSON text, or the bytes; nil: {}
	binary bool
}

// Binary is the payload of a binary message: an ArrayBuffer to the client.
func Binary(data []byte) Payload { return Payload{data, true} }

// JSON returns v as a JSON payload. It fails if v cannot be marshalled.
func JSON(v any) (Payload, error) {
	switch v := v.(type) {
	case nil:
		return Payload{}, nil
	case Payload:
		return v, nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return Payload{}, fmt.Errorf("ws: payload: %w", err)
	}
	return Payload{data: data}, nil
}

// RawJSON returns JSON text as a payload, as it is and unchecked: for text that was
// made from values that had been marshalled before. The caller must not change it.
func RawJSON(text []byte) Payload { return Payload{data: text} }

// IsBinary reports whether the payload is bytes and not JSON.
func (p Payload) IsBinary() bool { return p.binary }

// Bytes returns the payload as it travels: JSON text, or the bytes. The caller
// must not change them.
func (p Payload) Bytes() []byte {
	if p.data == nil && !p.binary {
		return []byte("{}")
	}
	return p.data
}

// Decode unmarshals a JSON payload into v, as [json.Unmarshal] does. It fails for
// a binary payload.
func (p Payload) Decode(v any) error {
	if p.binary {
		return errors.New("ws: decode: payload is binary")
	}
	if err := json.Unmarshal(p.Bytes(), v); err != nil {
		return fmt.Errorf("ws: decode: %w", err)
	}
	return nil
}

// MarshalJSON returns a JSON payload as it is, so that it can be part of another,
// and bytes as a base64 string.
func (p Payload) MarshalJSON() ([]byte, error) {
	if p.binary {
		return json.Marshal(p.data)
	}
	return p.Bytes(), nil
}

// outgoing returns v as the payload of a push or a broadcast.
func outgoing(v any) (Payload, error) {
	p, err := JSON(v)
	if err != nil {
		return p, err
	}
	if !p.binary && !bytes.HasPrefix(bytes.TrimLeft(p.Bytes(), " \t\r\n"), []byte("{")) {
		return p, fmt.Errorf("%w, not %.40s", ErrPayload, p.data)
	}
	return p, nil
}
