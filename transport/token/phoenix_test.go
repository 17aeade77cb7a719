package token_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/token"
)

// phoenixVectors are tokens that a real Plug.Crypto has made; the file says how.
type phoenixVectors struct {
	SecretKeyBase string `json:"secret_key_base"`
	Salt          string
	SignedAt      int64 `json:"signed_at"`
	Vectors       []struct{ Name, Elixir, Signed, Encrypted string }
	Other         struct {
		Signed     string
		Iterations int `json:"key_iterations"`
		Length     int `json:"key_length"`
	} `json:"other_key_options"`
	WithMaxAge struct {
		Signed string
		MaxAge int64 `json:"max_age_s"`
	} `json:"with_max_age"`
}

func vectors(t testing.TB) (v phoenixVectors) {
	t.Helper()
	text, err := os.ReadFile("testdata/phoenix.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Vectors) < 13 {
		t.Fatalf("%d vectors", len(v.Vectors))
	}
	return v
}

func (v phoenixVectors) keys(o token.PhoenixOptions) token.Keys {
	return token.Keys{Current: token.PhoenixKey(v.SecretKeyBase, o)}
}

// at calls f in a bubble, so long after the vectors were signed.
func (v phoenixVectors) at(t *testing.T, age time.Duration, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(v.SignedAt, 0).Add(age)))
		f(t)
	})
}

// asJSON is what each term of the vectors is as JSON.
var asJSON = map[string]string{
	"integer":  `17`,
	"negative": `-5`,
	"big":      `1234567890123456789`,
	"string":   `"user:17"`,
	"empty":    `""`,
	"unicode":  `"Zoë 你好"`,
	"list":     `[1,"a",null]`,
	"map":      `{"id":17,"role":"admin"}`,
	"atom map": `{"admin":true,"id":17}`,
	"nil":      `null`,
	"true":     `true`,
	"float":    `1.5`,
	"tuple":    `["user",17]`,
}

func TestTokensOfPhoenixAreTaken(t *testing.T) {
	v := vectors(t)
	keys := v.keys(token.PhoenixOptions{})
	v.at(t, time.Hour, func(t *testing.T) {
		for _, c := range v.Vectors {
			want, ok := asJSON[c.Name]
			signed, err := token.Verify[json.RawMessage](keys, v.Salt, c.Signed)
			if !ok || err != nil || string(signed.Claims) != want {
				t.Errorf("%s, signed: %s, %v, not %s", c.Elixir, signed.Claims, err, want)
			}
			encrypted, err := token.Open[json.RawMessage](keys, v.Salt, c.Encrypted)
			if err != nil || string(encrypted.Claims) != want {
				t.Errorf("%s, encrypted: %s, %v, not %s", c.Elixir, encrypted.Claims, err, want)
			}
			if at := time.Unix(v.SignedAt, 0); !signed.Issued.Equal(at) || !signed.Expires.Equal(at.Add(24*time.Hour)) {
				t.Errorf("%s: issued %v, expires %v", c.Elixir, signed.Issued, signed.Expires)
			}
		}
	})
}

func TestTermsOfPhoenixHaveTypes(t *testing.T) {
	v := vectors(t)
	keys := v.keys(token.PhoenixOptions{})
	byName := map[string]string{}
	for _, c := range v.Vectors {
		byName[c.Name] = c.Signed
	}
	v.at(t, 0, func(t *testing.T) {
		if got, err := token.Verify[int64](keys, v.Salt, byName["big"]); err != nil || got.Claims != 1234567890123456789 {
			t.Error(got, err)
		}
		type claims struct {
			ID    int
			Admin bool
		}
		if got, err := token.Verify[claims](keys, v.Salt, byName["atom map"]); err != nil || got.Claims != (claims{17, true}) {
			t.Error(got, err)
		}
		if got, err := token.Verify[string](keys, v.Salt, byName["integer"]); !errors.Is(err, token.ErrClaims) {
			t.Error(got, err)
		}
	})
}

