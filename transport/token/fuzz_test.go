package token_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/troupe-go/troupe/transport/token"
)

// Whatever a client sends is refused, unless it is one of the tokens that were made. And
// what Phoenix has signed may still be any term.
func FuzzVerify(f *testing.F) {
	v := vectors(f)
	keys := token.Keys{
		Current:  token.NewKey(secret),
		Previous: []token.Previous{{Key: token.PhoenixKey(v.SecretKeyBase, token.PhoenixOptions{MaxAge: 1 << 62}), Until: forever}},
	}
	genuine := map[string]bool{firstSigned: true, firstSealed: true}
	for _, c := range v.Vectors {
		genuine[c.Signed], genuine[c.Encrypted] = true, true
	}
	for s := range genuine {
		f.Add(s)
	}
	f.Add("h\x03a\x11n\x06\x00\x00\x68\xe5\xcf\x8b\x01w\x08infinity")
	f.Add("t\x00\x00\x00\x02w\x04dataa\x11w\x06signeda\x01")
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := token.Verify[any](keys, v.Salt, signAsPhoenix(t, s)); !token.Refused(err) && (err != nil || got.Expires.Before(got.Issued)) {
			t.Errorf("term %q: %v, %v", s, got, err)
		}
		_, verified := token.Verify[json.RawMessage](keys, v.Salt, s)
		_, opened := token.Open[json.RawMessage](keys, v.Salt, s)
		if taken := verified == nil || opened == nil; taken != genuine[s] {
			t.Errorf("%q: %v, %v", s, verified, opened)
		}
		for _, err := range []error{verified, opened} {
			if err != nil && !errors.Is(err, token.ErrInvalid) && !errors.Is(err, token.ErrMissing) {
				t.Errorf("%q: %v", s, err)
			}
		}
	})
}
