package ws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
)

// A resume token names a channel and counts the tokens that its client was given, and is signed
// with a key that the endpoint has made up: so it is good at this endpoint only, and as long as
// the channel lives. The signature is also over the client's Identity, by its ID, the socket's path
// and the topic: for anybody else it is a token like any other text.

// resumeClaim is what a token says.
type resumeClaim struct {
	of     tetherID
	number uint64
}

const (
	resumeClaimSize = len(tetherID{}) + 8
	resumeTokenSize = resumeClaimSize + sha256.Size
)

// signResume returns the token for the client at the end of a line.
func (e *Endpoint) signResume(c resumeClaim, l *line, topic string) string {
	body := binary.BigEndian.AppendUint64(c.of[:], c.number)
	return base64.RawURLEncoding.EncodeToString(append(body, e.resumeMAC(body, l, topic)...))
}

// verifyResume returns what a token says, if it was signed for this client and topic.
func (e *Endpoint) verifyResume(token string, l *line, topic string) (c resumeClaim, ok bool) {
	if len(token) != base64.RawURLEncoding.EncodedLen(resumeTokenSize) { // so that none of it is a line end, which base64 skips
		return c, false
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(data) != resumeTokenSize ||
		!hmac.Equal(data[resumeClaimSize:], e.resumeMAC(data[:resumeClaimSize], l, topic)) {
		return c, false
	}
	return resumeClaim{tetherID(data[:len(c.of)]), binary.BigEndian.Uint64(data[len(c.of):])}, true
}

func (e *Endpoint) resumeMAC(body []byte, l *line, topic string) []byte {
	mac := hmac.New(sha256.New, e.resumeKey[:])
	mac.Write(body)
	for _, text := range []string{l.socket.Path, l.id, topic} {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text)))) // so that no two triples are alike
		mac.Write([]byte(text))
	}
	return mac.Sum(nil)
}

// resumeTokenOf returns the token among the parameters of a join, or "".
func resumeTokenOf(in Payload) string {
	var token string
	if json.Unmarshal(joinParamsOf(in).Token, &token) != nil {
		return ""
	}
	return token
}