func TestTokensOfPhoenixExpire(t *testing.T) {
	v := vectors(t)
	const day, ms = 24 * time.Hour, time.Millisecond
	minute := time.Duration(v.WithMaxAge.MaxAge) * time.Second
	for _, c := range []struct {
		what, token string
		maxAge, age time.Duration
		want        error
	}{
		{"at the end of its day", v.Vectors[0].Signed, 0, day, nil},
		{"after its day", v.Vectors[0].Signed, 0, day + ms, token.ErrExpired},
		{"older than its day, by option", v.Vectors[0].Signed, 14 * day, 14 * day, nil},
		{"too old by option", v.Vectors[0].Signed, time.Minute, time.Minute + ms, token.ErrExpired},
		{"at the end of its own age", v.WithMaxAge.Signed, 0, minute, nil},
		{"after its own age", v.WithMaxAge.Signed, 0, minute + ms, token.ErrExpired},
		{"after its own age, by option", v.WithMaxAge.Signed, day, day, nil},
	} {
		v.at(t, c.age, func(t *testing.T) {
			keys := v.keys(token.PhoenixOptions{MaxAge: c.maxAge})
			if _, err := token.Verify[int](keys, v.Salt, c.token); err != c.want {
				t.Errorf("%s: %v", c.what, err)
			}
		})
	}
}

func TestOtherKeyOptionsOfPhoenix(t *testing.T) {
	v := vectors(t)
	v.at(t, 0, func(t *testing.T) {
		o := token.PhoenixOptions{Iterations: v.Other.Iterations, Length: v.Other.Length, Digest: crypto.SHA512}
		keys := v.keys(o)
		if got, err := token.Verify[int](keys, v.Salt, v.Other.Signed); err != nil || got.Claims != 17 {
			t.Error(got, err)
		}
		if _, err := token.Open[int](keys, v.Salt, v.Vectors[0].Encrypted); err != token.ErrInvalid {
			t.Error(err)
		}
		for _, other := range []token.PhoenixOptions{
			{}, {Length: o.Length, Digest: o.Digest}, {Iterations: o.Iterations, Digest: o.Digest},
			{Iterations: o.Iterations, Length: o.Length}, {Iterations: o.Iterations, Length: o.Length, Digest: crypto.SHA384},
		} {
			if _, err := token.Verify[int](v.keys(other), v.Salt, v.Other.Signed); err != token.ErrInvalid {
				t.Errorf("%+v: %v", other, err)
			}
		}
	})
}

func TestPhoenixKeysThatCannotBeUsedSayWhy(t *testing.T) {
	const base = "01234567890123456789"
	for want, key := range map[string]token.Key{
		"a secret_key_base of 19 bytes, and it takes 20": token.PhoenixKey(base[1:], token.PhoenixOptions{}),
		"a negative option":                         token.PhoenixKey(base, token.PhoenixOptions{Iterations: -1}),
		"a key of 1025 bytes, and it may have 1024": token.PhoenixKey(base, token.PhoenixOptions{Length: 1025}),
		"digest MD5 is none of Phoenix's":           token.PhoenixKey(base, token.PhoenixOptions{Digest: crypto.MD5}),
	} {
		err := token.Keys{Current: key}.Validate()
		if !errors.Is(err, token.ErrKey) || err.Error() != "current key: token: unusable key: "+want {
			t.Error(err)
		}
	}
	keys := token.Keys{Current: token.PhoenixKey(base, token.PhoenixOptions{})}
	if err := keys.Validate(); err != nil {
		t.Error(err)
	}
	each(t, func(t *testing.T, k kind) {
		if s, err := k.make(keys, purpose, ann); !errors.Is(err, token.ErrKey) || s != "" {
			t.Error(s, err)
		}
	})
}

