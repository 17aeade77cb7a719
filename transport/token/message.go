package token

import (
	"fmt"
	"time"
)

// Verified is what a genuine token says.
type Verified[T any] struct {
	Claims T
	// Issued and Expires are by the clock of the node that made the token, in whole
	// milliseconds. Expires is zero for a token that does not expire.
	Issued, Expires time.Time
}

// message is what a token says, before it is known of what type the claims are.
type message struct {
	claims          []byte // JSON
	issued, expires int64  // in milliseconds since 1970
	forever         bool   // and not until expires
}

func newMessage(claims any, maxAge time.Duration) (message, error) {
	now := time.Now()
	if maxAge <= 0 {
		return message{}, fmt.Errorf("%w: a maximum age of %v", ErrExpired, maxAge)
	}
	text, err := marshal(claims)
	return message{claims: text, issued: now.UnixMilli(), expires: now.Add(maxAge).UnixMilli()}, err
}

func (m message) expired(now time.Time) bool { return !m.forever && now.UnixMilli() > m.expires }

// verified returns a message with claims of a type.
func verified[T any](m message) (Verified[T], error) {
	var v Verified[T]
	if err := unmarshal(m.claims, &v.Claims); err != nil {
		return Verified[T]{}, err
	}
	v.Issued = time.UnixMilli(m.issued)
	if !m.forever {
		v.Expires = time.UnixMilli(m.expires)
	}
	return v, nil
}
