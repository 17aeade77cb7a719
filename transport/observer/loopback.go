package observer

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Local returns an Authorize for [Config]: requests from this machine have the rights, and
// others have none. What counts as this machine is in the doc of Authorize.
func Local(rights Rights) func(*http.Request) (Grant, error) {
	return func(r *http.Request) (Grant, error) {
		if err := local(r); err != nil {
			return Grant{}, &localOnlyError{err}
		}
		return Grant{Rights: rights, Who: "local"}, nil
	}
}

// local reports why a request is not known to come from this machine, or nil. A request that
// a proxy passes on comes from the proxy, which may be on this machine, and its client
// is not; and a page on the web may have its own name stand for 127.0.0.1. So the address
// alone says nothing.
func local(r *http.Request) error {
	if err := ownAddress("it comes from", r.RemoteAddr); err != nil {
		return err
	}
	// A handler in front may have put the address of a header in the place of the peer's.
	if at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && at != nil {
		if err := ownAddress("it was sent to", at.String()); err != nil {
			return err
		}
	}
	if !isLoopbackHost(r.Host) {
		return fmt.Errorf("its Host header %.80q is no name of this machine", r.Host)
	}
	for name := range r.Header {
		if tellsOfProxy(name) {
			return fmt.Errorf("a proxy has passed it on: it has a header %s", name)
		}
	}
	if !r.ProtoAtLeast(1, 1) { // no browser sends it; a proxy may, as nginx does unless told otherwise
		return fmt.Errorf("a proxy has passed it on: its protocol is %.10q", r.Proto)
	}
	return nil
}

func ownAddress(what, address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errors.New(what + " no IP address")
	}
	if !at.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("%s %v, which is not an address of this machine alone", what, at.Addr())
	}
	return nil
}

// isLoopbackHost reports whether a Host header names this machine, as far as any browser is
// concerned.
func isLoopbackHost(header string) bool {
	host := header
	if h, _, err := net.SplitHostPort(header); err == nil {
		host = h
	} else if strings.HasPrefix(header, "[") && strings.HasSuffix(header, "]") {
		host = header[1 : len(header)-1]
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	at, err := netip.ParseAddr(host)
	return err == nil && at.Zone() == "" && at.Unmap().IsLoopback()
}

// tellsOfProxy reports whether proxies add a header of that name.
func tellsOfProxy(header string) bool {
	return strings.HasPrefix(header, "X-Forwarded") || strings.HasPrefix(header, "X-Original-") ||
		slices.Contains(proxyHeaders, header)
}

var proxyHeaders = []string{
	"Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Envoy-External-Address",
	"X-Proxyuser-Ip", "X-Remote-Ip", "X-Remote-Addr", "X-Originating-Ip", "X-Appengine-User-Ip", "X-Request-Start",
	"True-Client-Ip", "Cf-Connecting-Ip", "Cf-Ray", "Cdn-Loop", "Fastly-Client-Ip", "Fly-Client-Ip", "Client-Ip",
	"Proxy-Connection", "Max-Forwards",
}
