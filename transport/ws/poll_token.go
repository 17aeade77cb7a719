package ws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A poll token names a session and is signed, so that nobody can guess another's:
// ID, time of issue, and an HMAC over both and the socket's path.
const (
	pollTokenPrefix = "troupe."
	pollTokenAge    = 14 * 24 * time.Hour
)

func isPollToken(s string) bool { return strings.HasPrefix(s, pollTokenPrefix) }

func (e *Endpoint) signPoll(id uuid.UUID, s *Socket) string {
	body := binary.BigEndian.AppendUint64(id[:], uint64(time.Now().Unix()))
	return pollTokenPrefix + base64.RawURLEncoding.EncodeToString(append(body, e.pollMAC(body, s)...))
}

// verifyPoll returns the session that the token names, if it was signed here, for
// this socket, and not too long ago.
func (e *Endpoint) verifyPoll(token string, s *Socket) (id uuid.UUID, ok bool) {
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, pollTokenPrefix))
	const body = len(id) + 8
	if err != nil || len(data) != body+sha256.Size || !hmac.Equal(data[body:], e.pollMAC(data[:body], s)) {
		return id, false
	}
	issued := time.Unix(int64(binary.BigEndian.Uint64(data[len(id):body])), 0)
	return uuid.UUID(data[:len(id)]), time.Since(issued) < pollTokenAge
}

func (e *Endpoint) pollMAC(body []byte, s *Socket) []byte {
	mac := hmac.New(sha256.New, e.pollKey[:])
	mac.Write(body)
	mac.Write([]byte(s.Path))
	return mac.Sum(nil)
}