func TestAChangedByteOfAPhoenixTokenIsRefused(t *testing.T) {
	v := vectors(t)
	keys := v.keys(token.PhoenixOptions{})
	v.at(t, 0, func(t *testing.T) {
		for name, c := range map[string]struct {
			token string
			read  func(s string) error
		}{
			"signed":    {v.Vectors[3].Signed, func(s string) error { _, err := token.Verify[string](keys, v.Salt, s); return err }},
			"encrypted": {v.Vectors[3].Encrypted, func(s string) error { _, err := token.Open[string](keys, v.Salt, s); return err }},
		} {
			tried := 0
			spoilt(c.token, func(other string) {
				if other == c.token {
					return
				}
				tried++
				if err := c.read(other); err != token.ErrInvalid && err != token.ErrMissing {
					t.Errorf("%s, %q in place of %q: %v", name, other, c.token, err)
				}
			})
			if err := c.read(c.token); err != nil || tried < 1000 {
				t.Errorf("%s: %v, %d tried", name, err, tried)
			}
		}
	})
}

func TestASaltOfPhoenixIsInvalidForAnother(t *testing.T) {
	v := vectors(t)
	keys := v.keys(token.PhoenixOptions{})
	v.at(t, 0, func(t *testing.T) {
		for _, s := range []string{v.Vectors[0].Signed, v.Vectors[0].Encrypted} {
			for _, salt := range []string{"user", "user socket "} {
				_, verified := token.Verify[int](keys, salt, s)
				_, opened := token.Open[int](keys, salt, s)
				if verified != token.ErrInvalid || opened != token.ErrInvalid {
					t.Errorf("%q: %v, %v", salt, verified, opened)
				}
			}
		}
	})
}

