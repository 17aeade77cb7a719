package ws

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// origin is a parsed origin, or a pattern for origins: what is empty in a pattern
// matches anything.
type origin struct {
	scheme, host, port string
	subdomains         bool // of host, and host itself
}

// parseOrigin reads "https://a.com", "//b.com:888" or "//*.c.com".
func parseOrigin(s string) (origin, error) {
	u, err := url.Parse(s)
	if err != nil {
		return origin{}, fmt.Errorf("origin %q: %w", s, err)
	}
	o := origin{scheme: strings.ToLower(u.Scheme), host: strings.ToLower(u.Hostname()), port: u.Port()}
	if o.port == "" {
		o.port = defaultPort(o.scheme)
	}
	o.host, o.subdomains = strings.CutPrefix(o.host, "*.")
	if o.host == "" || strings.Contains(o.host, "*") {
		return origin{}, fmt.Errorf("origin %q: want a form like https://example.com, //example.com or //*.example.com", s)
	}
	return o, nil
}

func defaultPort(scheme string) string {
	switch scheme {
	case "http", "ws":
		return "80"
	case "https", "wss":
		return "443"
	}
	return ""
}

// matches reports whether o, as a pattern, covers the origin of a request.
func (o origin) matches(of origin) bool {
	return (o.scheme == "" || o.scheme == of.scheme) &&
		(o.port == "" || o.port == of.port) &&
		(o.host == of.host || o.subdomains && strings.HasSuffix(of.host, "."+o.host))
}

// checkOrigin reports whether a request may connect: one without an Origin header
// comes from no browser and may; otherwise the origin must be on the list or, if
// there is none, be the host and port that the request was sent to.
func checkOrigin(r *http.Request, allowed []origin) bool {
	header := r.Header.Get("Origin")
	if header == "" {
		return true
	}
	from, err := parseOrigin(header)
	if err != nil || from.subdomains {
		return false
	}
	if allowed == nil {
		return sameHost(from, r.Host)
	}
	for _, o := range allowed {
		if o.matches(from) {
			return true
		}
	}
	return false
}

// sameHost compares an origin with a Host header. The scheme is not compared:
// behind a proxy that speaks TLS the server cannot know its own.
func sameHost(from origin, hostHeader string) bool {
	host, port, err := net.SplitHostPort(hostHeader)
	if err != nil {
		host, port = strings.Trim(hostHeader, "[]"), defaultPort(from.scheme)
	}
	return strings.EqualFold(from.host, host) && from.port == port
}
