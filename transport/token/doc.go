// Package token makes and verifies tokens: claims that a client keeps and cannot change,
// nor use for another purpose, nor after their time.
//
//	keys := token.Keys{Current: token.NewKey(secret)} // 32 random bytes or more
//
//	s, err := keys.Sign("user socket", User{ID: 17}, 24*time.Hour)
//	u, err := token.Verify[User](keys, "user socket", s) // u.Claims.ID, u.Expires
//
// A signed token can be read by its holder; a sealed one, of [Keys.Seal] and [Open], is
// encrypted as well. [Keys] have previous keys with an end, so that the secret can be
// changed while tokens are about. A [PhoenixKey] takes the tokens of a Phoenix server: as a
// previous key it is a migration that clients do not notice.
//
// A token is not taken back: it is good until it expires. Make it short-lived, and look up
// what must be known now. What is said to be valid for minutes is so by the clock of the
// node that verifies; nodes should agree to a second or so.
//
// [Verifier] is what takes the tokens of somebody else, such as JWTs, in the same places.
//
// # Format
//
// A signed token is "t1s." and then, in base64url without padding, one after the other:
// when it was issued and when it expires, in milliseconds since 1970 and as eight bytes
// each, highest first; the claims in JSON; the HMAC-SHA256 of all that, 32 bytes. A sealed
// one is "t1e.", and in base64url a salt of 16 bytes, a nonce of 12, and the same but for
// the HMAC, sealed with AES-256-GCM. There is exactly one text for a token: another
// spelling of the same bytes is invalid.
//
// All keys are derived by HKDF-SHA256 from the secret, extracted with the salt "troupe
// token". A purpose has a key for each kind of token: the expansion with the token's prefix,
// a zero byte and the purpose as info. That of sealed tokens is expanded again for each
// token, with its salt as info, so there is no bound on how many are sealed. Another version
// of the format would have another prefix.
//
// # Examples
//
// The examples in example_test.go sign and verify, seal and open, change the secret, take
// the tokens of a Phoenix server, and let clients in at a socket: that one shows a Connect, which
// refuses where [Refused] says so and answers 503 to other errors. docs/phoenix.md has more.
//
// Phoenix: Phoenix.Token.
package token