// A migration is a rotation: new tokens are ours, and Phoenix's are taken until they end.
func TestAPhoenixKeyAsAPreviousOne(t *testing.T) {
	v := vectors(t)
	v.at(t, 0, func(t *testing.T) {
		keys := token.Keys{
			Current:  token.NewKey(secret),
			Previous: []token.Previous{{Key: v.keys(token.PhoenixOptions{}).Current, Until: time.Now().Add(time.Hour)}},
		}
		ours, err := keys.Sign(v.Salt, 18, 2*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		read := func(s string) int {
			got, err := token.Verify[int](keys, v.Salt, s)
			if err != nil && err != token.ErrInvalid {
				t.Error(err)
			}
			return got.Claims
		}
		if first, second := read(v.Vectors[0].Signed), read(ours); first != 17 || second != 18 {
			t.Errorf("%d and %d", first, second)
		}
		time.Sleep(time.Hour)
		if first, second := read(v.Vectors[0].Signed), read(ours); first != 0 || second != 18 {
			t.Errorf("after the end: %d and %d", first, second)
		}
	})
}

// phoenixKey is the key of the vectors.
var phoenixKey = sync.OnceValues(func() ([]byte, error) {
	const base = "troupe-secret-key-base-for-tests-only-0123456789"
	return pbkdf2.Key(sha256.New, base+base, []byte(purpose), 1000, 32)
})

// signAsPhoenix signs a term that the vectors do not have.
func signAsPhoenix(t testing.TB, term string) string {
	t.Helper()
	key, err := phoenixKey()
	if err != nil {
		t.Fatal(err)
	}
	text := "SFMyNTY." + base64.RawURLEncoding.EncodeToString([]byte("\x83"+term))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func TestOtherContentsOfAPhoenixToken(t *testing.T) {
	const (
		seventeen = "a\x11"
		signed    = "n\x06\x00\x00\x68\xe5\xcf\x8b\x01" // the time of the vectors
		large     = "n\x08\x00\xff\xff\xff\xff\xff\xff\xff\x7f"
		infinity  = "w\x08infinity"
		never     = time.Duration(math.MaxInt64)
	)
	v := vectors(t)
	for _, c := range []struct {
		what, term string
		age        time.Duration // at which it is good, if it is; 0 if it does not expire
		want       error
	}{
		{"two parts, of old versions", "h\x02" + seventeen + signed, 24 * time.Hour, nil},
		{"a map, of older ones", "t\x00\x00\x00\x02w\x04data" + seventeen + "w\x06signed" + signed, 24 * time.Hour, nil},
		{"infinity", "h\x03" + seventeen + signed + infinity, 0, nil},
		{"a large age", "h\x03" + seventeen + signed + large, never, nil},
		{"a fraction of an age", "h\x03" + seventeen + signed + "F\x3f\xf8\x00\x00\x00\x00\x00\x00", 1500 * time.Millisecond, nil},
		{"no age", "h\x03" + seventeen + signed + "a\x00", 0, token.ErrExpired},
		{"a negative age", "h\x03" + seventeen + signed + "b\xff\xff\xff\xff", 0, token.ErrExpired},
		{"an age that is no number", "h\x03" + seventeen + signed + "w\x03nil", 0, token.ErrClaims},
		{"an age that is a binary", "h\x03" + seventeen + signed + "m\x00\x00\x00\x00", 0, token.ErrClaims},
		{"a time that is no number", "h\x03" + seventeen + "w\x03nil" + "a\x01", 0, token.ErrClaims},
		{"a time before 1970", "h\x03" + seventeen + "b\xff\xff\xff\xff" + "a\x01", 0, token.ErrClaims},
		{"four parts", "h\x04" + seventeen + signed + "a\x01a\x01", 0, token.ErrClaims},
		{"a map with more", "t\x00\x00\x00\x03w\x04data" + seventeen + "w\x06signed" + signed + "w\x01aa\x01", 0, token.ErrClaims},
		{"no tuple", seventeen, 0, token.ErrClaims},
		{"a pid", "h\x03Xw\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + signed + "a\x01", 0, token.ErrClaims},
		{"a binary that is not UTF-8", "h\x03m\x00\x00\x00\x01\xff" + signed + infinity, 0, token.ErrClaims},
	} {
		keys, s := v.keys(token.PhoenixOptions{}), signAsPhoenix(t, c.term)
		v.at(t, min(c.age, 200*365*24*time.Hour), func(t *testing.T) {
			got, err := token.Verify[int](keys, v.Salt, s)
			if !errors.Is(err, c.want) || err == nil && got.Claims != 17 || err == nil && got.Expires.IsZero() != (c.age == 0) {
				t.Errorf("%s: %v, %v", c.what, got, err)
			}
			if c.want == nil && c.age != 0 && c.age != never {
				time.Sleep(time.Millisecond)
				if _, err := token.Verify[int](keys, v.Salt, s); err != token.ErrExpired {
					t.Errorf("%s, later: %v", c.what, err)
				}
			}
		})
	}
}

// A time and an age so late that they have no sum.
func TestAPhoenixTokenFromTheEndOfTime(t *testing.T) {
	const last = "n\x08\x00\xff\xff\xff\xff\xff\xff\xff\x7f"
	v := vectors(t)
	for _, o := range []token.PhoenixOptions{{}, {MaxAge: math.MaxInt64}} {
		s := signAsPhoenix(t, "h\x03a\x11"+last+last)
		if got, err := token.Verify[int](v.keys(o), v.Salt, s); err != nil || got.Claims != 17 || got.Expires.Before(got.Issued) {
			t.Error(got, err)
		}
	}
}

func TestPhoenixTokensAreBounded(t *testing.T) {
	v := vectors(t)
	long := signAsPhoenix(t, "h\x03m\x00\x00\x20\x00"+strings.Repeat("a", 8192)+"a\x00w\x08infinity")
	if _, err := token.Verify[string](v.keys(token.PhoenixOptions{}), v.Salt, long); err != token.ErrInvalid {
		t.Error(err)
	}
}
