package httpapi

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"
)

// problem is an error that the client is told.
type problem struct {
	status        int
	code, message string
	header        http.Header // of the answer
	cause         error       // for the log only
}

func (p *problem) Error() string { return p.code + ": " + p.message }

func invalid(code, message string) *problem {
	return &problem{status: http.StatusBadRequest, code: code, message: message}
}

func unavailable(message string) *problem {
	return &problem{
		status: http.StatusServiceUnavailable, code: "unavailable", message: message,
		header: http.Header{"Retry-After": {"1"}},
	}
}

func tooMany(wait time.Duration) *problem {
	seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	return &problem{
		status: http.StatusTooManyRequests, code: "too_many_requests", message: "come back in " + seconds + " s",
		header: http.Header{"Retry-After": {seconds}},
	}
}

// problemOf returns what the client is told of an error, or nil.
func problemOf(err error) *problem {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	return &problem{status: http.StatusInternalServerError, code: "internal", message: "something went wrong", cause: err}
}

// write writes an answer, or what has come in between.
func write(w http.ResponseWriter, answer any, p *problem) {
	h, status := w.Header(), http.StatusOK
	if p != nil {
		for name, values := range p.header {
			h[name] = values
		}
		status = p.status
		answer = map[string]any{"error": map[string]string{"code": p.code, "message": p.message}}
	}
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	text, err := json.Marshal(answer)
	if err != nil { // of a payload that Fetch has made up
		status, text = http.StatusInternalServerError, []byte(`{"error":{"code":"internal","message":"the answer is not JSON"}}`)
	}
	w.WriteHeader(status)
	w.Write(append(text, '\n'))
}
