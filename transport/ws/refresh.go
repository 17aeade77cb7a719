package ws

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// How a client stays connected whose Identity would expire: the event phx_refresh on the topic
// of the protocol's own. The server sends it to ask, the client with what it would connect
// with, and is answered as any push is.

const (
	refreshLead     = time.Minute      // before the end, the client is asked
	refreshPatience = 10 * time.Second // with a Refresh
	refreshesLate   = 1000             // that have not returned by then, of all connections
)

// askToRefresh asks the client to send what it would connect with.
func (s *session) askToRefresh(left time.Duration) error {
	payload, err := validFor(left)
	if err != nil {
		return err
	}
	return s.send(wire.Message{Topic: wire.TopicPhoenix, Event: wire.EventRefresh, Payload: payload})
}

// validFor is the payload that says for how long a client may stay, in seconds.
func validFor(left time.Duration) (Payload, error) {
	return JSON(map[string]int64{"expires_in": int64(left / time.Second)})
}

// refreshed is what has become of a Refresh.
type refreshed struct {
	answer   wire.Message // payload apart
	identity Identity
	err      error
	told     any  // to the client, of err
	failed   bool // the program is at fault
}

// credentials are what a client sends to be refreshed.
type credentials struct {
	Token  string            `json:"token"`
	Params map[string]string `json:"params"`
}

// refresh starts a Refresh, which may take long: the connection does not wait for it.
func (s *session) refresh(m wire.Message) error {
	answer := wire.Message{Ref: m.Ref, Topic: m.Topic}
	var sent credentials
	switch {
	case s.renews:
		return s.reply(answer, Error(Reason("refresh is running")))
	case s.joins.rate.Take(s.endpoint.now(), s.socket.MaxJoinRate) > 0:
		return s.reply(answer, Error(Reason("too many refreshes")))
	case m.Payload.Decode(&sent) != nil:
		return s.reply(answer, Error(Reason("invalid payload")))
	}
	s.renews = true
	ctx, calls, self := s.ctx, &s.endpoint.refreshes, s.ctx.Self()
	r, present := s.refreshRequest(sent), s.identity()
	go func() {
		result, err := foreign.Value(ctx, calls, func(ctx context.Context) (refreshed, error) {
			r.Request = r.Request.WithContext(ctx)
			identity, err := s.socket.Refresh(r, present)
			return refreshed{identity: identity, err: err, told: refreshRefusal(err)}, nil
		})
		if err != nil {
			result = refreshed{err: err, told: refusedRefresh, failed: true}
		}
		result.answer = answer
		self.Send(sessionMsg{op: opRefreshed, with: result})
	}()
	return nil
}

const refusedRefresh = Reason("refresh refused")

// refreshRefusal is what the client is told of an error of Refresh. It calls what the error
// and the payload have for methods, and so does not belong into the session's turn.
func refreshRefusal(err error) any {
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		if payload, err := JSON(refused.Payload); err == nil {
			return payload
		}
	}
	return refusedRefresh
}

// refreshRequest is what Refresh gets, but for its context.
func (s *session) refreshRequest(sent credentials) *Request {
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: s.identity().path}, Header: http.Header{}}
	if from := s.transport.state().peer.address(); from.IsValid() {
		r.RemoteAddr = from.String()
	}
	params := url.Values{}
	for name, value := range sent.Params {
		params.Set(name, value)
	}
	s.socket.matches(r) // for the values of the path
	s.socket.parameters(r, params.Set)
	return &Request{Request: r, Params: params, AuthToken: sent.Token}
}

var errOtherUser = errors.New("the refreshed Identity has another ID")

// refreshed does what a Refresh has decided, and answers the client.
func (s *session) refreshed(r refreshed) error {
	s.renews = false
	r.identity.path = s.identity().path
	switch {
	case r.err != nil:
	case r.identity.ID != s.id:
		r.err, r.told, r.failed = errOtherUser, refusedRefresh, true
	case r.identity.hasExpired():
		r.err, r.told = errExpired, refusedRefresh
	}
	if r.err != nil {
		level := slog.LevelInfo
		if r.failed {
			level = slog.LevelError
		}
		s.log().Log(s.ctx, level, "refresh refused", "path", s.socket.Path, "reason", r.err)
		return s.reply(r.answer, Error(r.told))
	}
	s.assigned.(*endowed).Store(&r.identity)
	s.awaitExpiry()
	if r.identity.Expires.IsZero() {
		return s.reply(r.answer, OK(nil))
	}
	payload, err := validFor(r.identity.left())
	if err != nil {
		return err
	}
	return s.reply(r.answer, OK(payload))
}
