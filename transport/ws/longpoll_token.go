package ws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A poll token names a session and the last answer that carried messages, and is
// signed, so that nobody can guess another's: ID, number of the answer, time of
// issue, and an HMAC over all of them and the socket's path. The client polls with
// the token of the last answer that it has got. That says which one this is.
const (
	pollTokenPrefix = "troupe."
	pollTokenAge    = 14 * 24 * time.Hour
)

// pollPlace is what a token says: how far a client has come in a session.
type pollPlace struct {
	session uuid.UUID
	answer  uint64 // 0 is the one that has opened the session
}

func isPollToken(s string) bool { return strings.HasPrefix(s, pollTokenPrefix) }

func (e *Endpoint) signPoll(at pollPlace, s *Socket) string {
	body := binary.BigEndian.AppendUint64(at.session[:], at.answer)
	body = binary.BigEndian.AppendUint64(body, uint64(time.Now().Unix()))
	return pollTokenPrefix + signedText(body, e.pollMAC(body, s))
}

// verifyPoll returns what the token says, if it was signed here, for this socket,
// and not too long ago.
func (e *Endpoint) verifyPoll(token string, s *Socket) (at pollPlace, ok bool) {
	const answer, issued, size = len(at.session), len(at.session) + 8, len(at.session) + 16
	text := strings.TrimPrefix(token, pollTokenPrefix)
	body, ok := openSigned(text, size, func(body []byte) []byte { return e.pollMAC(body, s) })
	if !ok {
		return at, false
	}
	at = pollPlace{uuid.UUID(body[:answer]), binary.BigEndian.Uint64(body[answer:issued])}
	age := time.Since(time.Unix(int64(binary.BigEndian.Uint64(body[issued:])), 0))
	return at, age < pollTokenAge
}

func (e *Endpoint) pollMAC(body []byte, s *Socket) []byte {
	mac := hmac.New(sha256.New, e.pollKey[:])
	mac.Write(body)
	mac.Write([]byte(s.Path))
	return mac.Sum(nil)
}
