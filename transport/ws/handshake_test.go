package ws

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

var anyTopic = Routes{Topic("*", func() mute { return mute{} }, nil)}

func TestOrigins(t *testing.T) { // ORIG-1 to ORIG-5
	cases := []struct {
		name    string
		allowed []string
		origin  string
		host    string
		want    bool
	}{
		{"no Origin header", nil, "", "a.com", true},
		{"same host", nil, "https://a.com", "a.com", true},
		{"same host, any case", nil, "https://A.com", "a.COM", true},
		{"same host and port", nil, "http://a.com:4000", "a.com:4000", true},
		{"default port named by the Host header", nil, "https://a.com", "a.com:443", true},
		{"other port", nil, "http://a.com:4001", "a.com:4000", false},
		{"other host", nil, "https://b.com", "a.com", false},
		{"longer host, ORIG-5", nil, "https://a.com.evil.org", "a.com", false},
		{"IPv6", nil, "http://[::1]:4000", "[::1]:4000", true},
		{"IPv6 without port", nil, "http://[::1]", "[::1]", true},
		{"opaque, ORIG-4", nil, "null", "a.com", false},
		{"no host", nil, "file://", "a.com", false},
		{"junk", nil, "://", "a.com", false},
		{"wildcard as an origin", nil, "https://*.a.com", "a.com", false},
		{"listed", []string{"https://b.com"}, "https://b.com", "a.com", true},
		{"listed, so the own host is not enough", []string{"https://b.com"}, "https://a.com", "a.com", false},
		{"listed with another scheme", []string{"https://b.com"}, "http://b.com", "a.com", false},
		{"any scheme", []string{"//b.com"}, "http://b.com", "a.com", true},
		{"any scheme, a port", []string{"//b.com:888"}, "http://b.com:888", "a.com", true},
		{"any scheme, another port", []string{"//b.com:888"}, "http://b.com", "a.com", false},
		{"subdomain", []string{"//*.c.com"}, "https://x.y.c.com", "a.com", true},
		{"the domain itself", []string{"//*.c.com"}, "https://c.com", "a.com", true},
		{"not a subdomain", []string{"//*.c.com"}, "https://evilc.com", "a.com", false},
		{"second of the list", []string{"//b.com", "//d.com"}, "https://d.com", "a.com", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := Socket{Path: "/s", Channels: anyTopic, Origins: c.allowed}.withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("GET", "/s/websocket", nil)
			r.Host = c.host
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			if got := checkOrigin(r, s.origins); got != c.want {
				t.Errorf("origin %q at %q: %v, want %v", c.origin, c.host, got, c.want)
			}
		})
	}
}

func TestAuthToken(t *testing.T) { // AUTH-1, AUTH-2, AUTH-3
	cases := []struct {
		name, header, token, rest string
		fails                     bool
	}{
		{name: "none", header: "phoenix", rest: "phoenix"},
		{name: "standard alphabet", header: "phoenix, base64url.bearer.phx.c2VjcmV0", token: "secret", rest: "phoenix"},
		{name: "URL alphabet", header: "phoenix, base64url.bearer.phx.Pz8_", token: "???", rest: "phoenix"},
		{name: "padded", header: "base64url.bearer.phx.YQ==, phoenix", token: "a", rest: "phoenix"},
		{name: "junk", header: "phoenix, base64url.bearer.phx.%%%", fails: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := http.Header{}
			h.Set(protocolHeader, c.header)
			token, err := bearerToken(h)
			if (err != nil) != c.fails || token != c.token {
				t.Fatalf("token %q, %v; want %q", token, err, c.token)
			}
			if err == nil && h.Get(protocolHeader) != c.rest {
				t.Errorf("left %q, want %q", h.Get(protocolHeader), c.rest)
			}
		})
	}
}

func TestRoutes(t *testing.T) { // JOIN-2
	rs := Routes{
		Topic("room:lobby", func() Handler { return nil }, nil),
		Topic("room:*", func() Handler { return nil }, nil),
		Topic("*", func() Handler { return nil }, nil),
	}
	for topic, want := range map[string]string{
		"room:lobby": "room:lobby", "room:lobby2": "room:*", "room:": "room:*", "room": "*", "Room:lobby": "*", "": "*",
	} {
		if got := rs.match(topic); got == nil || got.pattern != want {
			t.Errorf("%q goes to %v, want %q", topic, got, want)
		}
	}
	if got := rs[:2].match("other"); got != nil {
		t.Errorf("other goes to %v", got.pattern)
	}
}
