package token

import (
	"context"
	"errors"
)

// Verifier verifies tokens of some kind: [Signed] and [Sealed] those of this package, and a
// [VerifierFunc] those that another library knows, such as JWTs. What takes tokens, such as
// a socket's Connect, is written once for all of them.
//
// Its errors wrap [ErrMissing], [ErrExpired], [ErrInvalid] or [ErrClaims] if the token is at
// fault; with any other the token may be good, and cannot be verified now. It may be called
// from any goroutine.
type Verifier[T any] interface {
	Verify(ctx context.Context, token string) (Verified[T], error)
}

// VerifierFunc is a function as a [Verifier].
type VerifierFunc[T any] func(ctx context.Context, token string) (Verified[T], error)

// Verify calls f.
func (f VerifierFunc[T]) Verify(ctx context.Context, token string) (Verified[T], error) {
	return f(ctx, token)
}

// Signed is [Verify] with keys and a purpose, as a [Verifier].
type Signed[T any] struct {
	Keys    Keys
	Purpose string
}

// Verify implements [Verifier].
func (s Signed[T]) Verify(_ context.Context, token string) (Verified[T], error) {
	return Verify[T](s.Keys, s.Purpose, token)
}

// Sealed is [Open] with keys and a purpose, as a [Verifier].
type Sealed[T any] struct {
	Keys    Keys
	Purpose string
}

// Verify implements [Verifier].
func (s Sealed[T]) Verify(_ context.Context, token string) (Verified[T], error) {
	return Open[T](s.Keys, s.Purpose, token)
}

// Refused reports whether an error of a [Verifier] is about the token, which is to be
// refused. With any other error the token may be good, and cannot be verified now.
func Refused(err error) bool {
	return errors.Is(err, ErrMissing) || errors.Is(err, ErrExpired) || errors.Is(err, ErrInvalid) || errors.Is(err, ErrClaims)
}
