package ws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/troupe-go/troupe/transport/ws/internal/frame"
)

// The HTTP side of long-polling: GET polls, POST sends. Answers have HTTP status
// 200; the real one is in their body.
//
// But the official client knows only 200, 204, 403, 410 and 500 as the status of a
// poll. At any other it throws, and is neither open nor closed from then on. If
// there is no body it reconnects, whatever the HTTP status. So a poll is answered
// by another status without a body. That a session is gone is such a status too:
// up to version 1.8.1 the client takes a 410 in the body for a session that is
// open, and its channels never join that one.

// pollAnswer is an answer.
type pollAnswer struct {
	Status      int `json:"status"`
	*pollResult     // nil: nothing but the status
}

// pollResult is what a client that may go on polling gets.
type pollResult struct {
	Token    string   `json:"token"`
	Messages []string `json:"messages"`
}

func pollStatus(status int) pollAnswer { return pollAnswer{Status: status} }

func pollMessages(status int, token string, frames []frame.Sealed) pollAnswer {
	messages := make([]string, len(frames))
	for i, f := range frames {
		messages[i] = string(f.Payload())
	}
	return pollAnswer{status, &pollResult{token, messages}}
}

// known reports whether a client that polls knows what the answer means.
func (a pollAnswer) known() bool { return a.pollResult != nil || a.Status == http.StatusForbidden }

// write writes the answer, within the limit. It returns nil only if all of it has
// been written, as far as w can tell.
func (a pollAnswer) write(w http.ResponseWriter, r *http.Request, limit time.Duration) error {
	control := http.NewResponseController(w)
	control.SetWriteDeadline(time.Now().Add(limit))
	if errors.Is(r.Context().Err(), context.Canceled) {
		closeAfter(w, r)
	}
	if r.Method == http.MethodGet && !a.known() {
		w.WriteHeader(a.Status)
		return nil
	}
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if _, err := w.Write(body); err != nil {
		return err
	}
	if !flushes(w) {
		return nil
	}
	return control.Flush()
}

// flushes reports whether what w has been wrapped around flushes. Some wrappers, such
// as those of echo and gin, have a Flush in any case, and panic if that does not.
func flushes(w http.ResponseWriter) bool {
	for {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = outer.Unwrap()
	}
	_, plain := w.(http.Flusher)
	_, withError := w.(interface{ FlushError() error })
	return plain || withError
}

const (
	authTokenHeader = "X-Phoenix-AuthToken"
	pollTokenHeader = "X-Phoenix-LongPoll-Token"
)

func (e *Endpoint) serveLongPoll(w http.ResponseWriter, r *http.Request, s *Socket) {
	e.limitRequest(w, r, s.PollWindow+s.WriteTimeout)
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", "no-store")
	switch {
	case r.Method == http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
		h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
		h.Set("Access-Control-Max-Age", "3600")
		w.WriteHeader(http.StatusOK)
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		w.WriteHeader(http.StatusBadRequest)
	case !s.allows(r):
		pollStatus(http.StatusForbidden).write(w, r, s.WriteTimeout)
	case r.Method == http.MethodGet:
		e.poll(w, r, s)
	default:
		pollStatus(e.post(w, r, s)).write(w, r, s.WriteTimeout)
	}
}

// limitRequest limits how long the body of a request may take, and its answer. The
// ReadTimeout and WriteTimeout of the server do not count for it: a poll lasts.
func (e *Endpoint) limitRequest(w http.ResponseWriter, r *http.Request, limit time.Duration) {
	control, at := http.NewResponseController(w), time.Now().Add(limit)
	err := control.SetWriteDeadline(at)
	if r.ContentLength == 0 { // all that the server still reads for is the end of the connection
		at = time.Time{}
	}
	if err = errors.Join(err, control.SetReadDeadline(at)); errors.Is(err, http.ErrNotSupported) {
		e.noDeadlines.Do(func() {
			e.log.Warn("requests are not limited in time by their socket: a ResponseWriter before it has neither SetReadDeadline and SetWriteDeadline nor Unwrap", "type", fmt.Sprintf("%T", w))
		})
	}
}

// poll answers a GET: with the messages of the client's session, or by opening
// one.
func (e *Endpoint) poll(w http.ResponseWriter, r *http.Request, s *Socket) {
	params := r.URL.Query()
	p, place := e.pollerOf(r, params, s)
	switch {
	case p != nil:
		p.poll(r.Context(), place.answer, func(b pollBatch) error { return e.pollAnswer(b, s).write(w, r, s.WriteTimeout) })
	case place != nil:
		pollStatus(http.StatusGone).write(w, r, s.WriteTimeout)
	default:
		e.openPoll(w.Header(), r, params, s).write(w, r, s.WriteTimeout)
	}
}

func (e *Endpoint) pollAnswer(b pollBatch, s *Socket) pollAnswer {
	switch {
	case len(b.frames) > 0:
		return pollMessages(http.StatusOK, e.signPoll(b.at, s), b.frames)
	case b.alive:
		return pollMessages(http.StatusNoContent, e.signPoll(b.at, s), nil)
	}
	return pollStatus(http.StatusGone)
}

// authTokenOf takes the auth token out of the header of a client that polls.
func authTokenOf(h http.Header) (string, error) {
	token := h.Get(authTokenHeader)
	h.Del(authTokenHeader)
	return token, nil
}

// openPoll starts a session. The client takes status 410 with a token as "open".
func (e *Endpoint) openPoll(h http.Header, r *http.Request, params url.Values, s *Socket) pollAnswer {
	seat, full := e.admit(s, peerOf(r))
	if full != nil {
		maps.Copy(h, full.Header)
		return pollStatus(full.Status)
	}
	admitted := true
	defer func() {
		if admitted { // Connect may have panicked
			seat.leave()
		}
	}()
	identity, ser, err := e.handshake(s, "longpoll", authTokenOf, &Request{Request: r, Params: params})
	switch {
	case err == errTooManyOfUser:
		return pollStatus(errTooManyOfUser.Status)
	case err != nil:
		return pollStatus(http.StatusForbidden)
	}
	p := newPoller(seat, s, uuid.New())
	admitted = false // from here on the poller's end releases it
	if !seat.start(newSession(e, s, p, identity, ser)) {
		maps.Copy(h, errDown.Header)
		return pollStatus(errDown.Status)
	}
	return pollMessages(http.StatusGone, e.signPoll(pollPlace{session: p.id}, s), nil)
}

// pollerOf returns the session that the request's token names, and what else the
// token says. If there is no such session it returns nil, and nil for the token only
// if there is none of ours. It takes session tokens out of params, so that Connect
// does not see them: they share their name with what many call theirs.
func (e *Endpoint) pollerOf(r *http.Request, params url.Values, s *Socket) (p *poller, at *pollPlace) {
	tokens := slices.Concat(params["token"], r.Header.Values(pollTokenHeader))
	params["token"] = slices.DeleteFunc(params["token"], isPollToken)
	if len(params["token"]) == 0 {
		delete(params, "token")
	}
	for _, token := range slices.Backward(tokens) { // the last one is the session's
		if !isPollToken(token) {
			continue
		}
		place, ok := e.verifyPoll(token, s)
		if at = &place; !ok {
			continue
		}
		if p, ok := e.polls.Load(place.session); ok {
			return p.(*poller), at
		}
	}
	return nil, at
}
