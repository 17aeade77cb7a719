package ws

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"sync"
	"time"
)

// maxPostMessages is how many of the largest messages the body of a POST may have
// room for, in base64.
const maxPostMessages = 10

var errTooLarge = errors.New("request too large")

// post takes the messages of a POST and returns the status of the answer. Each goes
// to the session as soon as it is read. A POST that the session keeps waiting is not
// read any further, as a WebSocket is not. But it must be answered before its client
// gives up on it, so some messages may wait for the session after it.
func (e *Endpoint) post(w http.ResponseWriter, r *http.Request, s *Socket) int {
	p, _ := e.pollerOf(r, r.URL.Query(), s)
	if p == nil {
		return http.StatusGone
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.PollWindow)
	defer cancel()
	defer context.AfterFunc(p.life, cancel)()
	read := interruptReads(ctx, w, r)
	defer read()
	err := p.intake.enter(ctx)
	if err == nil {
		defer p.intake.leave()
		err = readPost(w, r, s.MaxMessageSize, func(m sessionMsg) error {
			m.read = e.stamp(s)
			return p.intake.put(ctx, m, s.MaxMessageSize)
		})
	}
	switch {
	case p.life.Err() != nil:
		return http.StatusGone
	case errors.Is(err, errTooLarge):
		return http.StatusRequestEntityTooLarge
	case err != nil && ctx.Err() != nil:
		return http.StatusRequestTimeout
	case err != nil:
		return http.StatusBadRequest
	}
	read()
	p.intake.empty(ctx) // or the window is over
	if p.life.Err() != nil {
		return http.StatusGone
	}
	return http.StatusOK
}

// readPost calls put with each message of a POST: one a line, text or bytes in
// base64, if the client says that it is so; otherwise the whole body is one. A
// message that was not read to its end is not put.
func readPost(w http.ResponseWriter, r *http.Request, maxSize int, put func(sessionMsg) error) error {
	body := http.MaxBytesReader(w, r.Body, maxPostMessages*base64Size(maxSize))
	var err error
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType == "application/x-ndjson" {
		err = readLines(body, base64Size(maxSize), func(line []byte) error {
			m, err := lineMessage(line, maxSize)
			if err != nil {
				return err
			}
			return put(m)
		})
	} else {
		err = readWhole(body, maxSize, put)
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return errTooLarge
	}
	return err
}

func base64Size(n int) int64 { return int64(n)/3*4 + 4 }

// interruptReads lets what reads the body fail when ctx ends, until done is called,
// which must be before the answer is written. It may be called again.
func interruptReads(ctx context.Context, w http.ResponseWriter, r *http.Request) (done func()) {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		defer func() { recover() }() // w may be anybody's, and is on no handler's goroutine here
		http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
	})
	return sync.OnceFunc(func() {
		if !stop() {
			<-interrupted // w is not to be touched when the handler has returned
			closeAfter(w, r)
		}
	})
}

// closeAfter ends an HTTP/1 connection after the answer: reading from it has failed,
// which for the server is its end, and the end of the context of every request that
// would come on it.
func closeAfter(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
}

func readWhole(body io.Reader, maxSize int, put func(sessionMsg) error) error {
	data, err := io.ReadAll(io.LimitReader(body, int64(maxSize)+1))
	switch {
	case err != nil:
		return err
	case len(data) > maxSize:
		return errTooLarge
	}
	return put(sessionMsg{op: opFrame, data: data})
}

// readLines calls f with each line that is not empty, in memory of its own: what a
// handler keeps of one does not keep the others.
func readLines(body io.Reader, maxSize int64, f func(line []byte) error) error {
	r := bufio.NewReader(body)
	for {
		var line []byte
		part, err := r.ReadSlice('\n')
		for ; err == bufio.ErrBufferFull; part, err = r.ReadSlice('\n') {
			if line = append(line, part...); int64(len(line)) > maxSize {
				return errTooLarge
			}
		}
		line = append(line, part...)
		if err != nil && err != io.EOF { // not the end: the line is cut
			return err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := f(line); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

func lineMessage(line []byte, maxSize int) (m sessionMsg, err error) {
	m = sessionMsg{op: opFrame, data: line}
	if line[0] != '[' {
		m.binary = true
		if m.data, err = base64.StdEncoding.AppendDecode(nil, line); err != nil {
			return m, err
		}
	}
	if len(m.data) > maxSize {
		return m, errTooLarge
	}
	return m, nil
}
