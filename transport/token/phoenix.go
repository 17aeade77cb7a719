package token

import (
	"crypto"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/troupe-go/troupe/transport/token/internal/etf"
	"github.com/troupe-go/troupe/transport/token/internal/xchacha"
)

// PhoenixOptions are the options of a [PhoenixKey]. The zero PhoenixOptions are Phoenix's
// own defaults.
type PhoenixOptions struct {
	// MaxAge is how old a token may be, in place of what it says itself: a day, unless it was
	// signed with the option max_age. It stands for the option max_age of
	// Phoenix.Token.verify.
	MaxAge time.Duration

	// Iterations, Length (in bytes) and Digest (SHA256, SHA384 or SHA512) are the options
	// key_iterations, key_length and key_digest; 1000, 32 and SHA256 if 0. Encrypted tokens
	// have keys of 32 bytes.
	Iterations, Length int
	Digest             crypto.Hash
}

// PhoenixKey returns a key for tokens that a Phoenix server makes: [Verify] takes those of
// Phoenix.Token.sign, [Open] those of Phoenix.Token.encrypt, with Phoenix's salt as the
// purpose. The secret is the endpoint's secret_key_base. Such a key makes no tokens: it
// is a [Previous] key, beside a current one of Troupe's, or the Current one of a program
// that only verifies.
//
// Terms become JSON on their way into claims: a map is an object, with atoms and binaries as
// keys; a list is an array, and so is a tuple; nil, true and false are what they are in JSON,
// and other atoms strings. So 17 is read into an int, %{id: 17} into a struct with a field
// "id", and {:user, 17} into a []any; large integers are whole in an int64, and not in an
// any. What is no data, such as a pid, and binaries that are not UTF-8 are an [ErrClaims].
//
// To derive the key for a salt takes a quarter of a millisecond, and it is kept. Encrypted
// tokens are those of plug_crypto 2.1 and newer.
//
// Phoenix: Phoenix.Token.
func PhoenixKey[S ~string | ~[]byte](secretKeyBase S, o PhoenixOptions) Key {
	if len(secretKeyBase) < minKeyBase {
		return unusable(fmt.Errorf("%w: a secret_key_base of %d bytes, and it takes %d", ErrKey, len(secretKeyBase), minKeyBase))
	}
	if o.Iterations == 0 {
		o.Iterations = 1000
	}
	if o.Length == 0 {
		o.Length = xchacha.KeySize
	}
	if o.Digest == 0 {
		o.Digest = crypto.SHA256
	}
	switch {
	case o.Iterations < 0 || o.Length < 0 || o.MaxAge < 0:
		return unusable(fmt.Errorf("%w: a negative option", ErrKey))
	case o.Length > maxKeyLength:
		return unusable(fmt.Errorf("%w: a key of %d bytes, and it may have %d", ErrKey, o.Length, maxKeyLength))
	case o.Digest != crypto.SHA256 && o.Digest != crypto.SHA384 && o.Digest != crypto.SHA512:
		return unusable(fmt.Errorf("%w: digest %v is none of Phoenix's", ErrKey, o.Digest))
	}
	return Key{&material{scheme: &phoenix{base: string(secretKeyBase), options: o}}}
}

const (
	minKeyBase   = 20 // as in Phoenix
	maxKeyLength = 1 << 10
)

// phoenix is the format of Phoenix.Token, which is that of Plug.Crypto.
type phoenix struct {
	base    string
	options PhoenixOptions
	derived
}

var errVerifiesOnly = fmt.Errorf("%w: a PhoenixKey makes no tokens", ErrKey)

func (*phoenix) sign(string, message) (string, error) { return "", errVerifiesOnly }
func (*phoenix) seal(string, message) (string, error) { return "", errVerifiesOnly }

// key is Plug.Crypto.KeyGenerator. Signed and encrypted tokens have the same.
func (p *phoenix) key(salt string) ([]byte, error) {
	return p.get(use{purpose: salt}, func() ([]byte, error) {
		o := p.options
		switch o.Digest {
		case crypto.SHA384:
			return pbkdf2.Key(sha512.New384, p.base, []byte(salt), o.Iterations, o.Length)
		case crypto.SHA512:
			return pbkdf2.Key(sha512.New, p.base, []byte(salt), o.Iterations, o.Length)
		}
		return pbkdf2.Key(sha256.New, p.base, []byte(salt), o.Iterations, o.Length)
	})
}

