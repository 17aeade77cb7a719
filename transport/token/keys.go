package token

import (
	"fmt"
	"time"
)

const (
	// MaxSize is how many bytes a token may have. What is longer is invalid, and is not looked
	// at; claims that would make it longer cannot be signed.
	MaxSize = 8 << 10

	maxPurpose  = 1 << 10
	maxPrevious = 15
)

// Keys are the keys of a program: tokens are made with the current one, and taken if they
// were made with it, or with a previous one that has not ended. To change the secret, make
// the current key a previous one, which ends when the last of its tokens has expired:
//
//	keys := token.Keys{
//		Current:  token.NewKey(secret),
//		Previous: []token.Previous{{Key: token.NewKey(oldSecret), Until: lastDay}},
//	}
//
// Where several nodes verify each other's tokens, all of them get the new key as a Previous
// first, and then as the Current one. A previous key may be a [PhoenixKey], and its end is
// the end of a migration.
//
// Keys are not to be changed while they are used. Their methods, and the functions that take
// them, may be called from any goroutine.
type Keys struct {
	Current  Key
	Previous []Previous // 15 at most: each costs a signature for each token that is invalid
}

// Previous is a key with an end. From Until on its tokens are invalid, by the clock of this
// node, whatever their own age. There must be an end: a key that was changed because it had
// leaked is good for forging tokens until then.
type Previous struct {
	Key   Key
	Until time.Time
}

// Validate returns why the keys cannot be used, as an error that wraps [ErrKey], or nil.
// Everything that needs them fails with the same error: call Validate when the program
// starts, so that it does so then.
func (k Keys) Validate() error {
	if err := k.Current.usable(); err != nil {
		return fmt.Errorf("current key: %w", err)
	}
	if len(k.Previous) > maxPrevious {
		return fmt.Errorf("%w: %d previous keys, and there may be %d", ErrKey, len(k.Previous), maxPrevious)
	}
	for i, p := range k.Previous {
		if err := p.Key.usable(); err != nil {
			return fmt.Errorf("previous key %d: %w", i, err)
		}
		if p.Until.IsZero() {
			return fmt.Errorf("previous key %d: %w: it has no end", i, ErrKey)
		}
	}
	return nil
}

// ready checks the keys and a purpose.
func (k Keys) ready(purpose string) error {
	if err := k.Validate(); err != nil {
		return err
	}
	if purpose == "" || len(purpose) > maxPurpose {
		return fmt.Errorf("%w: a purpose has 1 to %d bytes, and not %d", ErrKey, maxPurpose, len(purpose))
	}
	return nil
}

// find returns what a token says, if read, which is a method of scheme, takes it with one of
// the keys, and it has not expired.
func (k Keys) find(purpose, token string, read func(s scheme, purpose, token string) (message, error)) (message, error) {
	if err := k.ready(purpose); err != nil {
		return message{}, err
	}
	switch {
	case token == "":
		return message{}, ErrMissing
	case len(token) > MaxSize:
		return message{}, ErrInvalid
	}
	now := time.Now()
	m, err := read(k.Current.of, purpose, token)
	for _, p := range k.Previous {
		if err != ErrInvalid {
			break
		}
		if now.Before(p.Until) {
			m, err = read(p.Key.of, purpose, token)
		}
	}
	if err == nil && m.expired(now) {
		err = ErrExpired
	}
	if err != nil {
		return message{}, err
	}
	return m, nil
}
