package ws

import (
	"crypto/hmac"
	"crypto/sha256"
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

const resumeClaimSize = len(tetherID{}) + 8

// signResume returns the token for the client at the end of a line.
func (e *Endpoint) signResume(c resumeClaim, l *line, topic string) string {
	body := binary.BigEndian.AppendUint64(c.of[:], c.number)
	return signedText(body, e.resumeMAC(body, l, topic))
}

// verifyResume returns what a token says, if it was signed for this client and topic.
func (e *Endpoint) verifyResume(token string, l *line, topic string) (c resumeClaim, ok bool) {
	body, ok := openSigned(token, resumeClaimSize, func(body []byte) []byte { return e.resumeMAC(body, l, topic) })
	if !ok {
		return c, false
	}
	return resumeClaim{tetherID(body[:len(c.of)]), binary.BigEndian.Uint64(body[len(c.of):])}, true
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
