package token_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/token"
)

func decoded(t *testing.T, s string) string {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(s[4:])
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// holder has its keys in fields of which package fmt calls no methods.
type holder struct {
	key  token.Key
	keys token.Keys
	all  map[string]token.Key
}

func TestKeysDoNotPrintTheirSecrets(t *testing.T) {
	key := token.NewKey(secret)
	phoenix := token.PhoenixKey(secret, token.PhoenixOptions{})
	rotated := token.Keys{Current: key, Previous: []token.Previous{{Key: phoenix, Until: time.Now().Add(time.Hour)}}}
	if _, err := rotated.Sign(purpose, ann, maxAge); err != nil { // so that there are derived keys
		t.Fatal(err)
	}
	if _, err := token.Verify[User](rotated, purpose, "SFMyNTY.AAAA.AAAA"); err != token.ErrInvalid {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, v := range []any{key, &key, phoenix, rotated, &rotated, holder{key, rotated, map[string]token.Key{"a": phoenix}}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		out.Write(text)
		slog.New(slog.NewTextHandler(&out, nil)).Info("a key", "key", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("a key", "key", v)
	}
	for _, form := range []string{
		secret, secret[:8], fmt.Sprintf("%x", secret)[:16], fmt.Sprintf("%X", secret)[:16], "48 49 50 51", "0x30, 0x31",
		base64.StdEncoding.EncodeToString([]byte(secret))[:12],
	} {
		if strings.Contains(out.String(), form) {
			t.Errorf("%q is in %s", form, &out)
		}
	}
	if n := strings.Count(out.String(), "redacted"); n < 40 {
		t.Errorf("%d times redacted: %s", n, &out)
	}
}

// What an error says may be logged, whatever the token or the claims were.
func TestErrorsHaveNothingOfTokensAndClaims(t *testing.T) {
	const private = "4711-private"
	s, err := keys.Seal(purpose, map[string]any{"id": private, "email": []any{private}}, maxAge)
	if err != nil {
		t.Fatal(err)
	}
	number, err := keys.Seal(purpose, map[string]any{"id": 4711.5}, maxAge)
	if err != nil {
		t.Fatal(err)
	}
	var all []error
	collect := func(_ any, err error) { all = append(all, err) }
	_, err = token.Open[User](keys, purpose, s)
	collect(nil, err)
	_, err = token.Open[User](keys, purpose, number)
	collect(nil, err)
	_, err = token.Open[refuses](keys, purpose, s)
	collect(nil, err)
	_, err = token.Open[panics](keys, purpose, s)
	collect(nil, err)
	_, err = token.Open[User](keys, "another", s)
	collect(nil, err)
	_, err = token.Open[User](keys, purpose, s+"x")
	collect(nil, err)
	for _, claims := range []any{refuses{private}, panics{private}, map[string]any{private: make(chan int)}, map[string]float64{private: math.NaN()}} {
		collect(keys.Sign(purpose, claims, maxAge))
	}
	collect(token.Keys{Current: token.NewKey(private)}.Sign(purpose, ann, maxAge))
	for _, err := range all {
		if err == nil {
			t.Error("no error")
			continue
		}
		text := fmt.Sprintf("%v %+v %s", err, err, slog.AnyValue(err))
		if strings.Contains(text, "4711") || strings.Contains(text, s[4:20]) || strings.Contains(text, secret[:8]) {
			t.Error(text)
		}
	}
}

// refuses has methods that fail, with all that they know in their errors.
type refuses struct{ V string }

func (r refuses) MarshalJSON() ([]byte, error)     { return nil, errors.New(r.V) }
func (r *refuses) UnmarshalJSON(text []byte) error { return errors.New(string(text)) }

type panics struct{ V string }

func (p panics) MarshalJSON() ([]byte, error)     { panic(p.V) }
func (p *panics) UnmarshalJSON(text []byte) error { panic(string(text)) }

// hostile is an error whose methods panic.
type hostile struct{}

func (hostile) Error() string   { panic("Error") }
func (hostile) Is(error) bool   { panic("Is") }
func (hostile) As(any) bool     { panic("As") }
func (hostile) Unwrap() error   { panic("Unwrap") }
func (*pointed) Error() string  { panic("Error of nil") }
func (throws) String() string   { panic("String") }
func (throws) GoString() string { panic("GoString") }

type (
	pointed struct{}
	throws  struct{}
)

type fails struct{ with func() error }

var failure func() error

func (f fails) MarshalJSON() ([]byte, error)  { return nil, f.with() }
func (f *fails) UnmarshalJSON(_ []byte) error { return failure() }

func TestWhateverMethodsOfClaimsDoIsAnError(t *testing.T) {
	s, err := keys.Sign(purpose, ann, maxAge)
	if err != nil {
		t.Fatal(err)
	}
	for what, with := range map[string]func() error{
		"an error":                  func() error { return errors.New("no") },
		"a panic":                   func() error { panic("no") },
		"a panic with an error":     func() error { panic(hostile{}) },
		"a panic with bad methods":  func() error { panic(throws{}) },
		"a nil panic":               func() error { panic(nil) },
		"an error that panics":      func() error { return hostile{} },
		"a typed nil":               func() error { return (*pointed)(nil) },
		"a typed nil of json's":     func() error { return (*json.UnmarshalTypeError)(nil) },
		"another nil of json's":     func() error { return (*json.UnsupportedTypeError)(nil) },
		"an empty error of json's":  func() error { return &json.UnmarshalTypeError{} },
		"another empty one":         func() error { return &json.UnsupportedTypeError{} },
		"an error of this package":  func() error { return token.ErrExpired },
		"an end of the program":     func() error { panic(&runtime.PanicNilError{}) },
		"a division by nothing":     func() error { zero := 0; return fmt.Errorf("%d", 1/zero) },
		"a panic with another type": func() error { panic(17) },
	} {
		failure = with
		_, made := keys.Sign(purpose, fails{with}, maxAge)
		_, read := token.Verify[fails](keys, purpose, s)
		for _, err := range []error{made, read} {
			if !errors.Is(err, token.ErrClaims) || errors.Is(err, token.ErrExpired) || !strings.HasPrefix(err.Error(), "token: unfit claims: ") {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	failure = func() error { panic("no") }
	_, err = token.Verify[fails](keys, purpose, s)
	if p, ok := errors.AsType[*actor.PanicError](err); !ok || !strings.Contains(fmt.Sprint(p.Stack), "UnmarshalJSON") {
		t.Errorf("%v has no stack", err)
	}
}

// The goroutine is the caller's, as with json.Marshal. It ends, and the keys work on.
func TestAGoexitOfClaimsEndsTheCallerAlone(t *testing.T) {
	s, err := keys.Sign(purpose, ann, maxAge)
	if err != nil {
		t.Fatal(err)
	}
	leave := func() error { runtime.Goexit(); return nil }
	failure = leave
	for _, f := range []func(){
		func() { keys.Sign(purpose, fails{leave}, maxAge) },
		func() { token.Verify[fails](keys, purpose, s) },
	} {
		returned, done := false, make(chan struct{})
		go func() {
			defer close(done)
			f()
			returned = true
		}()
		<-done
		if returned {
			t.Error("it has returned")
		}
	}
	if _, err := token.Verify[User](keys, purpose, s); err != nil {
		t.Error(err)
	}
}
