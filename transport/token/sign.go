package token

import (
	"fmt"
	"time"
)

// Sign returns a token with claims, anything that marshals to JSON, that is valid for maxAge.
// Its holder can read the claims, and cannot change them. The purpose, such as "user socket",
// says what it is for: a token for one purpose is invalid for any other. It is no secret, and
// a program has few of them.
//
// Errors wrap [ErrKey], [ErrClaims], also for claims that are too large, or [ErrExpired] if
// maxAge is not positive.
//
// Phoenix: Phoenix.Token.sign/4.
func (k Keys) Sign(purpose string, claims any, maxAge time.Duration) (string, error) {
	return k.make(purpose, claims, maxAge, scheme.sign)
}

// Verify returns what a token of [Keys.Sign] says, if it is genuine, was made for the
// purpose, and has not expired. Errors wrap [ErrMissing], [ErrExpired], [ErrInvalid],
// [ErrClaims] or [ErrKey]. A token that was issued in the future is taken: the clocks of
// nodes differ.
//
// Methods of T that read JSON run on the caller's goroutine, as those of [encoding/json.Unmarshal] do;
// a panic of theirs is an error that wraps [ErrClaims].
//
// Phoenix: Phoenix.Token.verify/4.
func Verify[T any](keys Keys, purpose, token string) (Verified[T], error) {
	m, err := keys.find(purpose, token, scheme.verify)
	if err != nil {
		return Verified[T]{}, err
	}
	return verified[T](m)
}

// make makes a token by write, which is a method of scheme.
func (k Keys) make(purpose string, claims any, maxAge time.Duration, write func(s scheme, purpose string, m message) (string, error)) (string, error) {
	if err := k.ready(purpose); err != nil {
		return "", err
	}
	m, err := newMessage(claims, maxAge)
	if err != nil {
		return "", err
	}
	token, err := write(k.Current.of, purpose, m)
	if err != nil {
		return "", err
	}
	if len(token) > MaxSize {
		return "", &claimsError{what: fmt.Sprintf("a token of %d bytes, and it may have %d", len(token), MaxSize)}
	}
	return token, nil
}
