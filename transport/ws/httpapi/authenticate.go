package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/transport/token"
)

// maxToken is how many bytes a token may have, of whatever kind.
const maxToken = 16 << 10

// authenticate returns what the token of a request allows.
func (h *Handler) authenticate(ctx context.Context, r *http.Request) (Grant, error) {
	bearer, ok := bearerOf(r.Header)
	switch {
	case !ok:
		return Grant{}, unauthorized(token.ErrMissing)
	case len(bearer) > maxToken:
		return Grant{}, unauthorized(token.ErrInvalid)
	}
	v, err := foreign.Value(ctx, &h.verify, func(ctx context.Context) (token.Verified[Grant], error) {
		return h.cfg.Tokens.Verify(ctx, bearer)
	})
	if err == nil && !v.Expires.IsZero() && time.Now().After(v.Expires) {
		err = token.ErrExpired
	}
	switch {
	case err == nil && v.Claims.Who == "":
		return Grant{}, &problem{status: http.StatusForbidden, code: "forbidden", message: "the token does not say whose it is"}
	case err == nil:
		return v.Claims, nil
	case token.Refused(err):
		return Grant{}, unauthorized(err)
	}
	p := unavailable("the token cannot be verified now")
	p.cause = errors.New(without(bearer, err.Error()))
	return Grant{}, p
}

// without leaves a token out of the text of an error that may quote it, whole or a part.
func without(bearer, text string) string {
	for _, part := range append([]string{bearer}, strings.Split(bearer, ".")...) {
		if len(part) >= 8 {
			text = strings.ReplaceAll(text, part, "[token]")
		}
	}
	return text
}

// bearerOf returns the token of a request: RFC 6750, section 2.1.
func bearerOf(h http.Header) (bearer string, ok bool) {
	all := h.Values("Authorization")
	if len(all) != 1 {
		return "", false
	}
	scheme, bearer, _ := strings.Cut(all[0], " ")
	bearer = strings.TrimSpace(bearer)
	return bearer, strings.EqualFold(scheme, "Bearer") && bearer != ""
}

// unauthorized says what is wrong with a token, and no more than that.
func unauthorized(why error) *problem {
	p := &problem{status: http.StatusUnauthorized, code: "token_invalid", message: "the token is invalid"}
	challenge := `Bearer error="invalid_token"`
	switch {
	case errors.Is(why, token.ErrMissing):
		p.code, p.message, challenge = "no_token", "there is no header Authorization: Bearer TOKEN", "Bearer"
	case errors.Is(why, token.ErrExpired):
		p.code, p.message = "token_expired", "the token has expired"
	}
	p.header = http.Header{"Www-Authenticate": {challenge}}
	return p
}
