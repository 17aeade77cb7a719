package token_test

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/transport/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The secrets of these tests.
const (
	secret    = "0123456789abcdef0123456789abcdef"
	newSecret = "fedcba9876543210fedcba9876543210"
)

const purpose = "user socket"

type User struct {
	ID    int    `json:"id"`
	Email string `json:"email"`
}

var ann = User{17, "ann@example.com"}

var keys = token.Keys{Current: token.NewKey(secret)}

// kind is a way to make and to read tokens.
type kind struct {
	make func(k token.Keys, purpose string, claims any) (string, error)
	read func(k token.Keys, purpose, s string) (User, error)
}

var kinds = map[string]kind{
	"signed": {
		func(k token.Keys, purpose string, claims any) (string, error) {
			return k.Sign(purpose, claims, maxAge)
		},
		func(k token.Keys, purpose, s string) (User, error) {
			v, err := token.Verify[User](k, purpose, s)
			return v.Claims, err
		},
	},
	"sealed": {
		func(k token.Keys, purpose string, claims any) (string, error) {
			return k.Seal(purpose, claims, maxAge)
		},
		func(k token.Keys, purpose, s string) (User, error) {
			v, err := token.Open[User](k, purpose, s)
			return v.Claims, err
		},
	},
}

// each runs a test for signed and for sealed tokens.
func each(t *testing.T, f func(t *testing.T, k kind)) {
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) { f(t, k) })
	}
}

func (k kind) must(t *testing.T, keys token.Keys, claims any) string {
	t.Helper()
	s, err := k.make(keys, purpose, claims)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// spoilt calls f with texts that differ from a token in one byte: changed, left out, or one
// more. All other values of the bytes at the edges of the parts are tried, where characters
// have bits that say nothing, and some of the others.
func spoilt(s string, f func(what string)) {
	some := []byte{0, '\n', '\r', ' ', '.', '=', '-', '_', 'A', 'a', '0', '+', '/', 0x80, 0xff}
	var all []byte
	for b := range 256 {
		all = append(all, byte(b))
	}
	for i := range len(s) {
		values := append(some, s[i]^1, s[i]^2, s[i]^0x20, s[i]+1, s[i]-1)
		if i < 4 || i >= len(s)-2 || s[i] == '.' || s[i+1] == '.' {
			values = all
		}
		for _, b := range values {
			if b != s[i] {
				f(s[:i] + string([]byte{b}) + s[i+1:])
			}
		}
		f(s[:i] + s[i+1:])
	}
	for i := range len(s) + 1 {
		for _, b := range some {
			f(s[:i] + string([]byte{b}) + s[i:])
		}
		f(s[:i])
		f(s[i:])
	}
	f(s + s)
	f(strings.ToUpper(s))
}
