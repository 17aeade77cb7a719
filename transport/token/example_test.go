package token_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/troupe-go/troupe/transport/token"
	"github.com/troupe-go/troupe/transport/ws"
)

type Account struct {
	ID    int  `json:"id"`
	Admin bool `json:"admin"`
}

// The page gets a token with its HTML, and the socket verifies it.
func Example() {
	keys := token.Keys{Current: token.NewKey("32 random bytes, from a vault…")}
	if err := keys.Validate(); err != nil {
		fmt.Println(err)
		return
	}
	s, err := keys.Sign("user socket", Account{ID: 17}, 24*time.Hour)
	if err != nil {
		fmt.Println(err)
		return
	}

	account, err := token.Verify[Account](keys, "user socket", s)
	fmt.Println(account.Claims.ID, account.Expires.Sub(account.Issued), err)

	_, err = token.Verify[Account](keys, "password reset", s)
	fmt.Println(err, errors.Is(err, token.ErrInvalid))
	// Output:
	// 17 24h0m0s <nil>
	// token: invalid true
}

// What the client keeps and must not read.
func ExampleOpen() {
	keys := token.Keys{Current: token.NewKey("32 random bytes, from a vault…")}
	s, err := keys.Seal("invitation", "ann@example.com", 7*24*time.Hour)
	if err != nil {
		fmt.Println(err)
		return
	}
	email, err := token.Open[string](keys, "invitation", s)
	fmt.Println(email.Claims, err)
	// Output: ann@example.com <nil>
}

// The secret is changed, and those who are logged in stay so.
func ExampleKeys() {
	before := token.Keys{Current: token.NewKey("the secret that is 32 bytes long")}
	s, err := before.Sign("user socket", 17, 24*time.Hour)
	if err != nil {
		fmt.Println(err)
		return
	}

	after := token.Keys{
		Current:  token.NewKey("a new secret, which is as long as"),
		Previous: []token.Previous{{Key: before.Current, Until: time.Now().Add(24 * time.Hour)}},
	}
	user, err := token.Verify[int](after, "user socket", s)
	fmt.Println(user.Claims, err)
	// Output: 17 <nil>
}

// Phoenix.Token.sign(MyAppWeb.Endpoint, "user socket", %{id: 17, admin: true}) has made the
// token, which is taken for as long as the Phoenix server's tokens are about.
func ExamplePhoenixKey() {
	const secretKeyBase = "troupe-secret-key-base-for-tests-only-0123456789troupe-secret-key-base-for-tests-only-0123456789"
	phoenix := token.PhoenixKey(secretKeyBase, token.PhoenixOptions{MaxAge: 100 * 365 * 24 * time.Hour})
	keys := token.Keys{
		Current:  token.NewKey("32 random bytes, from a vault…"),
		Previous: []token.Previous{{Key: phoenix, Until: time.Now().Add(14 * 24 * time.Hour)}},
	}
	const s = "SFMyNTY.g2gDdAAAAAJkAAVhZG1pbmQABHRydWVkAAJpZGERbgYAAGjlz4sBYgABUYA.4T0-cWSp2K-7s8fXaiKLh37Y0cZMpqfbAcdvCfXR1U4"
	account, err := token.Verify[Account](keys, "user socket", s)
	fmt.Println(account.Claims.ID, account.Claims.Admin, account.Issued.UTC().Year(), err)
	// Output: 17 true 2023 <nil>
}

// connect lets in clients with a token of any kind. A refused one is answered with status
// 403: the official client tells onError, and tries again later, with another token if its
// authToken is a function. The log has the error, and nothing of the token.
func connect(accounts token.Verifier[Account]) func(*ws.Request) (ws.Identity, error) {
	return func(r *ws.Request) (ws.Identity, error) {
		account, err := accounts.Verify(r.Context(), r.AuthToken)
		switch {
		case err == nil:
			return ws.Identity{ID: fmt.Sprint("user:", account.Claims.ID), Assigns: account.Claims, Expires: account.Expires}, nil
		case token.Refused(err):
			return ws.Identity{}, err
		}
		return ws.Identity{}, &ws.StatusError{Status: 503} // the token may be good
	}
}

// JWTs of a library, here of a function parse, at a socket's Connect.
func ExampleVerifierFunc() {
	parse := func(_ context.Context, jwt string) (subject int, expires time.Time, err error) {
		if jwt != "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOjE3fQ.c2lnbmF0dXJl" {
			return 0, time.Time{}, errors.New("signature is invalid")
		}
		return 17, time.Now().Add(time.Hour), nil
	}
	accounts := token.VerifierFunc[Account](func(ctx context.Context, jwt string) (token.Verified[Account], error) {
		id, expires, err := parse(ctx, jwt)
		if err != nil {
			return token.Verified[Account]{}, fmt.Errorf("%w: %w", token.ErrInvalid, err)
		}
		return token.Verified[Account]{Claims: Account{ID: id}, Expires: expires}, nil
	})

	socket := ws.Socket{Path: "/socket", Connect: connect(accounts)} // and its Channels

	request := &ws.Request{Request: httptest.NewRequest("GET", "/socket/websocket", nil)}
	request.AuthToken = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOjE3fQ.c2lnbmF0dXJl"
	identity, err := socket.Connect(request)
	fmt.Println(identity.ID, err)
	request.AuthToken = "forged"
	_, err = socket.Connect(request)
	fmt.Println(err)
	// Output:
	// user:17 <nil>
	// token: invalid: signature is invalid
}

// A socket whose clients have tokens of this package.
func ExampleSigned() {
	keys := token.Keys{Current: token.NewKey("32 random bytes, from a vault…")}
	accounts := token.Signed[Account]{Keys: keys, Purpose: "user socket"}
	socket := ws.Socket{Path: "/socket", Connect: connect(accounts)} // and its Channels

	request := &ws.Request{Request: httptest.NewRequest("GET", "/socket/websocket", nil)}
	_, err := socket.Connect(request)
	fmt.Println(err)
	// Output: token: missing
}
