package token_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/token"
)

func TestAPreviousKeyIsTakenUntilItsEnd(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		synctest.Test(t, func(t *testing.T) {
			old := k.must(t, keys, ann)
			rotated := token.Keys{
				Current:  token.NewKey(newSecret),
				Previous: []token.Previous{{Key: keys.Current, Until: time.Now().Add(time.Minute)}},
			}
			made := k.must(t, rotated, ann)
			if _, err := k.read(keys, purpose, made); err != token.ErrInvalid {
				t.Error("a new token, with the old key:", err)
			}
			time.Sleep(time.Minute - time.Nanosecond)
			for name, s := range map[string]string{"an old": old, "a new": made} {
				if got, err := k.read(rotated, purpose, s); err != nil || got != ann {
					t.Errorf("%s token: %v, %v", name, got, err)
				}
			}
			time.Sleep(time.Nanosecond)
			if _, err := k.read(rotated, purpose, old); err != token.ErrInvalid {
				t.Error("an old token, after the end of its key:", err)
			}
			if _, err := k.read(rotated, purpose, made); err != nil {
				t.Error("a new token, after the end of the old key:", err)
			}
		})
	})
}

func TestAnExpiredTokenOfAPreviousKeyHasExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := kinds["signed"].must(t, keys, ann)
		rotated := token.Keys{Current: token.NewKey(newSecret), Previous: []token.Previous{
			{Key: token.NewKey(newSecret + "2"), Until: time.Now().Add(time.Hour * 2)},
			{Key: keys.Current, Until: time.Now().Add(2 * maxAge)},
			{Key: token.NewKey(newSecret + "3"), Until: time.Now().Add(time.Hour * 2)},
		}}
		time.Sleep(maxAge + time.Millisecond)
		if _, err := kinds["signed"].read(rotated, purpose, old); err != token.ErrExpired {
			t.Error(err)
		}
	})
}

func TestKeysThatCannotBeUsedSayWhy(t *testing.T) {
	good, later := token.NewKey(secret), time.Now().Add(time.Hour)
	for _, c := range []struct {
		keys token.Keys
		want string
	}{
		{token.Keys{}, "current key: token: unusable key: there is none"},
		{token.Keys{Current: token.NewKey("hunter2")}, "current key: token: unusable key: a secret of 7 bytes, and it takes 32"},
		{token.Keys{Current: token.NewKey([]byte(nil))}, "current key: token: unusable key: a secret of 0 bytes, and it takes 32"},
		{token.Keys{Current: good, Previous: []token.Previous{{Key: good, Until: later}, {Until: later}}}, "previous key 1: token: unusable key: there is none"},
		{token.Keys{Current: good, Previous: []token.Previous{{Key: good}}}, "previous key 0: token: unusable key: it has no end"},
		{token.Keys{Current: good, Previous: make([]token.Previous, 16)}, "token: unusable key: 16 previous keys, and there may be 15"},
	} {
		errs := []error{c.keys.Validate()}
		for _, k := range kinds {
			_, err := k.make(c.keys, purpose, ann)
			_, missing := k.read(c.keys, purpose, "")
			_, invalid := k.read(c.keys, purpose, "t1s.AAAA")
			errs = append(errs, err, missing, invalid)
		}
		for _, err := range errs {
			if !errors.Is(err, token.ErrKey) || err.Error() != c.want || token.Refused(err) {
				t.Errorf("%v, not %s", err, c.want)
			}
		}
	}
	if err := keys.Validate(); err != nil {
		t.Error(err)
	}
}

func TestPurposesAreNeitherEmptyNorLong(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		for _, bad := range []string{"", string(make([]byte, 1025))} {
			if _, err := k.make(keys, bad, ann); !errors.Is(err, token.ErrKey) {
				t.Error(err)
			}
			if _, err := k.read(keys, bad, "t1s.AAAA"); !errors.Is(err, token.ErrKey) {
				t.Error(err)
			}
		}
	})
}

// Keys are shared, and those that were not derived yet are derived once.
func TestManyVerifyAtOnce(t *testing.T) {
	v := vectors(t)
	shared := token.Keys{
		Current:  token.NewKey(secret),
		Previous: []token.Previous{{Key: token.PhoenixKey(v.SecretKeyBase, token.PhoenixOptions{MaxAge: 1 << 62}), Until: time.Now().Add(time.Hour)}},
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got, err := token.Verify[int](shared, v.Salt, v.Vectors[0].Signed); err != nil || got.Claims != 17 {
				t.Error(got, err)
			}
			if got, err := token.Open[User](shared, purpose, firstSealed); err != nil || got.Claims != ann {
				t.Error(got, err)
			}
			if s, err := shared.Sign(purpose, ann, maxAge); err != nil || s == "" {
				t.Error(s, err)
			}
		})
	}
	all.Wait()
}

// The derived keys that are kept are bounded.
func TestManyPurposes(t *testing.T) {
	made := map[string]string{}
	for i := range 300 {
		p := "user " + string(rune('a'+i))
		s, err := keys.Sign(p, i, maxAge)
		if err != nil {
			t.Fatal(err)
		}
		made[p] = s
	}
	for p, s := range made {
		if _, err := token.Verify[int](keys, p, s); err != nil {
			t.Error(p, err)
		}
	}
}
