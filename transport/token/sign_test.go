package token_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/token"
)

const maxAge = time.Hour

func TestClaimsComeBack(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		got, err := k.read(keys, purpose, k.must(t, keys, ann))
		if err != nil || got != ann {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestClaimsOfAnyType(t *testing.T) {
	s, err := keys.Sign(purpose, 17, maxAge)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := token.Verify[int](keys, purpose, s); err != nil || v.Claims != 17 {
		t.Error(v, err)
	}
	if v, err := token.Verify[any](keys, purpose, s); err != nil || v.Claims != 17.0 {
		t.Error(v, err)
	}
	if v, err := token.Verify[json.RawMessage](keys, purpose, s); err != nil || string(v.Claims) != "17" {
		t.Error(v, err)
	}
	if s, err = keys.Seal(purpose, nil, maxAge); err != nil {
		t.Fatal(err)
	}
	if v, err := token.Open[*User](keys, purpose, s); err != nil || v.Claims != nil {
		t.Error(v, err)
	}
}

func TestAChangedByteAnywhereIsRefused(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		tried := 0
		s := k.must(t, keys, ann)
		spoilt(s, func(other string) {
			if other == s {
				return
			}
			tried++
			if got, err := k.read(keys, purpose, other); !token.Refused(err) || errors.Is(err, token.ErrClaims) || errors.Is(err, token.ErrExpired) {
				t.Errorf("%q in place of %q: %v, %v", other, s, got, err)
			}
		})
		if tried < 1000 {
			t.Errorf("%d tokens", tried)
		}
	})
}

func TestAPurposeIsInvalidForAnother(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		s := k.must(t, keys, ann)
		for _, other := range []string{"user socke", "user socket2", "User socket", "user socket\x00", "\x00user socket", "t1s.\x00user socket"} {
			if _, err := k.read(keys, other, s); err != token.ErrInvalid {
				t.Errorf("for %q: %v", other, err)
			}
		}
	})
}

func TestASignedTokenIsNoSealedOne(t *testing.T) {
	for name, made := range kinds {
		s := made.must(t, keys, ann)
		for other, k := range kinds {
			if other == name {
				continue
			}
			for _, prefix := range []string{"t1s.", "t1e."} {
				if _, err := k.read(keys, purpose, prefix+s[4:]); err != token.ErrInvalid {
					t.Errorf("a %s token read as a %s one: %v", name, other, err)
				}
			}
		}
	}
}

func TestSealedClaimsCannotBeRead(t *testing.T) {
	first, second := kinds["sealed"].must(t, keys, ann), kinds["sealed"].must(t, keys, ann)
	if first == second {
		t.Error("twice the same token")
	}
	data := decoded(t, first)
	if strings.Contains(data, "ann") || len(data) < 16+12+16+16 {
		t.Errorf("%q", data)
	}
	if signed := decoded(t, kinds["signed"].must(t, keys, ann)); !strings.Contains(signed, `{"id":17,"email":"ann@example.com"}`) {
		t.Errorf("%q", signed)
	}
}

func TestATokenIsGoodForItsMaximumAge(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		synctest.Test(t, func(t *testing.T) {
			s := k.must(t, keys, ann)
			time.Sleep(maxAge)
			if _, err := k.read(keys, purpose, s); err != nil {
				t.Error("at its end:", err)
			}
			time.Sleep(time.Millisecond)
			got, err := k.read(keys, purpose, s)
			if err != token.ErrExpired || got != (User{}) {
				t.Error("after its end:", got, err)
			}
			if _, err := k.read(keys, "another", s); err != token.ErrInvalid {
				t.Error("after its end, for another purpose:", err)
			}
		})
	})
}

func TestAVerifiedTokenSaysWhenItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := keys.Sign(purpose, ann, maxAge)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		time.Sleep(time.Minute)
		v, err := token.Verify[User](keys, purpose, s)
		if err != nil || !v.Issued.Equal(start) || !v.Expires.Equal(start.Add(maxAge)) {
			t.Error(v, err)
		}
	})
}

func TestMaximumAges(t *testing.T) {
	for _, age := range []time.Duration{0, -1, math.MinInt64} {
		if s, err := keys.Sign(purpose, ann, age); !errors.Is(err, token.ErrExpired) || s != "" {
			t.Errorf("%v: %q, %v", age, s, err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		s, err := keys.Sign(purpose, ann, math.MaxInt64)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * 365 * 24 * time.Hour)
		if _, err := token.Verify[User](keys, purpose, s); err != nil {
			t.Error(err)
		}
	})
}

func TestATokenOfAClockThatIsAheadIsTaken(t *testing.T) {
	var s string
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Minute)
		s = kinds["signed"].must(t, keys, ann)
	})
	synctest.Test(t, func(t *testing.T) {
		if _, err := kinds["signed"].read(keys, purpose, s); err != nil {
			t.Error(err)
		}
	})
}

func TestNoTokenIsMissing(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		if _, err := k.read(keys, purpose, ""); err != token.ErrMissing {
			t.Error(err)
		}
	})
}

func TestSizesAreBounded(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		claims := strings.Repeat("a", token.MaxSize*3/4-120)
		fits := k.must(t, keys, User{Email: claims})
		if len(fits) > token.MaxSize || len(fits) < token.MaxSize-200 {
			t.Errorf("%d bytes", len(fits))
		}
		if got, err := k.read(keys, purpose, fits); err != nil || got.Email != claims {
			t.Error(err)
		}
		s, err := k.make(keys, purpose, User{Email: claims + strings.Repeat("a", 200)})
		if !errors.Is(err, token.ErrClaims) || s != "" {
			t.Errorf("%d bytes, %v", len(s), err)
		}
		if _, err := k.read(keys, purpose, strings.Repeat("A", 1<<20)); err != token.ErrInvalid {
			t.Error(err)
		}
	})
}

func TestVerifiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, v := range map[string]token.Verifier[User]{
			"signed": token.Signed[User]{Keys: keys, Purpose: purpose},
			"sealed": token.Sealed[User]{Keys: keys, Purpose: purpose},
			"func": token.VerifierFunc[User](func(_ context.Context, s string) (token.Verified[User], error) {
				return token.Verify[User](keys, purpose, s)
			}),
		} {
			made := kinds["signed"]
			if name == "sealed" {
				made = kinds["sealed"]
			}
			got, err := v.Verify(t.Context(), made.must(t, keys, ann))
			if err != nil || got.Claims != ann || !got.Expires.Equal(time.Now().Add(maxAge)) {
				t.Errorf("%s: %v, %v", name, got, err)
			}
			if _, err := v.Verify(t.Context(), "no token"); err != token.ErrInvalid {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
