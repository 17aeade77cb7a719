package ws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
)

// What is signed here is bytes with an HMAC over them behind, in base64. It has one text only.

// signedText returns bytes with their MAC as a text.
func signedText(body, mac []byte) string {
	return base64.RawURLEncoding.EncodeToString(append(body, mac...))
}

// openSigned returns the bytes of a text, of which there are size, if mac makes the MAC that it has.
func openSigned(text string, size int, mac func(body []byte) []byte) (body []byte, ok bool) {
	whole := size + sha256.Size
	if len(text) != base64.RawURLEncoding.EncodedLen(whole) { // so that none of it is a line end, which base64 skips
		return nil, false
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(data) != whole || !hmac.Equal(data[size:], mac(data[:size])) {
		return nil, false
	}
	return data[:size], true
}
