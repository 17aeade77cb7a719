package token

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// MinSecret is how many bytes the secret of a [NewKey] has at least.
const MinSecret = 32

// Key is a secret, and the format of the tokens that it is for. [NewKey] makes one for
// tokens of this package, [PhoenixKey] one for those of Phoenix. The zero Key is none.
//
// A Key keeps what it has derived, so it is made once and passed by value; it may be used
// from any goroutine. It does not print its secret.
type Key struct{ of *material }

// material is what Keys that were copied share. It is behind a pointer also so that package
// fmt, which calls no methods of unexported fields, shows an address and no secret.
type material struct {
	fault error
	scheme
}

// scheme is a format of tokens, with a secret. Its errors are ErrInvalid for what is not
// genuine, ErrClaims for what is and cannot be read, and ErrKey.
type scheme interface {
	sign(purpose string, m message) (string, error)
	seal(purpose string, m message) (string, error)
	verify(purpose, token string) (message, error)
	open(purpose, token string) (message, error)
}

// NewKey returns a key with a secret of 32 bytes or more, which must be random: what
// crypto/rand has made, or its text in hexadecimal or base64. It is used as it is given. With
// a shorter one all that the Key is used for fails with an error that wraps [ErrKey]; see
// [Keys.Validate].
func NewKey[S ~string | ~[]byte](secret S) Key {
	if len(secret) < MinSecret {
		return unusable(fmt.Errorf("%w: a secret of %d bytes, and it takes %d", ErrKey, len(secret), MinSecret))
	}
	root, err := hkdf.Extract(sha256.New, []byte(secret), []byte("troupe token"))
	if err != nil {
		return unusable(keyError(err))
	}
	return Key{&material{scheme: &native{root: root}}}
}

func unusable(why error) Key { return Key{&material{fault: why}} }

// keyError is for what the standard library does not do with a key, as in its FIPS mode.
func keyError(err error) error { return fmt.Errorf("%w: %w", ErrKey, err) }

var errNoKey = fmt.Errorf("%w: there is none", ErrKey)

// usable returns why the key cannot be used, if that is so.
func (k Key) usable() error {
	if k.of == nil {
		return errNoKey
	}
	return k.of.fault
}

const redacted = "token.Key(redacted)"

// String implements [fmt.Stringer], and does not tell the secret.
func (Key) String() string { return redacted }

// GoString implements [fmt.GoStringer], and does not tell the secret.
func (Key) GoString() string { return redacted }

// LogValue implements [slog.LogValuer], and does not tell the secret.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON implements [encoding/json.Marshaler], and does not tell the secret.
func (Key) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// derived keeps the keys that were derived from a secret. There are few purposes in a
// program, so it is emptied when it is full: that bounds it, and costs nothing where it
// does not happen.
type derived struct {
	mu   sync.RWMutex
	keys map[use]*derivation
}

// use is what a derived key is for.
type use struct{ act, purpose string }

// derivation is one derived key. Those that need it at the same time wait for one of them
// to derive it.
type derivation struct {
	once sync.Once
	key  []byte
	err  error
}

const maxDerived = 128

// get returns the key for a use.
func (d *derived) get(u use, derive func() ([]byte, error)) ([]byte, error) {
	d.mu.RLock()
	found := d.keys[u]
	d.mu.RUnlock()
	if found == nil {
		found = d.add(u)
	}
	found.once.Do(func() { found.key, found.err = derive() })
	if found.err != nil {
		return nil, keyError(found.err)
	}
	return found.key, nil
}

func (d *derived) add(u use) *derivation {
	d.mu.Lock()
	defer d.mu.Unlock()
	if found := d.keys[u]; found != nil {
		return found
	}
	if d.keys == nil || len(d.keys) >= maxDerived {
		d.keys = map[use]*derivation{}
	}
	found := new(derivation)
	d.keys[use{u.act, strings.Clone(u.purpose)}] = found // it may be a part of something large
	return found
}
