package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/troupe-go/troupe/actor"
)

// Errors of this package. None of their texts has anything of a token, of its claims or of a
// secret in it, so they may be logged.
var (
	// ErrMissing says that there is no token: it is the empty string.
	ErrMissing = errors.New("token: missing")
	// ErrExpired says that a token is genuine, and too old.
	ErrExpired = errors.New("token: expired")
	// ErrInvalid says that a token is not genuine: it was changed, or was made with another
	// key, for another purpose, or with a key that has ended. Which of them is not said.
	ErrInvalid = errors.New("token: invalid")
	// ErrClaims says that claims cannot be put into a token, or that those of a genuine one
	// are not of the type that was asked for.
	ErrClaims = errors.New("token: unfit claims")
	// ErrKey says that the keys are at fault and not the token: a secret that is too short,
	// for instance.
	ErrKey = errors.New("token: unusable key")
)

// claimsError is an ErrClaims. It leaves out the texts of other errors, since those of
// package json and of users' methods quote what they were given, and sealed claims are
// secret.
type claimsError struct {
	what  string
	panic error // a *actor.PanicError, which has the stack, or nil
}

func (e *claimsError) Error() string { return ErrClaims.Error() + ": " + e.what }

func (e *claimsError) Is(target error) bool { return target == ErrClaims }

func (e *claimsError) Unwrap() error { return e.panic }

// marshal returns claims as JSON. Methods of theirs run on the caller's goroutine and may
// panic: nothing is locked or lent while they do.
func marshal(claims any) (text []byte, err error) {
	defer caught(&err, claims)
	text, err = json.Marshal(claims)
	switch e := err.(type) {
	case nil:
		return text, nil
	case *json.UnsupportedTypeError:
		return nil, &claimsError{what: fmt.Sprintf("%T has a %v, which JSON does not", claims, e.Type)}
	}
	return nil, &claimsError{what: fmt.Sprintf("%T cannot be marshalled", claims)}
}

// unmarshal is the reverse, into what a pointer points to.
func unmarshal(text []byte, into any) (err error) {
	want := reflect.TypeOf(into).Elem()
	defer caught(&err, into)
	switch e := json.Unmarshal(text, into).(type) {
	case nil:
		return nil
	case *json.UnmarshalTypeError:
		return &claimsError{what: fmt.Sprintf("not a %v: field %q is not a %v", want, e.Field, e.Type)}
	}
	return &claimsError{what: fmt.Sprintf("not a %v", want)}
}

// caught turns a panic into an error.
func caught(err *error, claims any) {
	if v := recover(); v != nil {
		*err = &claimsError{fmt.Sprintf("a method of %T panicked", claims), actor.Recovered(v)}
	}
}
