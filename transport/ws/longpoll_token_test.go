package ws

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
)

func TestPollTokensLastTwoWeeks(t *testing.T) { // LP-3
	synctest.Test(t, func(t *testing.T) {
		e, s := &Endpoint{pollKey: [32]byte{1}}, &Socket{Path: "/socket"}
		at := pollPlace{uuid.New(), 17}
		token := e.signPoll(at, s)
		for _, c := range []struct {
			after time.Duration
			valid bool
		}{{0, true}, {14*24*time.Hour - time.Second, true}, {time.Second, false}} {
			time.Sleep(c.after)
			if got, ok := e.verifyPoll(token, s); ok != c.valid || ok && got != at {
				t.Errorf("after %v more: %v", c.after, ok)
			}
		}
		if _, ok := (&Endpoint{pollKey: [32]byte{2}}).verifyPoll(e.signPoll(at, s), s); ok {
			t.Error("another endpoint takes the token")
		}
	})
}

// A token has one text: base64 has letters with bits that say nothing, and skips ends of lines.
func TestAChangedPollTokenIsRefused(t *testing.T) { // LP-3
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	e, s := &Endpoint{pollKey: [32]byte{1}}, &Socket{Path: "/socket"}
	good := e.signPoll(pollPlace{uuid.New(), 17}, s)
	refused := func(token string) {
		if _, ok := e.verifyPoll(token, s); ok != (token == good) {
			t.Errorf("%q, made of %q: %v", token, good, ok)
		}
	}
	for i := range good {
		for _, letter := range letters + "\n.=" {
			refused(good[:i] + string(letter) + good[i+1:])
		}
		refused(good[:i] + good[i+1:])
	}
	for i := len(pollTokenPrefix); i <= len(good); i++ {
		refused(good[:i] + "\r\n" + good[i:])
	}
}

// FuzzPollToken checks that neither a token of another endpoint nor one of this
// endpoint's that was changed is good.
func FuzzPollToken(f *testing.F) {
	s := &Socket{Path: "/socket"}
	mine, other := &Endpoint{pollKey: [32]byte{1}}, &Endpoint{pollKey: [32]byte{2}}
	for i, token := range []string{other.signPoll(pollPlace{session: uuid.New()}, s), "", pollTokenPrefix, strings.Repeat("A", 86)} {
		f.Add(token, i, byte(1))
	}
	f.Fuzz(func(t *testing.T, token string, at int, flip byte) {
		if _, ok := mine.verifyPoll(token, s); ok {
			t.Fatalf("%q is good", token)
		}
		good := mine.signPoll(pollPlace{session: uuid.New()}, s)
		changed := []byte(good)
		changed[uint(at)%uint(len(changed))] ^= flip
		if _, ok := mine.verifyPoll(string(changed), s); ok && string(changed) != good {
			t.Fatalf("%q is good, made of %q", changed, good)
		}
	})
}

// FuzzAuthToken checks that a token comes out as it went in, in both alphabets, and
// that whatever else comes does not end in a panic.
func FuzzAuthToken(f *testing.F) {
	f.Add("secret", "phoenix, base64url.bearer.phx.c2VjcmV0")
	f.Add("\xff\xfe?>", ", base64url.bearer.phx.%,, phoenix")
	f.Fuzz(func(t *testing.T, token, line string) {
		for _, encode := range []func([]byte) string{
			base64.StdEncoding.EncodeToString, base64.RawStdEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString,
		} {
			h := http.Header{}
			h.Add(protocolHeader, "phoenix")
			h.Add(protocolHeader, tokenPrefix+encode([]byte(token)))
			if got, err := bearerToken(h); err != nil || got != token {
				t.Fatalf("%q comes out as %q, %v", token, got, err)
			}
		}
		h := http.Header{}
		h.Set(protocolHeader, line)
		bearerToken(h)
	})
}
