package ws

import "github.com/troupe-go/troupe/transport/ws/wire"

// Payload is what a message carries: JSON, not decoded, or bytes; see [wire.Payload].
type Payload = wire.Payload

// ErrPayload says that a payload cannot be sent: a push or a broadcast must be a JSON
// object or [Binary], because the client reads fields from it.
var ErrPayload = wire.ErrPayload

// Binary returns the payload of a binary message, an ArrayBuffer to the client. The caller
// must not change data afterwards.
//
// Phoenix: {:binary, data}.
func Binary(data []byte) Payload { return wire.Binary(data) }

// JSON returns v as a JSON payload. It fails if v cannot be marshalled.
func JSON(v any) (Payload, error) { return wire.JSON(v) }

// RawJSON returns JSON text as a payload, as it is and unchecked: for text that was made
// from values that had been marshalled before. The caller must not change it.
func RawJSON(text []byte) Payload { return wire.RawJSON(text) }
