package ws

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"github.com/google/uuid"
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

func pollMessages(status int, token string, frames []frame) pollAnswer {
	messages := make([]string, len(frames))
	for i, f := range frames {
		messages[i] = string(f.payload())
	}
	return pollAnswer{status, &pollResult{token, messages}}
}

const (
	authTokenHeader = "X-Phoenix-AuthToken"
	pollTokenHeader = "X-Phoenix-LongPoll-Token"
)

func (e *Endpoint) serveLongPoll(w http.ResponseWriter, r *http.Request, s *Socket) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
		h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
		h.Set("Access-Control-Max-Age", "3600")
		w.WriteHeader(http.StatusOK)
		return
	}
	var answer pollAnswer
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		w.WriteHeader(http.StatusBadRequest)
		return
	case !s.allows(r):
		answer = pollStatus(http.StatusForbidden)
	case r.Method == http.MethodGet:
		answer = e.poll(r, s)
	default:
		answer = pollStatus(e.post(w, r, s))
	}
	h.Set("Cache-Control", "no-store")
	if r.Method == http.MethodGet && !answer.known() {
		w.WriteHeader(answer.Status)
		return
	}
	h.Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

// known reports whether a client that polls knows what the answer means.
func (a pollAnswer) known() bool { return a.pollResult != nil || a.Status == http.StatusForbidden }

// poll answers a GET: with the messages of the client's session, or by opening
// one.
func (e *Endpoint) poll(r *http.Request, s *Socket) pollAnswer {
	params := r.URL.Query()
	p, token := e.pollerOf(r, params, s)
	switch {
	case p == nil && token != "":
		return pollStatus(http.StatusGone)
	case p == nil:
		return e.openPoll(r, params, s)
	}
	frames, alive := p.poll(r.Context())
	switch {
	case len(frames) > 0:
		return pollMessages(http.StatusOK, token, frames)
	case alive:
		return pollMessages(http.StatusNoContent, token, nil)
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
func (e *Endpoint) openPoll(r *http.Request, params url.Values, s *Socket) pollAnswer {
	if !e.admit() {
		return pollStatus(http.StatusServiceUnavailable)
	}
	admitted := true
	defer func() {
		if admitted { // for one, because Connect has panicked
			e.released()
		}
	}()
	identity, ser, err := e.handshake(s, "longpoll", authTokenOf, &Request{Request: r, Params: params})
	if err != nil {
		return pollStatus(http.StatusForbidden)
	}
	p := newPoller(e, s, uuid.New())
	admitted = false // from here on the poller's end releases it
	if !e.start(&session{endpoint: e, socket: s, transport: p, encoding: e.encodings.get(ser, false), identity: identity}) {
		return pollStatus(http.StatusServiceUnavailable)
	}
	return pollMessages(http.StatusGone, e.signPoll(p.id, s), nil)
}

// maxPollLines is how many messages one POST may carry.
const maxPollLines = 100

var errTooLarge = errors.New("ws: request too large")

// post takes the messages of a POST and returns the status of the answer.
func (e *Endpoint) post(w http.ResponseWriter, r *http.Request, s *Socket) int {
	p, _ := e.pollerOf(r, r.URL.Query(), s)
	if p == nil {
		return http.StatusGone
	}
	messages, err := readPost(w, r, s.MaxMessageSize)
	switch {
	case errors.Is(err, errTooLarge):
		return http.StatusRequestEntityTooLarge
	case err != nil:
		return http.StatusBadRequest
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.PollWindow)
	defer cancel()
	for _, m := range messages {
		if !p.inflow.take(ctx.Done(), e.now(), s.MaxMessageRate) {
			return http.StatusRequestTimeout
		}
		p.session.Send(m)
	}
	return http.StatusOK
}

// readPost splits the body of a POST into messages: one a line, text or bytes in
// base64, if the client says that it is so; otherwise the whole body is one.
func readPost(w http.ResponseWriter, r *http.Request, maxSize int) ([]sessionMsg, error) {
	lines := 1
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType == "application/x-ndjson" {
		lines = 10 // as many of the largest size; base64 and small messages fit in
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(maxSize)*int64(lines)*4/3))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, errTooLarge
	}
	if err != nil {
		return nil, err
	}
	if lines == 1 {
		return splitPost([][]byte{body}, maxSize, false)
	}
	return splitPost(bytes.Split(bytes.TrimRight(body, "\r\n"), []byte("\n")), maxSize, true)
}

func splitPost(lines [][]byte, maxSize int, mayBeBinary bool) ([]sessionMsg, error) {
	if len(lines) > maxPollLines {
		return nil, errTooLarge
	}
	messages := make([]sessionMsg, 0, len(lines))
	for _, line := range lines {
		m := sessionMsg{op: opFrame, data: line}
		if mayBeBinary && !bytes.HasPrefix(line, []byte("[")) {
			data, err := base64.StdEncoding.AppendDecode(nil, bytes.TrimSpace(line))
			if err != nil {
				return nil, err
			}
			m.data, m.binary = data, true
		}
		if len(m.data) > maxSize {
			return nil, errTooLarge
		}
		messages = append(messages, m)
	}
	return messages, nil
}

// pollerOf returns the session that the request's token names, and the token. If
// there is a token and no such session it returns nil and the token. It takes
// session tokens out of params, so that Connect does not see them: they share their
// name with what many call theirs.
func (e *Endpoint) pollerOf(r *http.Request, params url.Values, s *Socket) (*poller, string) {
	tokens := slices.Concat(params["token"], r.Header.Values(pollTokenHeader))
	params["token"] = slices.DeleteFunc(params["token"], isPollToken)
	if len(params["token"]) == 0 {
		delete(params, "token")
	}
	last := ""
	for _, token := range slices.Backward(tokens) { // the last one is the session's
		if !isPollToken(token) {
			continue
		}
		last = cmp.Or(last, token)
		if id, ok := e.verifyPoll(token, s); ok {
			if p, ok := e.polls.Load(id); ok {
				return p.(*poller), token
			}
		}
	}
	return nil, last
}
