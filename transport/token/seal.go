package token

import "time"

// Seal is [Keys.Sign] for claims that the token's holder must not read: they are encrypted.
// A sealed token is opened by [Open], and is invalid for [Verify].
//
// Phoenix: Phoenix.Token.encrypt/4.
func (k Keys) Seal(purpose string, claims any, maxAge time.Duration) (string, error) {
	return k.make(purpose, claims, maxAge, scheme.seal)
}

// Open is [Verify] for a token of [Keys.Seal].
//
// Phoenix: Phoenix.Token.decrypt/4.
func Open[T any](keys Keys, purpose, token string) (Verified[T], error) {
	m, err := keys.find(purpose, token, scheme.open)
	if err != nil {
		return Verified[T]{}, err
	}
	return verified[T](m)
}
