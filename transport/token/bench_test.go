package token_test

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/transport/token"
)

// forever is the end of a key that these benchmarks and fuzz targets keep.
var forever = time.Now().Add(time.Hour)

// BenchmarkToken measures what is done once for each connection.
func BenchmarkToken(b *testing.B) {
	v := vectors(b)
	phoenix := v.keys(token.PhoenixOptions{MaxAge: 1 << 62})
	rotated := token.Keys{Current: token.NewKey(newSecret), Previous: []token.Previous{{Key: keys.Current, Until: forever}}}
	signed, err := keys.Sign(purpose, ann, maxAge)
	if err != nil {
		b.Fatal(err)
	}
	sealed, err := keys.Seal(purpose, ann, maxAge)
	if err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"sign":           func() error { _, err := keys.Sign(purpose, ann, maxAge); return err },
		"verify":         func() error { _, err := token.Verify[User](keys, purpose, signed); return err },
		"verify/rotated": func() error { _, err := token.Verify[User](rotated, purpose, signed); return err },
		"seal":           func() error { _, err := keys.Seal(purpose, ann, maxAge); return err },
		"open":           func() error { _, err := token.Open[User](keys, purpose, sealed); return err },
		"phoenix/verify": func() error { _, err := token.Verify[int](phoenix, v.Salt, v.Vectors[0].Signed); return err },
		"phoenix/open":   func() error { _, err := token.Open[int](phoenix, v.Salt, v.Vectors[0].Encrypted); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
