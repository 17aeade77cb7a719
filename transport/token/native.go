package token

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// native is the package's own format, which is described in doc.go.
type native struct {
	root []byte // a key of HKDF
	derived
}

const (
	signedPrefix = "t1s."
	sealedPrefix = "t1e."

	headSize = 16 // issued and expires
	saltSize = 16
)

// key returns the key for an act and a purpose. The act ends before the first zero byte.
func (n *native) key(act, purpose string) ([]byte, error) {
	return n.get(use{act, purpose}, func() ([]byte, error) {
		return hkdf.Expand(sha256.New, n.root, act+"\x00"+purpose, sha256.Size)
	})
}

func (n *native) sign(purpose string, m message) (string, error) {
	key, err := n.key(signedPrefix, purpose)
	if err != nil {
		return "", err
	}
	body := m.append(make([]byte, 0, headSize+len(m.claims)+sha256.Size))
	return signedPrefix + base64.RawURLEncoding.EncodeToString(append(body, authenticate(key, body)...)), nil
}

func (n *native) verify(purpose, token string) (message, error) {
	data, ok := unwrap(signedPrefix, token)
	if !ok || len(data) < headSize+sha256.Size {
		return message{}, ErrInvalid
	}
	key, err := n.key(signedPrefix, purpose)
	if err != nil {
		return message{}, err
	}
	body, mac := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if !hmac.Equal(mac, authenticate(key, body)) {
		return message{}, ErrInvalid
	}
	return parse(body), nil
}

func (n *native) seal(purpose string, m message) (string, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails
	sealer, err := n.sealer(purpose, salt)
	if err != nil {
		return "", err
	}
	body := m.append(make([]byte, 0, headSize+len(m.claims)))
	return sealedPrefix + base64.RawURLEncoding.EncodeToString(sealer.Seal(salt, nil, body, nil)), nil
}

func (n *native) open(purpose, token string) (message, error) {
	data, ok := unwrap(sealedPrefix, token)
	if !ok || len(data) < saltSize {
		return message{}, ErrInvalid
	}
	sealer, err := n.sealer(purpose, data[:saltSize])
	if err != nil {
		return message{}, err
	}
	body, err := sealer.Open(nil, nil, data[saltSize:], nil)
	if err != nil || len(body) < headSize {
		return message{}, ErrInvalid
	}
	return parse(body), nil
}

// sealer returns what seals one token: its key is the token's own, so there is no bound on
// how many tokens a secret may seal.
func (n *native) sealer(purpose string, salt []byte) (cipher.AEAD, error) {
	key, err := n.key(sealedPrefix, purpose)
	if err != nil {
		return nil, err
	}
	own, err := hkdf.Expand(sha256.New, key, string(salt), 32)
	if err != nil {
		return nil, keyError(err)
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, keyError(err)
	}
	sealer, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, keyError(err)
	}
	return sealer, nil
}

func authenticate(key, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	return mac.Sum(nil)
}

// append appends the body of a token.
func (m message) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.issued))
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.expires))
	return append(dst, m.claims...)
}

func parse(body []byte) message {
	return message{
		issued:  int64(binary.BigEndian.Uint64(body)),
		expires: int64(binary.BigEndian.Uint64(body[8:])),
		claims:  body[headSize:],
	}
}

// unwrap takes the prefix off a token, and decodes the rest.
func unwrap(prefix, token string) ([]byte, bool) {
	text, ok := strings.CutPrefix(token, prefix)
	if !ok {
		return nil, false
	}
	return decode(text)
}

// strict refuses a last character that has bits which say nothing.
var strict = base64.RawURLEncoding.Strict()

// decode decodes what is the only text of its bytes. Package base64 skips line ends.
func decode(text string) ([]byte, bool) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	data, err := strict.DecodeString(text)
	return data, err == nil
}
