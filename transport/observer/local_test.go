package observer_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/troupe-go/troupe/transport/observer"
)

// Without an Authorize, what decides is where a request comes from: each case differs in one
// thing from one that is let in.
func TestOnlyRequestsOfThisMachineAreLocal(t *testing.T) {
	addr := func(s string) net.Addr {
		a, err := net.ResolveTCPAddr("tcp", s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for name, c := range map[string]struct {
		remote, host string
		local        net.Addr
		header       [2]string
		proto        int // the minor version
		ok           bool
	}{
		"a browser here":                   {remote: "127.0.0.1:5000", host: "localhost:4000", ok: true},
		"by address":                       {remote: "127.0.0.1:5000", host: "127.0.0.1:4000", ok: true},
		"without a port":                   {remote: "127.0.0.1:5000", host: "LOCALHOST", ok: true},
		"another address of the loopback":  {remote: "127.0.0.9:5000", host: "127.8.8.8", ok: true},
		"IPv6":                             {remote: "[::1]:5000", host: "[::1]:4000", ok: true},
		"IPv6 without a port":              {remote: "[::1]:5000", host: "[::1]", ok: true},
		"IPv4 in IPv6":                     {remote: "[::ffff:127.0.0.1]:5000", host: "localhost", ok: true},
		"sent to the loopback":             {remote: "127.0.0.1:5000", host: "localhost", local: addr("127.0.0.1:4000"), ok: true},
		"a peer elsewhere":                 {remote: "192.168.0.7:5000", host: "localhost"},
		"a peer elsewhere, IPv4 in IPv6":   {remote: "[::ffff:192.168.0.7]:5000", host: "localhost"},
		"no address":                       {remote: "@", host: "localhost"},
		"none at all":                      {remote: "", host: "localhost"},
		"a name instead":                   {remote: "localhost:5000", host: "localhost"},
		"an address from a header":         {remote: "127.0.0.1:5000", host: "localhost", local: addr("10.0.0.1:4000")},
		"a rebound name":                   {remote: "127.0.0.1:5000", host: "evil.example:4000"},
		"one that begins well":             {remote: "127.0.0.1:5000", host: "localhost.evil.example"},
		"one that begins with the address": {remote: "127.0.0.1:5000", host: "127.0.0.1.evil.example"},
		"one with a user":                  {remote: "127.0.0.1:5000", host: "localhost@evil.example"},
		"a trailing dot":                   {remote: "127.0.0.1:5000", host: "localhost."},
		"all addresses":                    {remote: "127.0.0.1:5000", host: "0.0.0.0:4000"},
		"no host":                          {remote: "127.0.0.1:5000", host: ""},
		"a zone":                           {remote: "127.0.0.1:5000", host: "[::1%25lo]:4000"},
		"X-Forwarded-For":                  {remote: "127.0.0.1:5000", host: "localhost", header: [2]string{"X-Forwarded-For", "127.0.0.1"}},
		"an empty X-Forwarded-For":         {remote: "127.0.0.1:5000", host: "localhost", header: [2]string{"X-Forwarded-For", ""}},
		"X-Forwarded-Proto":                {remote: "127.0.0.1:5000", host: "localhost", header: [2]string{"x-forwarded-proto", "https"}},
		"Forwarded":                        {remote: "127.0.0.1:5000", host: "localhost", header: [2]string{"Forwarded", "for=127.0.0.1"}},
		"Via":                              {remote: "127.0.0.1:5000", host: "localhost", header: [2]string{"Via", "1.1 proxy"}},
		"X-Real-IP":                        {remote: "127.0.0.1:5000", host: "localhost", header: [2]string{"X-Real-IP", "1.2.3.4"}},
		"CF-Connecting-IP":                 {remote: "127.0.0.1:5000", host: "localhost", header: [2]string{"CF-Connecting-IP", "1.2.3.4"}},
		"HTTP/1.0, as nginx by default":    {remote: "127.0.0.1:5000", host: "localhost", proto: -1},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/observer/", nil)
			r.RemoteAddr, r.Host = c.remote, c.host
			r.ProtoMinor += c.proto
			if c.header[0] != "" {
				r.Header.Set(c.header[0], c.header[1])
			}
			if c.local != nil {
				r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, c.local))
			}
			if err := observer.LocalError(r); (err == nil) != c.ok {
				t.Errorf("it is local: %v (%v), want %v", err == nil, err, c.ok)
			}
			if g, err := observer.Local(observer.Act)(r); (err == nil) != c.ok || c.ok && g.Rights != observer.Act {
				t.Errorf("Local grants %v, %v", g, err)
			}
		})
	}
}