// verify is Plug.Crypto.MessageVerifier: "HS256", the content and its HMAC, in base64.
func (p *phoenix) verify(salt, token string) (message, error) {
	const hs256 = "SFMyNTY."
	end := strings.LastIndexByte(token, '.')
	if end < len(hs256) || !strings.HasPrefix(token, hs256) {
		return message{}, ErrInvalid
	}
	content, wellFormed := decode(token[len(hs256):end])
	mac, ok := decode(token[end+1:])
	if !ok || !wellFormed {
		return message{}, ErrInvalid
	}
	key, err := p.key(salt)
	if err != nil {
		return message{}, err
	}
	if !hmac.Equal(mac, authenticate(key, []byte(token[:end]))) {
		return message{}, ErrInvalid
	}
	return p.read(content)
}

// open is Plug.Crypto.MessageEncryptor: nonce, tag and the encrypted content, in base64.
func (p *phoenix) open(salt, token string) (message, error) {
	const head = xchacha.NonceSize + xchacha.TagSize
	data, ok := unwrap("XCP.", token)
	if !ok || len(data) < head || p.options.Length != xchacha.KeySize {
		return message{}, ErrInvalid
	}
	key, err := p.key(salt)
	if err != nil {
		return message{}, err
	}
	content, ok := xchacha.Open((*[xchacha.KeySize]byte)(key), (*[xchacha.NonceSize]byte)(data),
		data[head:], data[xchacha.NonceSize:head], []byte("A128GCM"))
	if !ok {
		return message{}, ErrInvalid
	}
	return p.read(content)
}

var errContent = &claimsError{what: "not the content of a Phoenix.Token"}

// read reads what is genuine: {data, signed, max_age}, or one of the forms before that.
func (p *phoenix) read(content []byte) (message, error) {
	term, err := etf.Parse(content)
	if err != nil {
		return message{}, &claimsError{what: err.Error()}
	}
	data, signed, maxAge, ok := parts(term)
	issued, isTime := signed.(int64)
	if !ok || !isTime {
		return message{}, errContent
	}
	m := message{issued: issued}
	if err := p.limit(&m, maxAge); err != nil {
		return message{}, err
	}
	if m.claims, err = etf.JSON(data); err != nil {
		return message{}, &claimsError{what: err.Error()}
	}
	return m, nil
}

const day = 86400 // seconds

func parts(term etf.Term) (data, signed, maxAge etf.Term, ok bool) {
	switch term := term.(type) {
	case etf.Tuple:
		switch len(term) {
		case 2:
			return term[0], term[1], int64(day), true
		case 3:
			return term[0], term[1], term[2], true
		}
	case etf.Map:
		found := map[etf.Atom]etf.Term{}
		for _, entry := range term {
			if key, ok := entry.Key.(etf.Atom); ok {
				found[key] = entry.Value
			}
		}
		return found["data"], found["signed"], int64(day), len(term) == 2 && len(found) == 2
	}
	return nil, nil, nil, false
}

// limit sets the end of a message, which has a maximum age in seconds.
func (p *phoenix) limit(m *message, maxAge etf.Term) error {
	age, ok := milliseconds(maxAge)
	if !ok || m.issued < 0 {
		return errContent
	}
	if p.options.MaxAge > 0 {
		age = float64(p.options.MaxAge.Milliseconds())
	}
	if age <= 0 {
		return ErrExpired
	}
	m.forever = math.IsInf(age, 1)
	if end := float64(m.issued) + age; end < 1<<62 {
		m.expires = m.issued + int64(age)
	} else {
		m.expires = math.MaxInt64
	}
	return nil
}

// milliseconds returns what so many seconds are.
func milliseconds(seconds etf.Term) (ms float64, ok bool) {
	switch seconds := seconds.(type) {
	case int64:
		return float64(seconds) * 1000, true
	case float64:
		return seconds * 1000, true
	case etf.Atom:
		return math.Inf(1), seconds == "infinity"
	}
	return 0, false
}
