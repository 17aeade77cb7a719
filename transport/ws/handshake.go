package ws

import (
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/transport/ws/internal/visit"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

const (
	subprotocol = "phoenix"
	// tokenPrefix starts the subprotocol that carries an auth token. The official
	// client uses the standard alphabet in spite of the name.
	tokenPrefix    = "base64url.bearer.phx."
	protocolHeader = "Sec-WebSocket-Protocol"
)

// handshake decides whether a client may connect, and tells of it.
func (e *Endpoint) handshake(s *Socket, transport string, authToken func(http.Header) (string, error), r *Request) (Identity, wire.Serializer, error) {
	event := Connected{Request: r, Path: s.Path, Transport: transport}
	var start time.Time
	if s.Observe != nil {
		start = time.Now()
	}
	vsn := "1.0.0" // of clients that do not say
	if r.Params.Has("vsn") {
		vsn = r.Params.Get("vsn")
	}
	identity, ser, err := s.handshake(vsn, authToken, r)
	if err == nil {
		err = s.users.enter(identity.ID)
	}
	entered := err == nil
	defer func() {
		if entered { // an observer has ended the goroutine
			s.users.leave(identity.ID)
		}
	}()
	if err != nil {
		visit.Of[Identity](r.Context()).Refuse(err)
		e.refusals.Add(1)
		level := slog.LevelInfo
		if errors.Is(err, errVersion) {
			level = slog.LevelWarn // a client that is newer than the server, or none of ours
		}
		e.log.Log(r.Context(), level, "connection refused", "path", r.URL.Path, "remote", r.RemoteAddr, "reason", err)
	} else {
		e.connects.Add(1)
		vsn = ser.Version()
	}
	if s.Observe != nil {
		event.Version, event.SocketID, event.Err = vsn, identity.ID, err
		event.Duration = time.Since(start)
		e.emit(s, event)
	}
	entered = false // from here on the session's end counts it out
	return identity, ser, err
}

// handshake checks a request, and what Connect thinks of it.
func (s *Socket) handshake(vsn string, authToken func(http.Header) (string, error), r *Request) (Identity, wire.Serializer, error) {
	identity, ser, err := s.identify(vsn, authToken, r)
	if err == nil && identity.hasExpired() {
		err = errExpired
	}
	if s.Refresh != nil {
		transport, _ := s.matches(r.Request)
		identity.path = strings.TrimSuffix(r.URL.Path, transport)
	}
	return identity, ser, err
}

// identify checks a request in the order that Phoenix does: origin, auth token,
// subprotocol, version, and then the user's Connect.
func (s *Socket) identify(vsn string, authToken func(http.Header) (string, error), r *Request) (Identity, wire.Serializer, error) {
	if identity, ok := visit.Of[Identity](r.Context()).As(); ok {
		ser, err := serializerFor(s.Serializers, vsn)
		return identity, ser, err
	}
	if !s.allows(r.Request) {
		return Identity{}, nil, errOrigin
	}
	var err error
	if r.AuthToken, err = authToken(r.Header); err != nil {
		return Identity{}, nil, err
	}
	if !s.speaks(r.Header) {
		return Identity{}, nil, errSubprotocol
	}
	ser, err := serializerFor(s.Serializers, vsn)
	if err != nil || s.Connect == nil {
		return Identity{}, ser, err
	}
	s.parameters(r.Request, r.Params.Set)
	identity, err := s.Connect(r)
	return identity, ser, err
}

var (
	errOrigin      = errors.New("origin not allowed")
	errSubprotocol = errors.New("none of the client's subprotocols is spoken here")
)

// allows reports whether the request may come from where it comes from.
func (s *Socket) allows(r *http.Request) bool {
	if s.CheckOrigin != nil {
		return s.CheckOrigin(r)
	}
	return checkOrigin(r, s.origins)
}

// bearerToken takes the auth token out of the subprotocols of a WebSocket.
func bearerToken(h http.Header) (token string, err error) {
	var rest []string
	found := false
	for _, p := range subprotocols(h) {
		encoded, ok := strings.CutPrefix(p, tokenPrefix)
		if !ok {
			rest = append(rest, p)
			continue
		}
		decoded, err := base64.RawStdEncoding.DecodeString(
			strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(encoded))
		if err != nil {
			return "", errors.New("auth token is not base64")
		}
		token, found = string(decoded), true
	}
	if found {
		h.Set(protocolHeader, strings.Join(rest, ", "))
	}
	return token, nil
}

// subprotocols returns what a client asks for, in order.
func subprotocols(h http.Header) (all []string) {
	for _, line := range h.Values(protocolHeader) {
		for p := range strings.SplitSeq(line, ",") {
			if p = strings.TrimSpace(p); p != "" {
				all = append(all, p)
			}
		}
	}
	return all
}

// speaks reports whether the client asks for a subprotocol of the list, or for
// none, or whether there is no list.
func (s *Socket) speaks(h http.Header) bool {
	wanted := subprotocols(h)
	if len(s.Subprotocols) == 0 || len(wanted) == 0 {
		return true
	}
	return slices.ContainsFunc(wanted, func(p string) bool {
		return slices.ContainsFunc(s.conn.Subprotocols, func(have string) bool { return strings.EqualFold(p, have) })
	})
}

// isUpgrade reports whether the request asks for a WebSocket.
func isUpgrade(h http.Header) bool {
	return strings.EqualFold(h.Get("Upgrade"), "websocket")
}
